"""T5. The server is killed under load, stays away, and comes back: nobody hangs, and the pool is as before.

50 threads work with the connections of a pool all the time; kill -9, 3 s without a server, restart, 5 times.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import mariadb_py
from mariadb_py import create_pool
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, fetch, main, prove, together, value, wait_until

if TYPE_CHECKING:
    from mariadb_py import ConnectionPool
    from mariadb_py.testing import TempServer

THREADS, SIZE = 50, 10
ACQUIRE_TIMEOUT = 2.0
GRACE = 0.25  # seconds, behind acquire_timeout
FIRST, FULL = 1.0, 5.0  # seconds from the moment at which the port accepts


class Load:
    """What the threads do, and what they have seen.

    Attributes:
        slowest: seconds of the longest call.
        wrong: answers that were not right, and exceptions that are not Errors.
        successes: when threads got their answers.
        errors: how many Errors were raised.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self.stop = threading.Event()
        self.slowest = {"borrow": 0.0, "statement": 0.0, "close": 0.0}
        self.wrong: list[str] = []
        self.successes: list[float] = []
        self.errors = 0

    def work(self, number: int) -> None:
        """One thread."""
        while not self.stop.is_set():
            try:
                self._cycle(number)
            except mariadb_py.Error:
                self.errors += 1
                time.sleep(0.001)  # as whoever logs it
            except BaseException as error:
                self.wrong.append(repr(error))

    def _cycle(self, number: int) -> None:
        began = time.monotonic()
        try:
            connection = self._pool.get_connection()
        finally:
            began = self._timed("borrow", began)
        try:
            if fetch(connection, "SELECT ?, SLEEP(0.002)", (number,)) != [(number, 0)]:
                self.wrong.append("a strange answer")
            self.successes.append(time.monotonic())
        finally:
            began = self._timed("statement", began)
            connection.close()
            self._timed("close", began)

    def _timed(self, call: str, began: float) -> float:
        now = time.monotonic()
        self.slowest[call] = max(self.slowest[call], now - began)
        return now


def program(form: Form) -> str:
    cycles, down = form.pick((5, 3.0), (1, 0.7))
    with temp_server() as server:
        options = {**server.connect_args, "max_size": SIZE, "min_size": SIZE, "acquire_timeout": ACQUIRE_TIMEOUT}
        with create_pool(**options) as pool:
            pool.wait_ready()
            load = Load(pool)
            workers = threading.Thread(target=_run, args=(load,), daemon=True)
            workers.start()
            times = [_crash(form, server, pool, load, down) for _ in range(cycles)]
            load.stop.set()
            workers.join(ACQUIRE_TIMEOUT + form.bound(5.0))
            prove(not workers.is_alive(), "a thread hangs")
            _whole(pool)
    slowest = max(load.slowest.values())
    most = form.bound(ACQUIRE_TIMEOUT + GRACE)
    prove(not load.wrong, f"{len(load.wrong)} strange things, the first: {load.wrong[:1]}")
    prove(slowest <= most, f"a call took {slowest:.2f} s, {most:g} are allowed: {load.slowest}")
    first, full = (max(values) for values in zip(*times))
    return (
        f"{cycles} crashes, {THREADS} threads, {len(load.successes)} answers, {load.errors} errors; slowest call "
        f"{slowest:.2f} s (bound {most:g}), first success {first:.2f} s ({form.bound(FIRST):g}) and full size "
        f"{full:.2f} s ({form.bound(FULL):g}) behind the port's opening"
    )


def _run(load: Load) -> None:
    together(THREADS, load.work, 1000.0)


def _crash(form: Form, server: TempServer, pool: ConnectionPool, load: Load, down: float) -> tuple[float, float]:
    """One crash; seconds from the opening of the port to the first success, and to full size."""
    time.sleep(form.pick(1.0, 0.3))
    server.kill()
    time.sleep(down)
    opened: list[float] = []
    probe = threading.Thread(target=_probe, args=(server.port, opened), daemon=True)
    probe.start()
    server.start()
    probe.join()
    wait_until(lambda: load.successes[-1] > opened[0], "no success", form.bound(FIRST))
    first = min(moment for moment in load.successes[-10_000:] if moment > opened[0])
    wait_until(lambda: _complete(pool), "the pool is not full", form.bound(FULL))
    return first - opened[0], time.monotonic() - opened[0]


def _probe(port: int, opened: list[float]) -> None:
    """Note when somebody can connect."""
    while True:
        with socket.socket() as sock:
            if not sock.connect_ex(("127.0.0.1", port)):
                opened.append(time.monotonic())
                return
        time.sleep(0.002)


def _complete(pool: ConnectionPool) -> bool:
    figures = pool.stats()
    return bool(figures["size"] - figures["connecting"] == SIZE)


def _whole(pool: ConnectionPool) -> None:
    """All can be borrowed at the same time, and work."""
    connections = [pool.get_connection() for _ in range(SIZE)]
    ids = {value(connection, "SELECT CONNECTION_ID()") for connection in connections}
    for connection in connections:
        connection.close()
    prove(len(ids) == SIZE, f"{SIZE} borrowers have {len(ids)} connections")
    figures = pool.stats()
    prove((figures["idle"], figures["active"]) == (SIZE, 0), f"a slot is lost: {figures}")


if __name__ == "__main__":
    main(program)
