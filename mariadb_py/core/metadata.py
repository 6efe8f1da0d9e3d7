"""What a cursor shows of a result set's columns: the PEP 249 description, and rows as dictionaries or named tuples.

Made once per layout and shared by every result that has it.
"""

from __future__ import annotations

from operator import attrgetter, itemgetter

from mariadb_protocol.constants import Collation, FieldFlag
from mariadb_protocol.constants import FieldType as F
from mariadb_protocol.rows import ResultMetadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_protocol.binary import BinaryDecoder
    from mariadb_protocol.constants import Limits
    from mariadb_protocol.messages import ColumnDefinition
    from mariadb_protocol.rows import Decoder

    from .conversion import Conversion, RowFinisher

    Description = tuple[tuple[Any, ...], ...]

_UTF8MB4_WIDTH = 4  # bytes of the widest character
_NOT_FIXED = 31  # `decimals` of a floating-point column without a fixed scale is at least this
_DECIMALS = (F.DECIMAL, F.NEWDECIMAL)
# The types that the client library of Connector/Python calls numbers.
_NUMBERS = {*_DECIMALS, F.TINY, F.SHORT, F.LONG, F.LONGLONG, F.INT24, F.FLOAT, F.DOUBLE, F.NULL, F.YEAR}


class ColumnSet(ResultMetadata):
    """Result metadata with what floor 4 shows of it.

    Attributes:
        description: one tuple of eleven per column: the seven of PEP 249, then flags, table, org_name, org_table.
        names: column names, as aliased in the statement.
        finisher: what is to be done to decoded rows, None for nothing.
    """

    __slots__ = ("_conversion", "_row_class", "description", "finisher", "names")

    def __init__(self, columns: tuple[ColumnDefinition, ...], limits: Limits, conversion: Conversion) -> None:
        self._conversion = conversion
        super().__init__(columns, limits)
        self.names = tuple(column.name for column in columns)
        self.description: Description = tuple(describe(column) for column in columns)
        self.finisher: RowFinisher | None = conversion.finisher(columns, tuple(item[1] for item in self.description))
        self._row_class: type[Row] | None = None

    def text_decoder(self, column: ColumnDefinition) -> Decoder:
        """The decoder of a column in the text protocol, as the user's conversions want it."""
        return self._conversion.text(column, self._limits)

    def binary_decoder(self, column: ColumnDefinition) -> BinaryDecoder:
        """The decoder of a column in the binary protocol, as the user's conversions want it."""
        return self._conversion.binary(column, self._limits)

    @property
    def metadata(self) -> dict[str, tuple[Any, ...]]:
        """One tuple per fact, in the order and with the names of Connector/Python."""
        return {key: tuple(map(read, self.columns)) for key, read in _METADATA.items()}

    @property
    def row_class(self) -> type[Row]:
        """Named tuple class for rows of this layout."""
        if self._row_class is None:
            self._row_class = make_row_class(self.names)
        return self._row_class


def _flags(column: ColumnDefinition) -> int:
    """Flags as Connector/Python shows them: the client library adds one to what the server sends."""
    return column.flags | FieldFlag.NUMERIC if column.type in _NUMBERS else column.flags


# Numbers of `constants.EXT_FIELD_TYPE`.
_EXTENDED: dict[str, int] = {
    name: number
    for number, name in enumerate(
        (
            *("", "json", "uuid", "inet4", "inet6", "point", "multipoint", "linestring", "multilinestring"),
            *("polygon", "multipolygon", "geometrycollection"),
        )
    )
}
_METADATA: dict[str, Callable[[ColumnDefinition], Any]] = {
    "catalog": attrgetter("catalog"),
    "schema": attrgetter("schema"),
    "field": attrgetter("name"),
    "org_field": attrgetter("org_name"),
    "table": attrgetter("table"),
    "org_table": attrgetter("org_table"),
    "type": attrgetter("type"),
    "charset": attrgetter("charset"),
    "length": attrgetter("length"),
    "max_length": lambda column: 0,
    "decimals": attrgetter("decimals"),
    "flags": _flags,
    "ext_type_or_format": lambda column: _EXTENDED.get(column.format or column.type_name, 0),
}


def describe(column: ColumnDefinition) -> tuple[Any, ...]:
    """The description of one column."""
    length = column.length
    scale = column.decimals if column.decimals < _NOT_FIXED else 0
    precision = 0
    if column.type in _DECIMALS:
        # The display width counts a sign, and a point where there is a scale.
        precision = length - (not column.flags & FieldFlag.UNSIGNED) - (scale > 0)
    return (
        column.name,
        F.JSON if column.format == "json" else column.type,
        length if column.charset == Collation.BINARY else length // _UTF8MB4_WIDTH,
        length,
        precision,
        scale,
        not column.flags & FieldFlag.NOT_NULL,
        _flags(column),
        column.table,
        column.org_name,
        column.org_table,
    )


class Row(tuple):  # type: ignore[type-arg]  # subscripting it would cost Python 3.9 nothing but mypy a generic base
    """Base of named rows: a tuple whose columns are attributes too."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def _asdict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return dict(zip(self._fields, self))

    def __repr__(self) -> str:
        return "mariadb.Row({})".format(", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_row, (self._fields, tuple(self))


def make_row_class(names: tuple[str, ...]) -> type[Row]:
    """A named tuple class for any column names: a name that repeats gets a number, `a`, `a_1`, `a_2`."""
    fields: dict[str, int] = {}  # attribute name -> how often it was wanted before
    for name in names:
        field = name
        while field in fields:
            fields[name] += 1
            field = f"{name}_{fields[name]}"
        fields[field] = 0
    # A name with two leading underscores could replace how Python makes or compares rows: reachable by position only.
    reserved = ("_fields", "_asdict")
    members = {
        field: property(itemgetter(index))
        for index, field in enumerate(fields)
        if not field.startswith("__") and field not in reserved
    }
    return type("Row", (Row,), {"__slots__": (), "_fields": tuple(fields), **members})


def _rebuild_row(fields: tuple[str, ...], values: tuple[Any, ...]) -> Row:
    return make_row_class(fields)(values)
