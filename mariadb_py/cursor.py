"""The synchronous cursor of PEP 249. It runs operations of `core.cursor` and decides nothing."""

from __future__ import annotations

from operator import index

from .core.cursor import CursorCore, dictionary_rows, named_rows
from .exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Any, Union

    from mariadb_protocol.events import Command

    from .connection import Connection
    from .core.metadata import Description

    Parameters = Union[Sequence[Any], Mapping[str, Any], None]


class Cursor:
    """A statement and its results. Made by `Connection.cursor()`.

    Args:
        connection: the connection.
        buffered: read each result whole when the statement is run (default). False: read rows as they are fetched;
            until they are read to the end, or the cursor is closed, no other cursor can use the connection.
        dictionary: rows are dictionaries; of columns with the same name the last one wins.
        named_tuple: rows are tuples whose columns are attributes too; wins over `dictionary`.

    Attributes:
        arraysize: rows that `fetchmany()` fetches by default (1).
    """

    def __init__(
        self, connection: Connection, *, buffered: bool = True, dictionary: bool = False, named_tuple: bool = False
    ) -> None:
        factory = named_rows if named_tuple else dictionary_rows if dictionary else None
        self._connection = connection
        self._core = CursorCore(connection._link_or_raise().core, bool(buffered), factory)
        self._closed = False
        self.arraysize = 1

    # Statements

    def execute(self, statement: str | bytes, data: Parameters = None, buffered: bool | None = None) -> None:
        """Run a statement.

        Args:
            statement: SQL with the placeholders `?` or `%s` (for a sequence), or `%(name)s` (for a mapping).
            data: parameters; None or empty for none, then the statement is sent as it is.
            buffered: from now on, read results whole or not; None leaves it as it is.

        Raises:
            ProgrammingError: the statement or a parameter is wrong, or the cursor is closed.
            NotSupportedError: a parameter has no counterpart in MariaDB (nan, infinity).
            DataError: a parameter is out of range.
            InterfaceError: errno 2014, another cursor's unbuffered result is not read to its end.
            Error: what the server answered.
        """
        self._run(self._core.execute(statement, data, None if buffered is None else bool(buffered)))

    def executemany(self, statement: str | bytes, parameters: Iterable[Parameters]) -> None:
        """Run a statement once for each item of `parameters`; `rowcount` is the sum.

        Raises:
            ProgrammingError: there is not one item, or one is wrong; the items before it were run.
            Error: what the server answered.
        """
        self._run(self._core.executemany(statement, parameters))

    def nextset(self) -> bool | None:
        """Go on to the next result of the statement: True, or None if there is none.

        Raises:
            Error: the next result is the server's error.
        """
        return self._run(self._core.next_set()) or None

    def close(self) -> None:
        """Forget the results; unread rows of an unbuffered one are read and dropped. Closing twice is allowed.

        Raises:
            ProgrammingError: another thread is using the connection, so that the rows cannot be read; not closed then.
            LostConnectionError: the connection was lost before the last row.
        """
        if self._closed:
            return
        link = self._connection._link
        if link is not None and self._core.streaming and link.core is self._core.connection:
            link.run(self._core.finish())
        self._closed = True
        self._core.clear()

    def _run(self, operation: Command[Any]) -> Any:
        if self._closed:
            raise ProgrammingError("Cursor is closed")
        link = self._connection._link
        if link is None or link.core is not self._core.connection:
            raise ProgrammingError("Invalid connection or not connected")
        return link.run(operation)

    # Rows

    def fetchone(self) -> Any:
        """The next row, or None behind the last.

        Raises:
            ProgrammingError: there is no result set.
        """
        core = self._core
        if core.columns is None:
            self._no_result()
        if core.lacks(1):
            self._run(core.fill(1))
        return core.take_one()

    def fetchmany(self, size: int = 0) -> list[Any]:
        """The next `size` rows, fewer at the end; 0 means `arraysize`.

        Raises:
            ProgrammingError: there is no result set, or `size` is negative.
            TypeError: `size` is no int.
        """
        count = index(size or self.arraysize)
        if count < 0:
            raise ProgrammingError(f"fetchmany wants a size of at least 0, not {size}")
        return self._take(count)

    def fetchall(self) -> list[Any]:
        """All rows that are left.

        Raises:
            ProgrammingError: there is no result set.
        """
        return self._take(-1)

    def _take(self, count: int) -> list[Any]:
        core = self._core
        if core.columns is None:
            self._no_result()
        if core.lacks(count):
            self._run(core.fill(count))
        return core.take(count)

    def scroll(self, value: int, mode: str = "relative") -> None:
        """Move in a buffered result by `value` rows, or to row `value` with mode "absolute".

        Raises:
            ProgrammingError: no buffered result set, an unknown mode, or a target outside of the result.
            TypeError: `value` is no int.
        """
        value = index(value)
        core = self._core
        if core.columns is None:
            self._no_result()
        if not core.buffered:
            raise ProgrammingError("An unbuffered result cannot be scrolled")
        if mode not in ("relative", "absolute"):
            raise ProgrammingError(f"Scroll mode is 'relative' or 'absolute', not {mode!r}")
        if mode == "relative" and value == 0:
            raise ProgrammingError("Scrolling by 0 rows leads nowhere")
        core.seek(value + ((core.rownumber or 0) if mode == "relative" else 0))

    def _no_result(self) -> None:
        raise ProgrammingError("Cursor is closed" if self._closed else "Cursor doesn't have a result set")

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def next(self) -> Any:
        """The next row, or None behind the last; another name of `fetchone()`."""
        return self.fetchone()

    # Facts

    @property
    def description(self) -> Description | None:
        """One tuple per column, None without a result set.

        Name, type code (`constants.FIELD_TYPE`), display size, internal size, precision, scale, null_ok; then flags,
        table, org_name, org_table.
        """
        columns = self._core.columns
        return None if columns is None else columns.description

    @property
    def rowcount(self) -> int:
        """Rows of the result set (fetched so far, if unbuffered), or rows affected; -1 before a statement."""
        return self._core.rowcount

    @property
    def lastrowid(self) -> int | None:
        """First AUTO_INCREMENT value that the last statement made, SELECT and the like aside; None if none."""
        return self._core.lastrowid

    @property
    def rownumber(self) -> int | None:
        """Rows fetched so far; None without a result set."""
        return self._core.rownumber

    @property
    def warnings(self) -> int:
        """Number of warnings that the last statement left."""
        return self._core.warnings

    @property
    def statement(self) -> str | bytes | None:
        """The statement last run, as it was given."""
        return self._core.statement

    @property
    def buffered(self) -> bool:
        """Results are read whole when the statement is run."""
        return self._core.buffered

    @property
    def connection(self) -> Connection:
        """The connection that made this cursor."""
        return self._connection

    @property
    def closed(self) -> bool:
        """The cursor, or its connection, is closed."""
        return self._closed or self._connection._link is None

    def setinputsizes(self, sizes: object) -> None:
        """PEP 249 asks for it; does nothing."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """PEP 249 asks for it; does nothing."""

    def __enter__(self) -> Cursor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else self._core.label() if self._core.statement is not None else "new"
        return f"<mariadb_py.Cursor {state} at {id(self):#x}>"
