"""A client that does what a case says; by which face, is decided outside."""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING

import mariadb_py

if TYPE_CHECKING:
    from typing import Any

    from tests.hostile.table import Call
    from tests.support.rogue import Rogue

_pool_names = count()


class Client:
    """A connection, of a pool or not, and a cursor.

    Args:
        rogue: the server.
    """

    def __init__(self, rogue: Rogue) -> None:
        self._rogue = rogue
        self._pool: Any = None
        self._connection: Any = None
        self._cursor: Any = None

    def connect(self, pool: bool, **keywords: Any) -> None:
        """Connect, and make a cursor."""
        if pool:
            self._pool = mariadb_py.ConnectionPool(
                **{"pool_validation_interval": 0, "pool_reset_connection": False, **keywords},
                pool_name=f"hostile {next(_pool_names)}",
                pool_size=1,
            )
            self._connection = self._pool.get_connection()
        else:
            self._connection = mariadb_py.connect(**keywords)
        self.open_cursor()

    def call(self, call: Call) -> Any:
        """Do what a case says."""
        target, name, arguments, keywords = call
        owner = {"connection": self._connection, "cursor": self._cursor, "": self}[target]
        return getattr(owner, name)(*arguments, **keywords)

    def open_cursor(self, **keywords: Any) -> None:
        """Go on with another cursor."""
        self._cursor = self._connection.cursor(**keywords)

    def played(self) -> None:
        """Wait until the script is played."""
        self._rogue.wait()
        time.sleep(0.01)  # until what was sent is there

    def borrow_again(self) -> None:
        """Give the connection back to its pool, and borrow one."""
        self._connection.close()
        self._connection = self._pool.get_connection()
        self.open_cursor()

    def run(self, statement: str) -> None:
        """Run a statement by a cursor of its own."""
        self._connection.cursor().execute(statement)

    @property
    def closed(self) -> bool:
        """The connection was never there, or was closed."""
        return self._cursor is None or self._cursor.closed

    def close(self) -> None:
        """Close whatever is open."""
        if not self.closed:
            self._connection.close()
        if self._pool is not None:
            self._pool.close()
