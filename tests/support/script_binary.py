"""The binary protocol from the server's side: what it sends, and what it reads; code of its own, as `scripts` is."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from struct import pack, unpack
from typing import Any

from mariadb_protocol.constants import FieldType as F
from tests.support.script_fields import Fields
from tests.support.scripts import text, uint

STRINGS = (F.VAR_STRING, F.STRING, F.VARCHAR, F.ENUM, F.SET, F.BLOB, F.LONG_BLOB, F.NEWDECIMAL, F.DECIMAL, F.BIT)
INTEGERS = {F.TINY: "b", F.SHORT: "h", F.YEAR: "h", F.INT24: "i", F.LONG: "i", F.LONGLONG: "q"}


def prepared(statement: int = 7, columns: int = 0, parameters: int = 0, warnings: int = 0) -> bytes:
    """The OK payload that answers COM_STMT_PREPARE."""
    return b"\0" + uint(statement, 4) + uint(columns, 2) + uint(parameters, 2) + b"\0" + uint(warnings, 2)


def binary_row(*values: bytes | None) -> bytes:
    """A row payload of values that are encoded already."""
    nulls = sum(1 << index + 2 for index, value in enumerate(values) if value is None)
    return b"\0" + uint(nulls, (len(values) + 9) // 8) + b"".join(value for value in values if value is not None)


def _clock(value: datetime | timedelta) -> bytes:
    """Hours, minutes, seconds and, if there are any, microseconds of a day."""
    if isinstance(value, timedelta):
        seconds, fraction = value.seconds, value.microseconds
    else:
        seconds, fraction = (value.hour * 60 + value.minute) * 60 + value.second, value.microsecond
    clock = bytes((seconds // 3600, seconds // 60 % 60, seconds % 60))
    return clock + (pack("<I", fraction) if fraction else b"")


def binary_value(kind: int, value: Any, unsigned: bool = False) -> bytes:
    """A value of this column type as the server sends it in a binary row."""
    if kind in INTEGERS:
        code = INTEGERS[kind]
        return pack("<" + (code.upper() if unsigned or kind == F.YEAR else code), value)
    if kind in (F.FLOAT, F.DOUBLE):
        return pack("<f" if kind == F.FLOAT else "<d", value)
    if kind == F.TIME:
        size = abs(value)
        body = bytes((value < timedelta(0),)) + pack("<I", size.days) + _clock(size) if value else b""
        return bytes((len(body),)) + body
    if isinstance(value, date):
        body = pack("<HBB", value.year, value.month, value.day)
        if isinstance(value, datetime) and value.time() != datetime.min.time():
            body += _clock(value)
        return bytes((len(body),)) + body
    return text(text_value(kind, value))


def text_value(kind: int, value: Any) -> bytes:
    """A value of this column type as the server sends it in a text row."""
    if isinstance(value, bytes):
        return value
    if kind == F.TIME:
        microseconds = abs(value) // timedelta(microseconds=1)
        seconds, fraction = divmod(microseconds, 1_000_000)
        sign = "-" if value < timedelta(0) else ""
        return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}".encode()
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds").encode()
    if isinstance(value, Decimal):
        return format(value, "f").encode()
    return str(value).encode() if not isinstance(value, float) else repr(value).encode()


def _parameter(fields: Fields, kind: int, flags: int) -> Any:
    if kind in INTEGERS:
        width = {"b": 1, "h": 2, "i": 4, "q": 8}[INTEGERS[kind]]
        number = fields.number(width)
        return number if flags & 0x80 or number < 1 << width * 8 - 1 else number - (1 << width * 8)
    if kind == F.DOUBLE:
        return unpack("<d", fields.take(8))[0]
    if kind == F.DATE:
        assert fields.number(1) == 4
        return date(fields.number(2), fields.number(1), fields.number(1))
    if kind == F.DATETIME:
        size = fields.number(1)
        assert size in (7, 11)
        parts = [fields.number(width) for width in (2, 1, 1, 1, 1, 1, 4)[: 6 if size == 7 else 7]]
        return datetime(*parts)
    if kind == F.TIME:
        size = fields.number(1)
        assert size in (8, 12)
        negative, days, hours, minutes, seconds = (fields.number(width) for width in (1, 4, 1, 1, 1))
        assert negative < 2 and hours < 24 and minutes < 60 and seconds < 60
        fraction = fields.number(4) if size == 12 else 0
        found = timedelta(days, (hours * 60 + minutes) * 60 + seconds, fraction)
        return -found if negative else found
    data = fields.prefixed()
    if kind == F.NEWDECIMAL:
        return Decimal(data.decode())
    return data if kind == F.LONG_BLOB else {F.VAR_STRING: data.decode}[kind]()


def parameter(kind: bytes, value: bytes) -> Any:
    """A parameter as the server understands it, from type code with flags and value."""
    fields = Fields(value)
    found = None if kind == bytes((F.NULL, 0)) else _parameter(fields, kind[0], kind[1])
    assert not fields.left
    return found


def execute_fields(payload: bytes, count: int) -> dict[str, Any]:
    """A COM_STMT_EXECUTE payload with `count` parameters as a server reads it."""
    fields = Fields(payload)
    assert fields.number(1) == 0x17
    read: dict[str, Any] = {"id": fields.number(4), "cursor": fields.number(1)}
    assert fields.number(4) == 1
    read["values"] = []
    if count:
        nulls = fields.number((count + 7) // 8)
        assert fields.number(1) == 1
        types = [fields.take(2) for _ in range(count)]
        for index, (kind, flags) in enumerate(types):
            read["values"].append(None if nulls >> index & 1 else _parameter(fields, kind, flags))
    assert not fields.left
    return read


INDICATORS = {1: "NULL", 2: "DEFAULT", 3: "IGNORE", 4: "IGNORE_ROW"}


def bulk_rows(types: bytes, body: bytes, count: int) -> list[tuple[Any, ...]]:
    """The rows of a chunk; what is no value by the name of its indicator."""
    fields = Fields(body)
    kinds = [(types[index], types[index + 1]) for index in range(0, len(types), 2)]
    rows = []
    for _ in range(count):
        row = []
        for kind, flags in kinds:
            indicator = fields.number(1)
            row.append(INDICATORS[indicator] if indicator else _parameter(fields, kind, flags))
        rows.append(tuple(row))
    assert not fields.left
    return rows
