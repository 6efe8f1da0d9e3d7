"""Hostile rows, in the text and in the binary protocol: their layout, and values that are none of their type."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mariadb_protocol.constants import FieldType as F
from tests.hostile.table import BINARY, FETCH_ALL, QUERY, Case, answers, answers_raw, cursor, executes_raw
from tests.support.script_binary import binary_row, prepared
from tests.support.scripts import TOP, column, end, err, lenenc, packets, result, row, text, uint

if TYPE_CHECKING:
    from typing import Any

HUGE = b"\xfe" + b"\xff" * 7 + b"\x7f"  # 2**63 - 1, as a length


def _row(name: str, payload: bytes, fact: str, columns: int = 1) -> Case:
    """A row of text that is none."""
    return Case(name, answers_raw(result([column()] * columns, [payload])), fact, QUERY, errno=2027)


def _value(name: str, kind: int, value: bytes, match: str = "") -> Case:
    """A value that is none of its type; a second one of the same name is not allowed to be so either."""
    match = match or "^row 1 column 1 is not a value of its type"
    return Case(name, answers_raw(result([column(kind=kind, charset=63)], [row(value)])), match, QUERY)


def _read(name: str, kind: int, value: bytes, found: Any) -> Case:
    """A value that can be read, however strange it is."""
    script = answers_raw(result([column(kind=kind, charset=63)], [row(value)]))
    return Case(name, script, client=FETCH_ALL, raises=None, answer=[(found,)], ready=True)


TEXT_ROWS = (
    _row("a row longer than its packet", b"\x09x", "row 1 column 1 wants 9 bytes, 1 left"),
    _row("a value of 2**63 bytes", b"\1x" + HUGE, "row 1 column 2 wants 9223372036854775807 bytes, 0 left", 2),
    _row("a row of 16 MiB that is not there", b"\xfd\xff\xff\xff", "row 1 column 1 wants 16777215 bytes, 0 left"),
    _row("a row without length", b"\xfc\1", "malformed row 1 of 2 bytes: wants 2 bytes"),
    _row("0xFF in the place of a length", b"\1x\xff", "has 0xff at offset 2 in the place of a length", 2),
    _row("a row of 0 bytes", b"", "malformed row 1 of 0 bytes: wants 1 byte"),
    _row("a row with a column too few", row(b"x"), "malformed row 1 of 2 bytes: wants 1 byte at offset 2", 2),
    _row("a row with a column too many", row(b"x", b"y"), "row 1: its values end 2 bytes before the end"),
    _row("junk behind a row", row(b"x") + b"\0", "row 1: its values end 1 bytes before the end"),
    _row(
        "a second column that reaches back", b"\1x" + HUGE[:1] + b"\xff" * 8, "row 1 column 2 wants 18446744073709", 2
    ),
    Case(
        "a value that reaches into the next row",
        answers(lenenc(1), column(), b"\5ab", row(b"cd"), end()),
        "row 1: its values end 3 bytes past the end",
        QUERY,
    ),
    Case(
        "a value that reaches into the end of the rows",
        answers(lenenc(1), column(), row(b"x"), b"\x09x", end()),
        "row 2 column 1 wants 9 bytes, 1 left",
        QUERY,
    ),
    Case(
        "an end of rows with junk",
        answers(lenenc(1), column(), row(b"x"), end(tail=b"\0junk")),
        "malformed OK packet of 12 bytes: has 4 bytes after its last field",
        QUERY,
    ),
    Case(
        "an end of rows of 1 byte",
        answers(lenenc(1), column(), row(b"x"), b"\xfe"),
        "malformed OK packet of 1 bytes",
        QUERY,
    ),
    Case(
        "an error among rows of 1 byte",
        answers(lenenc(1), column(), row(b"x"), b"\xff"),
        "malformed ERR packet of 1 bytes",
        QUERY,
    ),
    Case(
        "a row over the limit in one packet",
        answers(lenenc(1), column(), row(b"x" * 5000), end()),
        "packet_size is 4096, the server sent 5003",
        QUERY,
        options={"limits": {"packet_size": 4096}},
    ),
    Case(
        "a second packet that would be over the limit",
        answers_raw(packets(1, lenenc(1), column()), uint(TOP, 3), b"\3", bytes(TOP), uint(TOP, 3), b"\4"),
        "packet_size is 20000000, the server sent 33554430",
        QUERY,
        options={"limits": {"packet_size": 20_000_000}},
    ),
    Case(
        "a second packet in wrong order",
        answers_raw(packets(1, lenenc(1), column()), uint(TOP, 3), b"\3", bytes(TOP), b"\0\0\0\5"),
        "sequence id 5, expected 4",
        QUERY,
    ),
)

TEXT_VALUES = (
    _value("a DECIMAL of 82 digits", F.NEWDECIMAL, b"9" * 82, "row 1 column 1 .* decimal_digits is 81, .* sent 82"),
    _value("a DECIMAL of 100,000 digits", F.NEWDECIMAL, b"9" * 100_000, "decimal_digits is 81, the server sent 100000"),
    _value("a DECIMAL that is none", F.NEWDECIMAL, b"1.2.3"),
    _value("a DECIMAL of 0 bytes", F.NEWDECIMAL, b""),
    _value("a DECIMAL with a huge exponent", F.NEWDECIMAL, b"1e999999999"),
    _value("a DECIMAL of infinity", F.NEWDECIMAL, b"Infinity"),
    _value("an integer of 5,000 digits", F.LONG, b"9" * 5000),
    _value("an integer of 0 bytes", F.LONG, b""),
    _value("an integer that is none", F.LONGLONG, b"12x"),
    _value("a DOUBLE that is none", F.DOUBLE, b"1,5"),
    _value("a DATE that is none", F.DATE, b"yesterday"),
    _value("a DATE of 0 bytes", F.DATE, b""),
    _value("a DATE in other digits", F.DATE, "\u0662001-01-01".encode()),
    _value("a DATETIME with a time zone", F.DATETIME, b"2001-01-01 00:00:00+05:00"),
    _value("a DATETIME that is none", F.DATETIME, b"2001-01-01 zz:00:00"),
    _value("a TIME that is none", F.TIME, b"12"),
    _value("a TIME of 10**18 hours", F.TIME, b"1" + b"0" * 18 + b":00:00"),
    _value("a TIME of 5,000 digits", F.TIME, b"9" * 5000 + b":00:00"),
    _value("a TIME of signs", F.TIME, b"-:-:-"),
    _read("a DATE out of range", F.DATE, b"9999-99-99", None),
    _read("a DATETIME out of range", F.DATETIME, b"2001-02-30 00:00:00", None),
    _read("a TIME out of range", F.TIME, b"-999:59:59", -timedelta(hours=999, minutes=59, seconds=59)),
    Case(
        "a text that is no UTF-8",
        answers_raw(result([column()], [row(b"a\xff")])),
        "row 1 column 1 is not a value of its type: 'utf-8' codec can't decode byte 0xff",
        QUERY,
    ),
    Case(
        "a text with half a surrogate pair",
        answers_raw(result([column()], [row(b"\xed\xa0\x80")])),
        "row 1 column 1 is not a value of its type: 'utf-8' codec",
        QUERY,
    ),
    Case(
        "a UUID that is none",
        answers_raw(result([column(extended=b"\0\4uuid")], [row(b"zz")])),
        "row 1 column 1 is not a value of its type: badly formed hexadecimal UUID string",
        QUERY,
        options={"native_object": True},
    ),
    Case(
        "an address that is none",
        answers_raw(result([column(extended=b"\0\5inet6")], [row(b"1.2.3.4")])),
        "row 1 column 1 is not a value of its type",
        QUERY,
        options={"native_object": True},
    ),
)

# Binary


def _executed(columns: list[bytes], *rows: bytes) -> tuple[Any, ...]:
    """A statement with these columns, prepared and executed, and these rows."""
    return executes_raw(packets(1, prepared(7, len(columns)), *columns), result(columns, rows))


def _binary(name: str, kind: int, payload: bytes, match: str, columns: int = 1) -> Case:
    """A row of the binary protocol that is none."""
    return Case(name, _executed([column(kind=kind, charset=63)] * columns, payload), match, BINARY)


def _moment(*fields: int) -> bytes:
    """A DATETIME as (year, month, day, hour, minute, second)."""
    return text(uint(fields[0], 2) + bytes(fields[1:]))


NOT_A_VALUE = "^row 1 column 1 is not a value of its type"
BINARY_ROWS = (
    _binary("a row of text in the binary protocol", F.VAR_STRING, row(b"x"), r"row 1 begins with b'\\x01'"),
    _binary("a binary row of 0 bytes", F.VAR_STRING, b"", "row 1 begins with b''"),
    _binary("a binary row of 1 byte", F.VAR_STRING, b"\0", "row 1: its values end 1 bytes past the end"),
    _binary("a NULL bitmap that is too short", F.TINY, b"\0\xff", "row 1: its values end 2 bytes past the end", 10),
    _binary("a NULL bitmap that is too long", F.TINY, b"\0\0\0\7", "row 1: its values end 1 bytes before the end"),
    _binary("an integer that is cut", F.LONGLONG, binary_row(bytes(7)), "row 1: its values end 1 bytes past the end"),
    _binary(
        "an integer with junk behind", F.LONG, binary_row(bytes(5)), "row 1: its values end 1 bytes before the end"
    ),
    _binary(
        "a string longer than its packet",
        F.VAR_STRING,
        binary_row(b"\x09x"),
        "row 1: its values end 8 bytes past the end",
    ),
    _binary(
        "a string of 2**63 bytes",
        F.VAR_STRING,
        binary_row(HUGE),
        "row 1: its values end 9223372036854775807 bytes past",
    ),
    _binary(
        "NULL among the values", F.VAR_STRING, binary_row(b"\xfb"), "has 0xfb at offset 2 in the place of a length"
    ),
    _binary("a DATE of 5 bytes", F.DATE, binary_row(text(bytes(5))), NOT_A_VALUE + ": a date and time of 5 bytes"),
    _binary(
        "a DATE of 255 bytes", F.DATE, binary_row(text(bytes(255))), NOT_A_VALUE + ": a date and time of 255 bytes"
    ),
    _binary("a DATETIME of 12 bytes", F.DATETIME, binary_row(text(bytes(12))), NOT_A_VALUE + ": .* of 12 bytes"),
    _binary("a DATETIME at 24:00", F.DATETIME, binary_row(_moment(2001, 1, 1, 24, 0, 0)), NOT_A_VALUE + ": .* 24:0:0"),
    _binary("a TIME of 9 bytes", F.TIME, binary_row(text(bytes(9))), NOT_A_VALUE + ": a time of 9 bytes"),
    _binary("a TIME with sign 2", F.TIME, binary_row(text(b"\2" + bytes(7))), NOT_A_VALUE + ": a time of 2"),
    _binary(
        "a TIME of 99 minutes", F.TIME, binary_row(text(bytes(6) + b"\x63\0")), NOT_A_VALUE + ": a time of 0 0 0:99"
    ),
    _binary("a binary DECIMAL of 82 digits", F.NEWDECIMAL, binary_row(text(b"9" * 82)), "decimal_digits is 81"),
    _binary(
        "a string without its last byte", F.VAR_STRING, binary_row(b"\1"), "row 1: its values end 1 bytes past the end"
    ),
    Case(
        "a binary DATE out of range",
        _executed([column(kind=F.DATE)], binary_row(text(b"\xff\xff\x63\x63"))),
        client=(*BINARY, cursor("fetchone")),
        raises=None,
        answer=(None,),
        ready=True,
    ),
    Case(
        "a binary TIME of 2**32 - 1 days",
        _executed([column(kind=F.TIME)], binary_row(text(b"\0" + b"\xff" * 4 + bytes(3)))),
        NOT_A_VALUE,
        BINARY,
    ),
    Case(
        "an error among binary rows",
        executes_raw(
            packets(1, prepared(7, 1), column()),
            packets(1, lenenc(1), column(), binary_row(text(b"x")), err(1317, b"Query execution was interrupted")),
        ),
        "^Query execution was interrupted$",
        BINARY,
        errno=1317,
        ready=True,
    ),
)

CASES = (*TEXT_ROWS, *TEXT_VALUES, *BINARY_ROWS)
