"""The present result of a cursor: its columns, its rows as far as they have been read, and which one is next.

Knows rows that are there; who gets more of them is `cursor`.
"""

from __future__ import annotations

from ..exceptions import ProgrammingError
from .conversion import finish_rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_protocol import ResultSet
    from mariadb_protocol.rows import Row

    from .metadata import ColumnSet

    RowFactory = Callable[[Any, list[Row]], list[Any]]


def dictionary_rows(columns: ColumnSet, rows: list[Row]) -> list[Any]:
    """Rows as dictionaries; of columns with the same name the last one wins."""
    names = columns.names
    return [dict(zip(names, row)) for row in rows]


def named_rows(columns: ColumnSet, rows: list[Row]) -> list[Any]:
    """Rows as named tuples."""
    return list(map(columns.row_class, rows))


class RowState:
    """Rows of a result set, and a position among them.

    Args:
        buffered: results are read whole.
        row_factory: makes what the user gets from decoded rows; None for tuples.

    Attributes:
        columns: metadata of the present result set, None without one.
        rowcount: rows of the present result set (so far, if unbuffered), or rows affected; -1 before a statement.
    """

    __slots__ = ("_ended", "_position", "_rows", "_seen", "buffered", "columns", "row_factory", "rowcount")

    def __init__(self, buffered: bool, row_factory: RowFactory | None) -> None:
        self.buffered = buffered
        self.row_factory = row_factory
        self.columns: ColumnSet | None = None
        self.rowcount = -1
        self._ended = True  # the last row of the present result has been read from the connection
        self._rows: list[Any] = []
        self._position = 0  # of the next row in _rows
        self._seen = 0  # rows that were in _rows before the present ones

    def clear_result(self) -> None:
        """Forget the present result."""
        self.columns = None
        self._rows = []
        self._ended = True
        self._position = self._seen = 0
        self.rowcount = -1

    def add(self, result: ResultSet, ended: bool) -> None:
        """Put rows that were read behind those that have not been taken yet."""
        left = self._rows[self._position :]
        rows = finish_rows(result.metadata, result.rows)  # type: ignore[arg-type]  # the session makes ColumnSets
        made = rows if self.row_factory is None else self.row_factory(result.metadata, rows)
        self._seen += self._position
        self._position = 0
        self._rows = left + made if left else made
        self._ended = ended

    def lacks(self, count: int) -> bool:
        """Rows have to be read before `count` of them (negative: all) can be taken."""
        return not self._ended and not 0 <= count <= len(self._rows) - self._position

    def at_hand(self) -> int:
        """Rows that can be taken."""
        return len(self._rows) - self._position

    def take(self, count: int) -> list[Any]:
        """The next rows, at most `count` (negative: all)."""
        position = self._position
        stop = len(self._rows) if count < 0 else min(position + count, len(self._rows))
        rows = self._rows[position:stop]
        self._position = stop
        if not self.buffered:
            self.rowcount = self._seen + stop
            if len(rows) != count:
                self.exhausted()
        return rows

    def take_one(self) -> Any:
        """The next row, or None behind the last."""
        position = self._position
        if position < len(self._rows):
            self._position = position + 1
            if not self.buffered:
                self.rowcount += 1
            return self._rows[position]
        self.exhausted()
        return None

    def exhausted(self) -> None:
        """The user has seen the end of the rows."""

    @property
    def rownumber(self) -> int | None:
        """Number of rows taken so far; None without a result set."""
        return None if self.columns is None else self._seen + self._position

    def seek(self, position: int) -> None:
        """Continue at row `position` (0 is the first) of a buffered result."""
        if not 0 <= position < max(len(self._rows), 1):
            raise ProgrammingError(f"row {position} is outside of the result of {len(self._rows)} rows")
        self._position = position
