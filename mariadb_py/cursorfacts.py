"""What a cursor knows without asking, and how it is made: the same for every face."""

from __future__ import annotations

from operator import index

from .core.cursor import CursorCore
from .core.rows import dictionary_rows, named_rows
from .exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .core.metadata import Description


class CursorFacts:
    """A statement and its results, without what reads and writes; the arguments are those of `Cursor`."""

    def __init__(
        self,
        connection: Any,
        *,
        buffered: bool = True,
        dictionary: bool | None = None,
        named_tuple: bool | None = None,
        prepared: bool = False,
        binary: bool | None = None,
        cursor_type: int = 0,
        prefetch_size: int = 0,
    ) -> None:
        core = connection._link_or_raise().core
        options = core.options
        named = options.named_tuple if named_tuple is None else named_tuple
        keyed = options.dictionary if dictionary is None else dictionary
        if cursor_type not in (0, 1):
            raise ProgrammingError(f"cursor_type is CURSOR.NONE or CURSOR.READ_ONLY, not {cursor_type!r}")
        if index(prefetch_size) < 0:
            raise ProgrammingError(f"prefetch_size is a number of rows, not {prefetch_size}")
        self._connection = connection
        self._resulttype = 1 if named else 2 if keyed else 0
        self._core = CursorCore(
            core,
            bool(buffered),
            named_rows if named else dictionary_rows if keyed else None,
            binary=bool(options.binary if binary is None else binary),
            prepared=bool(prepared),
            server_side=cursor_type == 1,
            prefetch=prefetch_size,
        )
        self._query_timeout = options.query_timeout
        self._closed = False
        self.arraysize = 1

    # Rows that are there

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
    def closed(self) -> bool:
        """The cursor, or its connection, is closed."""
        return self._closed or self._connection._link is None

    @property
    def metadata(self) -> dict[str, tuple[Any, ...]] | None:
        """Facts of the columns, by name of the fact, one value per column; None without a result set.

        catalog, schema, field, org_field, table, org_table, type, charset, length, max_length, decimals, flags,
        ext_type_or_format (`constants.EXT_FIELD_TYPE`).
        """
        columns = self._core.columns
        return None if columns is None else columns.metadata

    @property
    def sp_outparams(self) -> bool:
        """The present result set holds the OUT and INOUT parameters of a procedure."""
        return self._core.out_parameters

    @property
    def field_count(self) -> int:
        """Number of columns; 0 without a result set."""
        columns = self._core.columns
        return 0 if columns is None else len(columns.columns)

    @property
    def affected_rows(self) -> int:
        """The same as `rowcount`."""
        return self.rowcount

    @property
    def insert_id(self) -> int:
        """As `lastrowid`, and 0 if there is none."""
        return self.lastrowid or 0

    @property
    def paramcount(self) -> int:
        """Number of parameters of the last statement, as it was sent by the binary protocol."""
        return self._core.parameters

    @property
    def _transformed_statement(self) -> bytes | None:
        return self._core.transformed

    def _seek(self, position: int) -> None:
        self._core.seek(index(position))

    def setinputsizes(self, sizes: object) -> None:
        """PEP 249 asks for it; does nothing."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """PEP 249 asks for it; does nothing."""

    def __repr__(self) -> str:
        state = "closed" if self.closed else self._core.label() if self._core.statement is not None else "new"
        return f"<mariadb_py.{type(self).__name__} {state} at {id(self):#x}>"


def seconds(timeout: float) -> float:
    """A time in which a statement must have ended.

    Raises:
        TypeError, ProgrammingError: it is none.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout is a number of seconds, not {type(timeout).__name__}")
    if not 0 < timeout < float("inf"):
        raise ProgrammingError(f"timeout is a time in seconds above 0, not {timeout!r}")
    return timeout
