"""What the user wants other than the default objects: native UUIDs and addresses, dates that are none, own converters.

Decoders replace those of floor 1 where the bytes of a value decide; `finish_rows` changes values that were decoded.
"""

from __future__ import annotations

from mariadb_protocol.binary import binary_decoder
from mariadb_protocol.constants import FieldType as F
from mariadb_protocol.values import text_decoder

from ..exceptions import DataError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from mariadb_protocol.binary import BinaryDecoder
    from mariadb_protocol.constants import Limits
    from mariadb_protocol.messages import ColumnDefinition
    from mariadb_protocol.rows import Decoder, Row

    from .metadata import ColumnSet
    from .options import ConnectOptions

_DATES = (F.DATE, F.NEWDATE, F.DATETIME, F.TIMESTAMP)


class InvalidDate(str):
    """The text of a date that Python's calendar does not have."""

    __slots__ = ()


class Conversion:
    """How the values of one connection become objects.

    Args:
        converter: field type -> function of the object that it would be; also for NULL, of None.
        native_object: UUID columns are uuid.UUID, INET4 and INET6 columns addresses of `ipaddress`; else text.
        zero_date: a date that Python does not have, such as 0000-00-00, is None; "str": its text; "raise": a DataError.
    """

    __slots__ = ("_converter", "_native_object", "_zero_date")

    def __init__(
        self,
        converter: Mapping[int, Callable[[Any], Any]] | None = None,
        native_object: bool = False,
        zero_date: str | None = None,
    ) -> None:
        self._converter = dict(converter or {})
        self._native_object = native_object
        self._zero_date = zero_date

    @classmethod
    def from_options(cls, options: ConnectOptions) -> Conversion:
        """As the options of a connection say."""
        return cls(options.converter, options.native_object, options.zero_date)

    def text(self, column: ColumnDefinition, limits: Limits) -> Decoder:
        """The decoder of a column in the text protocol."""
        native = self._native(column)
        if native is not None:
            return native
        decode = text_decoder(column, limits)
        if self._zero_date and column.type in _DATES:
            return lambda value: decode(value) or InvalidDate(value.decode())
        return decode

    def binary(self, column: ColumnDefinition, limits: Limits) -> BinaryDecoder:
        """The decoder of a column in the binary protocol."""
        native = self._native(column)
        if native is not None:
            return 0, native
        width, decode = binary_decoder(column, limits)
        if self._zero_date and column.type in _DATES:
            whole = column.type in (F.DATE, F.NEWDATE)
            return width, lambda value: decode(value) or InvalidDate(_date_text(value, whole, column.decimals))
        return width, decode

    def _native(self, column: ColumnDefinition) -> Decoder | None:
        make = _NATIVE.get(column.type_name) if self._native_object else None
        return None if make is None else make()

    def finisher(self, columns: tuple[ColumnDefinition, ...], types: tuple[int, ...]) -> RowFinisher | None:
        """What is to be done to decoded rows of these columns, whose types are shown as `types`; None for nothing."""
        steps = [
            (index, self._converter[type_code]) for index, type_code in enumerate(types) if type_code in self._converter
        ]
        if self._zero_date == "raise":
            steps = [(index, _refuse) for index, column in enumerate(columns) if column.type in _DATES] + steps
        return RowFinisher(steps) if steps else None


class RowFinisher:
    """Changes the values of some columns.

    Args:
        steps: (index of a column, function of its value).
    """

    __slots__ = ("_steps",)

    def __init__(self, steps: list[tuple[int, Callable[[Any], Any]]]) -> None:
        self._steps = steps

    def __call__(self, rows: list[Row]) -> list[Row]:
        finished = []
        for row in rows:
            values = list(row)
            for index, convert in self._steps:
                values[index] = convert(values[index])
            finished.append(tuple(values))
        return finished


def finish_rows(columns: ColumnSet, rows: list[Row]) -> list[Row]:
    """Rows as the user's conversions want them."""
    return rows if columns.finisher is None else columns.finisher(rows)


def _refuse(value: Any) -> Any:
    if isinstance(value, InvalidDate):
        raise DataError(f"Python has no date {value!s}")
    return value


def _date_text(value: bytes, whole: bool, decimals: int) -> str:
    """A date of the binary protocol in the form of the text protocol."""
    fields = value + bytes(11 - len(value))
    text = f"{fields[0] | fields[1] << 8:04}-{fields[2]:02}-{fields[3]:02}"
    if whole:
        return text
    text += f" {fields[4]:02}:{fields[5]:02}:{fields[6]:02}"
    fraction = f"{int.from_bytes(fields[7:11], 'little'):06}"
    return f"{text}.{fraction[:decimals]}" if 0 < decimals <= 6 else text


def _uuid() -> Decoder:
    from uuid import UUID

    return lambda value: UUID(value.decode())


def _inet4() -> Decoder:
    from ipaddress import IPv4Address

    return lambda value: IPv4Address(value.decode())


def _inet6() -> Decoder:
    from ipaddress import IPv6Address

    return lambda value: IPv6Address(value.decode())


_NATIVE: dict[str, Callable[[], Decoder]] = {"uuid": _uuid, "inet4": _inet4, "inet6": _inet6}
