"""What a cursor decides: which commands a method runs, and which rows are next.

A face asks `lacks(n)`, runs `fill(n)` if so, and then takes rows: only `fill` and `execute` need the network.
Source: PEP 249. Knows no socket, clock or lock.
"""

from __future__ import annotations

from collections import deque
from weakref import ref

from mariadb_protocol import ErrPacket, OkPacket, ResultSet, State, next_result, query, read_rows

from ..exceptions import ProgrammingError
from .failure import gone, server_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from mariadb_protocol.commands.query import Answer
    from mariadb_protocol.events import Command
    from mariadb_protocol.rows import Row

    from .connection import ConnectionCore
    from .metadata import ColumnSet

    RowFactory = Callable[[Any, list[Row]], list[Any]]

_LABEL_SIZE = 60  # characters of a statement that an error shows


def dictionary_rows(columns: ColumnSet, rows: list[Row]) -> list[Any]:
    """Rows as dictionaries; of columns with the same name the last one wins."""
    names = columns.names
    return [dict(zip(names, row)) for row in rows]


def named_rows(columns: ColumnSet, rows: list[Row]) -> list[Any]:
    """Rows as named tuples."""
    return list(map(columns.row_class, rows))


class CursorCore:
    """State of one cursor.

    Args:
        connection: the connection whose statements it runs.
        buffered: read every result whole at once; otherwise rows are read as they are fetched.
        row_factory: makes what the user gets from decoded rows; None for tuples.

    Attributes:
        statement: the statement last run, as the user wrote it.
        columns: metadata of the present result set, None without one.
        rowcount: rows of the present result set (so far, if unbuffered), or rows affected; -1 before a statement.
        lastrowid: first AUTO_INCREMENT value that the last statement without a result set made; None if none.
        warnings: number of warnings that the last statement left.
    """

    __slots__ = (
        *("__weakref__", "_ended", "_pending", "_position", "_rows", "_seen", "buffered", "columns"),
        *("connection", "lastrowid", "row_factory", "rowcount", "statement", "streaming", "warnings"),
    )

    def __init__(self, connection: ConnectionCore, buffered: bool, row_factory: RowFactory | None) -> None:
        self.connection = connection
        self.buffered = buffered
        self.row_factory = row_factory
        self.statement: str | bytes | None = None
        self.columns: ColumnSet | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.warnings = 0
        # An unbuffered result is not consumed: its rows, or results behind it, may still be on the way.
        self.streaming = False
        self._ended = True  # the last row of the present result has been read from the connection
        self._rows: list[Any] = []
        self._position = 0  # of the next row in _rows
        self._seen = 0  # rows that were in _rows before the present ones
        self._pending: deque[Answer] = deque()  # results of a buffered statement behind the present one

    # Statements

    def execute(self, sql: str | bytes, parameters: Any, buffered: bool | None = None) -> Command[None]:
        """Run a statement and take its first result; `buffered` holds from now on, None leaves it as it is."""
        connection = self.connection
        session = connection.session
        statement = connection.statement(sql, parameters)
        if connection.occupied or session.state != State.READY:
            yield from connection.claim(self)
        self.clear()
        self.statement = sql
        if buffered is not None:
            self.buffered = buffered
        if not self.buffered:
            self._take((yield from query(session, statement, 0)))
            return
        answer = yield from query(session, statement)
        while session.state == State.MORE_RESULTS:
            self._pending.append((yield from next_result(session)))
        self._take(answer)

    def executemany(self, sql: str | bytes, rows: Iterable[Any]) -> Command[None]:
        """Run a statement once per row of parameters; `rowcount` is the sum, `lastrowid` the first id."""
        total = 0
        first_id: int | None = None
        done = 0
        for row in rows:
            yield from self.execute(sql, row)
            done += 1
            total += max(self.rowcount, 0)
            if first_id is None:
                first_id = self.lastrowid
        if not done:
            raise ProgrammingError("No data provided")
        self.rowcount = total
        self.lastrowid = first_id

    def next_set(self) -> Command[bool]:
        """Take the next result of the statement; False if there is none."""
        self.clear_result()
        if self._pending:
            self._take(self._pending.popleft())
            return True
        if not self.streaming:
            return False
        session = self.connection.session
        if session.broken:
            raise gone(session)
        while session.state == State.STREAMING:
            skipped = yield from read_rows(session, 1)
            if isinstance(skipped.end, ErrPacket):
                self.clear()
                raise server_error(skipped.end)
        if session.state != State.MORE_RESULTS:
            self.streaming = False
            return False
        self._take((yield from next_result(session, 0)))
        return True

    def finish(self) -> Command[None]:
        """Read and forget what is left of an unbuffered result."""
        if self.streaming and not self.connection.session.broken:
            yield from self.connection.claim(self)
        self.clear()

    # Results

    def clear(self) -> None:
        """Forget the results of the last statement."""
        if self._pending:
            self._pending.clear()
        self.streaming = False
        self.clear_result()

    def clear_result(self) -> None:
        """Forget the present result."""
        self.columns = None
        self._rows = []
        self._ended = True
        self._position = self._seen = 0
        self.rowcount = -1

    def _take(self, answer: Answer) -> None:
        """Make `answer` the present result."""
        session = self.connection.session
        if isinstance(answer, ResultSet):
            if isinstance(answer.end, ErrPacket):
                self.clear()
                raise server_error(answer.end)
            self.columns = answer.metadata  # type: ignore[assignment]  # the session makes ColumnSets
            self._add(answer)
            self.rowcount = len(self._rows) if self.buffered else 0
        elif isinstance(answer, OkPacket):
            self.rowcount = answer.affected_rows
            self.lastrowid = answer.last_insert_id or None
        else:
            self.clear()
            raise server_error(answer)
        self.warnings = session.warnings
        if not self.buffered and (self.columns is not None or session.state == State.MORE_RESULTS):
            # To be read on, or given up, before another cursor may use the connection.
            self.streaming = True
            self.connection.stream_to(ref(self))

    def _add(self, result: ResultSet) -> None:
        rows = result.rows
        self._ended = result.end is not None
        self._seen += self._position
        self._position = 0
        self._rows = rows if self.row_factory is None else self.row_factory(result.metadata, rows)

    # Rows

    def lacks(self, count: int) -> bool:
        """`fill(count)` has to be run before `count` rows (negative: all) can be taken."""
        return not self._ended and not 0 <= count <= len(self._rows) - self._position

    def fill(self, count: int) -> Command[None]:
        """Read rows of an unbuffered result until `count` (negative: all) can be taken, or there are no more."""
        session = self.connection.session
        if session.broken:
            raise gone(session)
        left = self._rows[self._position :]
        kept = False
        try:
            result = yield from read_rows(session, max(count - len(left), 1) if count >= 0 else -1)
            if isinstance(result.end, ErrPacket):
                raise server_error(result.end)
            self._add(result)
            if left:
                self._rows = left + self._rows
            kept = True
        finally:
            if not kept and not session.broken:
                self.clear()  # rows that were read and not kept would be missing without a word

    def take(self, count: int) -> list[Any]:
        """The next rows, at most `count` (negative: all)."""
        position = self._position
        stop = len(self._rows) if count < 0 else min(position + count, len(self._rows))
        rows = self._rows[position:stop]
        self._position = stop
        if not self.buffered:
            self.rowcount = self._seen + stop
            if len(rows) != count:
                self._exhausted()
        return rows

    def take_one(self) -> Any:
        """The next row, or None behind the last."""
        position = self._position
        if position < len(self._rows):
            self._position = position + 1
            if not self.buffered:
                self.rowcount += 1
            return self._rows[position]
        self._exhausted()
        return None

    @property
    def unread(self) -> bool:
        """Rows of an unbuffered result have not been fetched, or further results may follow."""
        return self.streaming and (
            self._position < len(self._rows) or self.connection.session.state in (State.STREAMING, State.MORE_RESULTS)
        )

    def _exhausted(self) -> None:
        """The user has seen the end of the rows: others may use the connection, unless a result follows."""
        if self.connection.session.state != State.MORE_RESULTS:
            self.streaming = False

    @property
    def rownumber(self) -> int | None:
        """Number of rows taken so far; None without a result set."""
        return None if self.columns is None else self._seen + self._position

    def seek(self, position: int) -> None:
        """Continue at row `position` (0 is the first) of a buffered result."""
        if not 0 <= position <= len(self._rows):
            raise ProgrammingError(f"row {position} is outside of the result of {len(self._rows)} rows")
        self._position = position

    def label(self) -> str:
        """The cursor's statement, shortened, for errors; never its parameters."""
        statement = self.statement
        text = statement.decode("utf-8", "replace") if isinstance(statement, bytes) else str(statement)
        return repr(text if len(text) <= _LABEL_SIZE else text[: _LABEL_SIZE - 3] + "...")
