"""The programs that `tests/compat/oracle.py` runs with two drivers, and what they run on.

A case is a function that takes a `Bench` and returns plain data; its id is that of its area and its own. Cases must not
depend on the server's release, on ports, ids and times, nor on the order in which they run: each finds an empty
database. What they return may not contain the driver's own texts; those of the server are compared.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Case = Callable[["Bench"], Any]

AREAS = ("module", "connection", "cursor", "execute", "params", "values", "many", "errors", "tpc", "pool")
CONSTANTS = (
    *("CAPABILITY", "CLIENT", "CURSOR", "ERR", "EXT_FIELD_TYPE", "FIELD_FLAG", "FIELD_TYPE", "INDICATOR", "INFO"),
    *("STATUS", "TPC_STATE"),
)
OPTIONS = ("--local-infile=ON",)  # of the server
PLAIN = (bool, int, float, str, bytes, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta)
# The classes that tell errors apart; DatabaseError counts only where there is no better one.
CLASSES = (
    *("InterfaceError", "DataError", "OperationalError", "IntegrityError", "InternalError", "ProgrammingError"),
    *("NotSupportedError", "PoolError"),
)


class Cases(dict):  # type: ignore[type-arg]
    """The cases of one area, by id."""

    def __init__(self, area: str) -> None:
        self._area = area

    def __call__(self, function: Case) -> Case:
        """Decorator: the function's name is the id."""
        self.add(function.__name__, function)
        return function

    def add(self, name: str, function: Case) -> None:
        """A case that is made in a loop."""
        name = f"{self._area}.{name}"
        assert name not in self, name
        self[name] = function


def all_cases() -> dict[str, Case]:
    """All cases by their ids."""
    from importlib import import_module

    return {name: function for area in AREAS for name, function in import_module(f"{__name__}.{area}").cases.items()}


class Bench:
    """What a case works with: the driver's module as `m`, and ways to connect."""

    def __init__(self, module: Any, arguments: dict[str, Any]) -> None:
        self.m = module
        self.arguments = arguments
        self._opened: list[Any] = []

    def connect(self, **keywords: Any) -> Any:
        """A connection to the server, closed behind the case; keywords of None are left out."""
        given = {**self.arguments, **keywords}
        connection = self.m.connect(**{name: value for name, value in given.items() if value is not None})
        self._opened.append(connection)
        return connection

    def cursor(self, **keywords: Any) -> Any:
        """A cursor of a new connection."""
        return self.connect().cursor(**keywords)

    def rows(self, sql: str, data: Any = None, **keywords: Any) -> Any:
        """All rows of one statement on a connection of its own."""
        cursor = self.cursor(**keywords)
        cursor.execute(sql, data)
        return cursor.fetchall()

    def table(self, columns: str = "a INT", *rows: str, **keywords: Any) -> Any:
        """A cursor with the table t, which holds rows written as SQL."""
        cursor = self.cursor(**keywords)
        cursor.execute(f"CREATE TABLE t ({columns})")
        for row in rows:
            cursor.execute(f"INSERT INTO t VALUES ({row})")
        cursor.connection.commit()
        return cursor

    def attempt(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """What a call returns, or the error that it raises, as plain data."""
        try:
            return function(*arguments, **keywords)
        except BaseException as error:
            return Failure(self.failure(error))

    def failure(self, error: BaseException) -> str:
        """An error as a text: its kind, number, state, and the server's message."""
        if not isinstance(error, self.m.Error):
            return f"{type(error).__name__}"
        kinds = [name for name in CLASSES if isinstance(error, getattr(self.m, name))]
        errno = getattr(error, "errno", 0)
        if not 1000 <= errno < 2000 and errno <= 2000:
            return f"{'+'.join(kinds) or 'Error'}"
        message = f": {error}" if errno < 2000 or errno >= 3000 else ""
        return f"{'+'.join(kinds) or 'Error'} {errno} {getattr(error, 'sqlstate', None)}{message}"

    def outcome(self, case: Case) -> str:
        """The result of a case as a text to compare."""
        text = self.attempt(lambda: plain(case(self)))
        return f"raises {text}" if isinstance(text, Failure) else str(text)

    def close(self) -> None:
        """Close what the case left open."""
        for connection in self._opened:
            with contextlib.suppress(Exception):
                connection.close()
        for pool in list(self.m._CONNECTION_POOLS.values()):
            with contextlib.suppress(Exception):
                pool.close()


class Failure(str):
    """The text of an error."""


def plain(value: Any) -> str:
    """A text that is the same for the same data, whatever classes of the driver hold it."""
    if isinstance(value, Failure):
        return f"raises {value}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{plain(key)}: {plain(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        items = ", ".join(map(plain, value))
        return f"[{items}]" if isinstance(value, list) else f"({items})"
    if value is None or type(value) in PLAIN or type(value).__module__ in ("datetime", "decimal"):
        return repr(value)
    return f"<{type(value).__name__}>"
