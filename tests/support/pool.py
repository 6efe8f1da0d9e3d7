"""Pools for tests, and the server's view of their connections."""

from __future__ import annotations

import itertools
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from mariadb_py import ConnectionPool, PoolError, create_pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer

PATIENCE = 60.0  # seconds; only there so that a failure is not a hang
EXHAUSTED = r"^No connection available: "
CLOSED = r"^Pool is closed$"
DEAD = r"^Invalid connection or not connected$"
_NUMBERS = itertools.count(1)


class Pools:
    """Makes pools, each with a name of its own, and remembers them: `make_pool(pool_size=2)`.

    Keywords are those of `ConnectionPool`, on top of the server's address and account, and of those given here.
    """

    def __init__(self, server: TempServer, **keywords: Any) -> None:
        self.server = server
        self.made: list[ConnectionPool] = []
        self._arguments = {**server.connect_args, **keywords}

    def __call__(self, **keywords: Any) -> ConnectionPool:
        name = f"pool {next(_NUMBERS)}"
        pool = ConnectionPool(**{"pool_name": name, **self._arguments, **keywords})
        self.made.append(pool)
        return pool

    def service(self, **keywords: Any) -> ConnectionPool:
        """As a call does it, by `create_pool()`."""
        pool = create_pool(**{**self._arguments, **keywords})
        self.made.append(pool)
        return pool

    def close_all(self) -> None:
        """Close all pools, whatever state the test left them in."""
        for pool in self.made:
            pool.close()


def value(connection: Connection, sql: str) -> Any:
    """The first column of the first row."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def run(connection: Connection, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "does not happen"
        time.sleep(0.005)


def ids(administrator: Connection) -> set[int]:
    """Ids of all connections that the server has; some may be on their way out, closed by an earlier test."""
    with administrator.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist")
        return {row[0] for row in cursor.fetchall()}


def kill(administrator: Connection, *victims: int) -> None:
    """End connections, and wait until the server has closed their sockets."""
    for victim in victims:
        administrator.kill(victim)
    wait_for(lambda: not ids(administrator) & set(victims))


def borrow_all(pool: ConnectionPool, timeout: float | None = None) -> set[int]:
    """Borrow as many connections as the pool may have, use each, and return them; their ids."""
    with ExitStack() as stack:
        connections = [stack.enter_context(pool.get_connection(timeout)) for _ in range(pool.pool_size)]
        with pytest.raises(PoolError, match=EXHAUSTED):
            pool.get_connection(timeout=0)
        return {value(connection, "SELECT connection_id()") for connection in connections}


def used(pool: ConnectionPool, timeout: float | None = None) -> int:
    """Borrow a connection, use and return it; its id."""
    with pool.get_connection(timeout) as connection:
        number: int = value(connection, "SELECT connection_id()")
        return number


def gauges(pool: ConnectionPool) -> tuple[int, int, int]:
    """size, idle and active of its figures."""
    stats = pool.stats()
    return stats["size"], stats["idle"], stats["active"]
