"""200 threads and 10 connections: `python benchmarks/pool/contention.py [--threads N] [--size N] [--seconds N]`.

Each thread borrows, asks the server for a number that only this thread knows, compares, and returns the connection, as
fast as it can. Prints borrows per second, how far the threads are apart, how long they wait, and how long they hold.
"""

from __future__ import annotations

import argparse
import sys
import threading
from statistics import mean, quantiles
from time import monotonic, perf_counter

from mariadb_py import ConnectionPool
from mariadb_py.testing import temp_server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATIENCE = 60.0  # seconds in which a thread has to end


class Contention:
    """What came of a run.

    Attributes:
        seconds: how long it lasted.
        borrows: how many each thread had.
        waits: seconds that each borrow took.
        holds: seconds that each connection was held.
        strangers: answers that were not for the thread that got them.
        errors: what was raised.
        hung: threads that did not end.
        figures: the pool's own ones.
    """

    def __init__(self, threads: int) -> None:
        self.seconds = 0.0
        self.borrows = [0] * threads
        self.waits: list[float] = []
        self.holds: list[float] = []
        self.strangers = self.hung = 0
        self.errors: list[BaseException] = []
        self.figures: dict[str, Any] = {}

    @property
    def unfairness(self) -> float:
        """Borrows of the thread that had most, for each of the one that had fewest."""
        return max(self.borrows) / max(min(self.borrows), 1)

    @property
    def p50(self) -> float:
        """Half of the waits are shorter."""
        return quantiles(self.waits, n=100)[49]

    @property
    def p99(self) -> float:
        """All but one of a hundred waits are shorter."""
        return quantiles(self.waits, n=100)[98]

    @property
    def hold(self) -> float:
        """Seconds that a connection is held, on average."""
        return mean(self.holds)


def run(threads: int, size: int, seconds: float) -> Contention:
    """Let threads contend for the connections of a pool on a server of its own."""
    result = Contention(threads)
    with temp_server() as server:
        options = {**server.connect_args, "pool_size": size, "acquire_timeout": 30}
        with ConnectionPool(pool_name="contention", **options) as pool:
            _contend(pool, result, threads, seconds)
            result.figures = pool.stats()
    return result


def _contend(pool: ConnectionPool, result: Contention, threads: int, seconds: float) -> None:
    gate = threading.Barrier(threads + 1)
    until = [0.0]

    def work(number: int) -> None:
        gate.wait()
        try:
            while monotonic() < until[0]:
                _borrow(pool, result, number)
        except BaseException as error:
            result.errors.append(error)

    workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(threads)]
    for worker in workers:
        worker.start()
    until[0] = monotonic() + seconds
    began = perf_counter()
    gate.wait()
    deadline = monotonic() + seconds + PATIENCE
    for worker in workers:
        worker.join(max(deadline - monotonic(), 0))
    result.hung = sum(worker.is_alive() for worker in workers)
    result.seconds = perf_counter() - began


def _borrow(pool: ConnectionPool, result: Contention, number: int) -> None:
    secret = number * 1_000_000 + result.borrows[number]
    began = perf_counter()
    connection = pool.get_connection()
    have = perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT ?", (secret,))
        result.strangers += cursor.fetchall() != [(secret,)]
    connection.close()
    result.holds.append(perf_counter() - have)
    result.waits.append(have - began)
    result.borrows[number] += 1


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=200)
    parser.add_argument("--size", type=int, default=10, help="connections")
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    result = run(arguments.threads, arguments.size, arguments.seconds)
    print(f"{arguments.threads} threads, {arguments.size} connections, {result.seconds:.1f} s")
    print(f"borrows per second         {sum(result.borrows) / result.seconds:10.0f}")
    print(f"per thread, most / fewest  {result.unfairness:10.2f}")
    print(f"wait, p50                  {result.p50 * 1000:10.2f} ms")
    print(f"wait, p99                  {result.p99 * 1000:10.2f} ms")
    print(f"hold, mean                 {result.hold * 1000:10.3f} ms")
    wrong = {"errors": len(result.errors), "answers for others": result.strangers, "hanging threads": result.hung}
    print(", ".join(f"{count} {name}" for name, count in wrong.items()))
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
