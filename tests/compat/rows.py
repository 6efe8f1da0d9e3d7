"""Rows of a table of promises: each is a sentence, which is the test's id, and a small program that holds it."""

from __future__ import annotations

import contextlib

import pytest

import mariadb_py as mariadb
from tests.support.server import Connector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py.testing import TempServer

    Program = Callable[["Database"], None]


class Rows(list):  # type: ignore[type-arg]
    """The rows of one section, as parameters of a test."""

    def __call__(self, sentence: str, later: str = "") -> Callable[[Program], Program]:
        """Decorator for the program of one row.

        Args:
            sentence: what programs rely on.
            later: why it does not hold yet, "step 3: ..."; the row must fail until then.
        """
        marks = [pytest.mark.xfail(strict=True, reason=later)] if later else []

        def add(program: Program) -> Program:
            self.append(pytest.param(program, id=sentence, marks=marks))
            return program

        return add


class Database:
    """What a row's program works with: ways to connect to the suite's server."""

    def __init__(self, connector: Connector) -> None:
        self.connect = connector
        self.arguments: dict[str, Any] = connector.server.connect_args

    def cursor(self, **keywords: Any) -> mariadb.Cursor:
        """A cursor of a new connection."""
        return self.connect().cursor(**keywords)

    def table(self, columns: str, *rows: str, **keywords: Any) -> mariadb.Cursor:
        """A cursor with the temporary table t, which holds rows written as SQL."""
        cursor = self.cursor(**keywords)
        cursor.execute(f"CREATE TEMPORARY TABLE t ({columns})")
        for row in rows:
            cursor.execute(f"INSERT INTO t VALUES ({row})")
        return cursor

    def rows(self, sql: str, data: Any = None, **keywords: Any) -> Any:
        """All rows of one statement."""
        cursor = self.cursor(**keywords)
        cursor.execute(sql, data)
        return cursor.fetchall()

    def row(self, sql: str, data: Any = None, **keywords: Any) -> Any:
        """The only row of one statement."""
        (row,) = self.rows(sql, data, **keywords)
        return row

    def kill(self, connection: mariadb.Connection) -> None:
        """End a connection from outside, and wait until the server has done so."""
        with self.connect() as killer, killer.cursor() as cursor:
            identity = connection.connection_id
            killer.kill(identity)
            count = 1
            while count:
                cursor.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?", (identity,))
                ((count,),) = cursor.fetchall()


@contextlib.contextmanager
def database(server: TempServer) -> Iterator[Database]:
    """Ways to a server; connections and pools are closed behind the test."""
    connect = Connector(server)
    yield Database(connect)
    connect.close_all()  # first, so that pools find their connections returned
    for pool in list(mariadb._CONNECTION_POOLS.values()):
        with contextlib.suppress(mariadb.Error):
            pool.close()


def fails(
    kind: type[BaseException], errno: int | None, act: Callable[..., Any], *arguments: Any, **keywords: Any
) -> str:
    """The message of the error of this class and number (None: any) that a call raises."""
    with pytest.raises(kind) as caught:
        act(*arguments, **keywords)
    if errno is not None:
        assert getattr(caught.value, "errno", None) == errno
    return str(caught.value)
