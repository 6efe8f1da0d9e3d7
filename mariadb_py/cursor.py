"""The synchronous cursor of PEP 249. It runs operations of `core.cursor` and decides nothing."""

from __future__ import annotations

from operator import index

from .core.many import execute_many
from .cursorfacts import CursorFacts, seconds
from .exceptions import ProgrammingError
from .io.localfile import contents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import IO, Any, Union

    from mariadb_protocol.events import Command

    from .connection import Connection

    Parameters = Union[Sequence[Any], Mapping[str, Any], None]


class Cursor(CursorFacts):
    """A statement and its results. Made by `Connection.cursor()`.

    What is not given, or None, is as the options of the connection say.

    Args:
        connection: the connection.
        buffered: read each result whole when the statement is run (default). False: read rows as they are fetched;
            until they are read to the end, or the cursor is closed, no other cursor can use the connection.
        dictionary: rows are dictionaries; of columns with the same name the last one wins.
        named_tuple: rows are tuples whose columns are attributes too; wins over `dictionary`.
        prepared: keep to the first statement that is executed: it is prepared once, and later texts are ignored.
        binary: use the binary protocol for every statement. Otherwise it is used for statements that change data and
            have parameters, for parameters that are bytes or dates, and for CALL.
        cursor_type: `constants.CURSOR.NONE` (0), or READ_ONLY (1): a server-side cursor. Its rows stay on the server
            until they are fetched; other cursors can use the connection meanwhile. For statements other than SELECT,
            VALUES, WITH, SHOW and DESCRIBE there is none: their rows are read as they are fetched.
        prefetch_size: rows that a server-side cursor reads at a time; 0: 1000.

    Attributes:
        arraysize: rows that `fetchmany()` fetches by default (1).
    """

    # Statements

    def execute(
        self,
        statement: str | bytes,
        data: Parameters = None,
        buffered: bool | None = None,
        *,
        local_infile: IO[bytes] | Iterable[bytes] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Run a statement.

        Args:
            statement: SQL with the placeholders `?` or `%s` (for a sequence), or `%(name)s` (for a mapping).
            data: parameters; None or empty for none, then the statement is sent as it is.
            buffered: from now on, read results whole or not; None leaves it as it is.
            local_infile: contents for LOAD DATA LOCAL INFILE, instead of the file that the statement names: a binary
                file, or bytes in pieces. The connection must have been made with `local_infile=True` in any case.
            timeout: seconds in which it must have ended; None: `query_timeout` of the connection. The server is told
                where that is possible; otherwise, and if it does not answer, the statement is cancelled by KILL QUERY
                from a second connection, within `cancel_grace`. Where that cannot be had, the connection is closed.

        Raises:
            ProgrammingError: the statement or a parameter is wrong, or the cursor is closed.
            NotSupportedError: a parameter has no counterpart in MariaDB (nan, infinity), or the server asks for a
                local file that is not offered.
            DataError: a parameter is out of range.
            InterfaceError: errno 2014, another cursor's unbuffered result is not read to its end.
            OperationalError: errno 2020, the statement is larger than the server's max_allowed_packet.
            QueryTimeout: the timeout passed.
            Error: what the server answered.
        """
        source = None if local_infile is None else contents(local_infile)
        limit = self._query_timeout if timeout is None else seconds(timeout)
        unless_given = None if buffered is None else bool(buffered)
        self._run(self._core.execute(statement, data, unless_given, source, limit), limit)

    def executemany(
        self,
        statement: str | bytes,
        parameters: Iterable[Parameters],
        *,
        unit_results: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Run a statement once for each item of `parameters`, many at a time where the server has bulk execution.

        `rowcount` is the sum, `lastrowid` the first id; rows of RETURNING are the result. Nothing behind an item that
        fails is executed, or more exactly nothing behind the chunk of items that was sent together with it. With
        autocommit each chunk commits by itself: `rows_done` of the error says how many items the chunks before had.
        The server would commit each item of an UPDATE or DELETE: for these autocommit is off meanwhile, and a COMMIT
        follows each chunk.

        Lists and tuples are checked as a whole, in their lengths and types, before anything is sent.

        What the server does not run in bulk, such as CALL or INSERT ... SELECT, is executed once per item. The results
        of procedures then follow each other, for `nextset()`; so do others if their columns differ.

        Args:
            statement: SQL with placeholders.
            parameters: sequences or mappings; may be a generator.
            unit_results: make (id, affected rows) of each item the result; needs MariaDB 11.5.
            timeout: seconds in which all must have been executed; see `execute()`.

        Raises:
            ProgrammingError: there is not one item, or one is wrong (row and column are named).
            NotSupportedError: `unit_results`, and the server does not have them.
            Error: what the server answered; its `rows_done` is the number of items in the chunks before. Of the chunk
                that failed items are kept as well by an engine without transactions (Aria, MyISAM), and, where they are
                an UPDATE or DELETE, by a transaction that is open.
        """
        limit = self._query_timeout if timeout is None else seconds(timeout)
        self._run(execute_many(self._core, statement, parameters, unit_results), limit)

    def callproc(self, sp: str, data: Sequence[Any] = ()) -> None:
        """CALL a stored procedure.

        Its result sets come first. If it has OUT or INOUT parameters, these are a last result set, of one row, for
        which `sp_outparams` is True.

        Args:
            sp: its name, or "database.name"; quoted, so that it can be nothing but a name. Either may be in backquotes
                already, as a name with a dot has to be.
            data: its parameters; those that are only OUT may be None.
        """
        if not isinstance(sp, str):
            raise TypeError(f"the name of a procedure is a str, not {type(sp).__name__}")
        self._run(self._core.callproc(sp, data), self._query_timeout)

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
        self._core.give_up_statement()

    def _run(self, operation: Command[Any], timeout: float | None = None) -> Any:
        if self._closed:
            raise ProgrammingError("Cursor is closed")
        link = self._connection._link
        if link is None or link.core is not self._core.connection:
            raise ProgrammingError("Invalid connection or not connected")
        return link.run(operation, timeout=timeout)

    # Rows

    def fetchone(self) -> Any:
        """The next row, or None behind the last.

        Raises:
            ProgrammingError: there is no result set.
        """
        core = self._core
        if core.columns is None:
            self._no_result()
        if not core.buffered:
            self._connection._link_or_raise()
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
        if not core.buffered:
            self._connection._link_or_raise()
        if core.lacks(count):
            self._run(core.fill(count))
        return core.take(count)

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
    def connection(self) -> Connection:
        """The connection that made this cursor."""
        return self._connection  # type: ignore[no-any-return]

    def __enter__(self) -> Cursor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
