"""T22. Everything that can go wrong, mixed, for a long time: `python -m tests.chaos.soak --minutes 30`.

Threads borrow from two pools, one behind a proxy, and behave badly: they forget connections, leave transactions and
rows behind, raise, kill themselves. Meanwhile the server is killed, restarted, and made read-only, the network swallows
everything, and the pools are drained, resized and suspended. Behind each round the threads rest: no place may be lost,
the server may have no more connections than the pools may, and open files, threads and memory have to be what they
were.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import threading
import time
import warnings
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import mariadb_py
from mariadb_py import ConnectionPool, create_pool
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, execute, fetch, prove, status, value, wait_until
from tests.chaos.proxy import proxied

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.chaos.proxy import Proxy

THREADS = 12
BEHIND_PROXY, DIRECT = 10, 5  # connections that the pools may have
ROUND = 10.0  # seconds
REST = 20.0  # seconds in which everything has to come to rest
MEMORY = 1.10  # times as much as in the beginning, and
PAGES = 4 << 20  # bytes on top
FILES = THREADS_MORE = 3


class Sample(NamedTuple):
    """What this process has open when nothing is going on."""

    files: int
    threads: int
    memory: int


class Soak:
    """The pools, whoever borrows from them, and what is done to them."""

    def __init__(self, server: TempServer, proxy: Proxy, pools: tuple[ConnectionPool, ...], seed: int) -> None:
        self.server, self.proxy, self.pools = server, proxy, pools
        self.random = random.Random(seed)
        self.counts: dict[str, int] = {}
        self.wrong: list[str] = []
        self._stop, self._work = threading.Event(), threading.Event()
        self._resting = threading.Semaphore(0)
        self._threads = [
            threading.Thread(target=self._worker, args=(number,), daemon=True) for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    # Whoever borrows

    def _worker(self, number: int) -> None:
        chance = random.Random(number)
        while not self._stop.is_set():
            if not self._work.is_set():
                self._resting.release()
                self._work.wait()
                continue
            deed = chance.choice(DEEDS)
            try:
                deed(chance.choice(self.pools), chance)
                self._count("deeds")
            except mariadb_py.Error:
                self._count("errors")
                time.sleep(0.005)
            except Deliberate:
                self._count("deeds")
            except BaseException as error:
                self.wrong.append(f"{deed.__name__}: {error!r}")

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    # What is done to them

    def round(self, seconds: float) -> Sample:
        """Let the threads work, strike, let them rest, and see what is left."""
        self._work.set()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(self.random.uniform(0.0, min(1.0, seconds / 4)))
            strike = self.random.choice(STRIKES)
            self._count(strike.__name__.strip("_"))
            strike(self)
        self._work.clear()
        for _ in range(THREADS):
            prove(self._resting.acquire(timeout=REST), "a thread hangs")
        prove(not self.wrong, f"{len(self.wrong)} strange things, the first: {self.wrong[:1]}")
        return self._rest()

    def _rest(self) -> Sample:
        gc.collect()
        for pool in self.pools:
            pool.drain()
            pool.wait_ready(REST)
        until = time.monotonic() + REST
        while not self._is_quiet():
            prove(time.monotonic() < until, f"a place is lost: {[pool.stats() for pool in self.pools]}")
            time.sleep(0.01)
        most = sum(pool.pool_size for pool in self.pools)
        with mariadb_py.connect(**self.server.connect_args) as administrator:
            query = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'"
            wait_until(
                lambda: value(administrator, query) <= most, f"the server has more than {most} connections", REST
            )
        time.sleep(0.3)  # the proxy hangs up on both sides
        behind, direct = (pool.stats()["size"] for pool in self.pools)
        return _sample(3 * behind + direct)

    def _is_quiet(self) -> bool:
        gc.collect()
        figures = [pool.stats() for pool in self.pools]
        busy = sum(each[name] for each in figures for name in ("active", "waiting", "connecting"))
        return not busy and all(each["min_size"] <= each["size"] == each["idle"] for each in figures)

    def end(self) -> None:
        """End the threads."""
        self._stop.set()
        self._work.set()
        for thread in self._threads:
            thread.join(REST)
        prove(not any(thread.is_alive() for thread in self._threads), "a thread hangs")


# What threads do


class Deliberate(Exception):
    """Of a borrower, in his `with` block."""


def _ask(pool: ConnectionPool, chance: random.Random) -> None:
    with pool.get_connection() as connection:
        number = chance.randrange(1 << 30)
        found = fetch(connection, "SELECT ?, CONNECTION_ID()", (number,))
        if found != [(number, connection.connection_id)]:
            raise AssertionError(f"asked for {number}, the answer is {found}")


def _write(pool: ConnectionPool, chance: random.Random) -> None:
    with pool.connection() as connection:
        execute(connection, f"INSERT INTO t VALUES ({chance.randrange(1000)})", "DELETE FROM t ORDER BY n LIMIT 3")


def _raise(pool: ConnectionPool, chance: random.Random) -> None:
    with pool.connection() as connection:
        execute(connection, "INSERT INTO t VALUES (0)")
        raise Deliberate


def _forget(pool: ConnectionPool, chance: random.Random) -> None:
    connection = pool.get_connection()
    if chance.random() < 0.5:
        keeper: list[object] = [connection]
        keeper.append(keeper)


def _leave_a_mess(pool: ConnectionPool, chance: random.Random) -> None:
    connection = pool.get_connection()
    execute(connection, "SET autocommit = 0", "SET @v = 1", "CREATE TEMPORARY TABLE mess (n INT)")
    cursor = connection.cursor(buffered=False, prepared=chance.random() < 0.5)
    cursor.execute(f"SELECT seq FROM seq_1_to_{chance.choice((10, 100_000))}")
    cursor.fetchone()
    connection.close()
    connection.close()


def _kill_oneself(pool: ConnectionPool, chance: random.Random) -> None:
    with pool.get_connection() as connection:
        execute(connection, f"KILL {chance.choice(('CONNECTION', 'QUERY'))} {connection.connection_id}")
        value(connection, "SELECT 1")


def _be_slow(pool: ConnectionPool, chance: random.Random) -> None:
    with pool.get_connection(timeout=chance.choice((0, 0.01, 0.5))) as connection:
        value(connection, f"SELECT SLEEP({chance.random() / 2})")


DEEDS = (*(_ask,) * 12, *(_write,) * 4, _raise, _forget, *(_leave_a_mess,) * 2, _kill_oneself, _be_slow)


# What happens to the server, the network and the pools


def _kill_some(soak: Soak) -> None:
    with mariadb_py.connect(**soak.server.connect_args) as administrator:
        rows = fetch(administrator, "SELECT id FROM information_schema.processlist WHERE user = 'app'")
        for (number,) in soak.random.sample(rows, len(rows) // 2):
            try:
                administrator.kill(number)
            except mariadb_py.Error:
                continue  # gone already


def _crash(soak: Soak) -> None:
    soak.server.kill()
    time.sleep(soak.random.uniform(0.0, 1.5))
    soak.server.start()


def _restart(soak: Soak) -> None:
    soak.server.restart()


def _black_hole(soak: Soak) -> None:
    soak.proxy.hold(set())
    time.sleep(soak.random.uniform(0.1, 2.0))
    soak.proxy.heal()


def _read_only(soak: Soak) -> None:
    with mariadb_py.connect(**soak.server.connect_args) as administrator:
        execute(administrator, "SET GLOBAL read_only = 1")
        time.sleep(0.2)
        execute(administrator, "SET GLOBAL read_only = 0")


def _drain(soak: Soak) -> None:
    for pool in soak.pools:
        pool.drain()


def _resize(soak: Soak) -> None:
    pool = soak.random.choice(soak.pools)
    least, most = pool.stats()["min_size"], pool.pool_size
    pool.resize(1, 2)
    time.sleep(soak.random.uniform(0.0, 0.3))
    pool.resize(least, most)


def _suspend(soak: Soak) -> None:
    for pool in soak.pools:
        pool.suspend(soak.random.random() < 0.5)
    time.sleep(soak.random.uniform(0.0, 0.5))
    for pool in soak.pools:
        pool.resume()


def _check(soak: Soak) -> None:
    for pool in soak.pools:
        pool.check()


STRIKES: tuple[Callable[[Soak], None], ...] = (
    *(_kill_some, _kill_some, _crash, _restart, _black_hole, _black_hole),
    *(_read_only, _drain, _resize, _suspend, _check),
)


def _sample(sockets: int) -> Sample:
    """What is open beside the sockets of the pools, and of the proxy behind one of them."""
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return Sample(len(os.listdir("/proc/self/fd")) - sockets, _threads(), pages * os.sysconf("SC_PAGE_SIZE"))


def _threads() -> int:
    """All of this process: those of the pools are not known to `threading`."""
    return len(os.listdir("/proc/self/task"))


def _set_up(connection: Connection) -> None:
    execute(
        connection,
        "CREATE TABLE t (n INT)",
        "CREATE USER app@'127.0.0.1' IDENTIFIED BY 'secret'",
        "GRANT SELECT, INSERT, DELETE, CREATE TEMPORARY TABLES ON test.* TO app@'127.0.0.1'",
    )


def soak(minutes: float) -> str:
    """Run for that long."""
    samples: list[Sample] = []
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", ResourceWarning)  # of what is forgotten
        server = stack.enter_context(temp_server())
        proxy = stack.enter_context(proxied(server))
        with mariadb_py.connect(**server.connect_args, autocommit=True) as administrator:
            _set_up(administrator)
        account: dict[str, Any] = {"user": "app", "password": "secret", "connect_timeout": 1.0, "read_timeout": 2.0}
        behind = {**proxy.connect_args, **account, "acquire_timeout": 2.0, "keepalive": 3.0, "max_lifetime": 20.0}
        direct = {**server.connect_args, **account, "acquire_timeout": 1.0, "pool_reset_session": True}
        pools = (
            stack.enter_context(create_pool(min_size=4, max_size=BEHIND_PROXY, connect_concurrency=3, **behind)),
            stack.enter_context(ConnectionPool(pool_name="t22", pool_size=DIRECT, **direct)),
        )
        run = Soak(server, proxy, pools, 1)
        until = time.monotonic() + minutes * 60
        while time.monotonic() < until or len(samples) < 2:
            samples.append(run.round(min(ROUND, minutes * 30)))
        run.end()
    return _judge(samples, run.counts)


def _judge(samples: list[Sample], counts: dict[str, int]) -> str:
    third = max(len(samples) // 3, 1)
    first, last = (Sample(*(int(median(each)) for each in zip(*part))) for part in (samples[:third], samples[-third:]))
    told = f"{len(samples)} rounds, in their first third {first}, in the last {last}; {counts}"
    prove(last.files <= first.files + FILES, f"open files grow: {told}")
    prove(last.threads <= first.threads + THREADS_MORE, f"threads grow: {told}")
    prove(last.memory <= first.memory * MEMORY + PAGES, f"memory grows: {told}")
    return told


def program(form: Form) -> str:
    return soak(0.1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--short", action="store_true", help="some seconds")
    arguments = parser.parse_args()
    span = 0.1 if arguments.short else arguments.minutes
    sys.exit(status(lambda form: soak(span), Form(arguments.short), span * 60 + 300))
