from __future__ import annotations

import re
import sys
from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.constants import Limits
from mariadb_protocol.errors import RemoteProtocolError
from mariadb_protocol.messages import decode_column
from mariadb_protocol.rows import (
    ResultMetadata,
    decode_binary_row,
    decode_binary_rows,
    decode_text_row,
    decode_text_rows,
)
from tests.support.script_binary import binary_row
from tests.support.scripts import column, end, eof, err, packets, row, text

PLAIN = 0xFFFFFF
BOTH = (int, bytes.decode)


def bulk(
    data: bytes, decoders: Any = BOTH, pos: int = 0, sequence: int = 0, plain: int = PLAIN
) -> tuple[int, int, list[tuple[Any, ...]]]:
    rows: list[tuple[Any, ...]] = []
    pos, sequence = decode_text_rows(data, pos, sequence, plain, decoders, rows)
    return pos, sequence, rows


def test_metadata_has_a_decoder_for_each_column() -> None:
    columns = tuple(decode_column(column(kind=kind), True) for kind in (3, 253))
    metadata = ResultMetadata(columns, Limits())
    assert metadata.columns is columns
    assert metadata.text_decoders == (int, bytes.decode)


def test_rows_until_the_buffer_is_empty() -> None:
    data = b"before" + packets(5, row(b"1", b"a"), row(None, b""), row(b"-3", None))
    assert bulk(data, pos=6, sequence=5) == (len(data), 8, [(1, "a"), (None, ""), (-3, None)])


@pytest.mark.parametrize("size", [0, 1, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF, 0xFFFF, 0x10000, 0x20000])
def test_values_of_every_length(size: int) -> None:
    value = bytes(range(256)) * (size // 256 + 1)
    data = packets(0, row(b"1", value[:size], b"2"))
    assert bulk(data, (int, bytes, int))[2] == [(1, value[:size], 2)]


def test_a_length_of_eight_bytes_in_a_short_row() -> None:
    """No server writes it so, but it is legal behind the first column."""
    assert bulk(packets(0, row(b"1") + b"\xfe\3" + bytes(7) + b"abc"))[2] == [(1, "abc")]


LAST = row(b"9", b"z")
STOPS = [
    ("nothing", b""),
    ("half a header", b"\x01\0"),
    ("a header", packets(2, LAST)[:4]),
    ("an incomplete row", packets(2, LAST)[:-1]),
    ("another sequence id", packets(3, LAST)),
    ("an EOF", packets(2, eof())),
    ("an OK that ends rows", packets(2, end())),
    ("an ERR", packets(2, err(1, b"no"))),
    ("an empty packet", packets(2, b"")),
]


@pytest.mark.parametrize("stop", [stop for _, stop in STOPS], ids=[name for name, _ in STOPS])
def test_where_rows_stop(stop: bytes) -> None:
    rows = packets(0, row(b"1", b"a"), row(b"2", b"b"))
    assert bulk(rows + stop) == (len(rows), 2, [(1, "a"), (2, "b")])


@pytest.mark.parametrize(("plain", "count"), [(5, 2), (4, 0)])
def test_long_rows_are_left_to_the_caller(plain: int, count: int) -> None:
    data = packets(0, row(b"1", b"a"), row(b"2", b"b"))
    assert bulk(data, plain=plain)[1] == count


def test_sequence_ids_wrap() -> None:
    data = packets(250, *[row(b"1")] * 10)
    assert bulk(data, (int,), sequence=250) == (len(data), 4, [(1,)] * 10)


# payload -> what is wrong with it, as the second row of an (int, str) result set
WRONG: list[tuple[bytes, str]] = [
    (row(b"1"), "malformed row 2 of 2 bytes: wants 1 byte at offset 2, 0 left|row 2: its values end [0-9]+ bytes past"),
    (row(b"1", b"a", b"b"), "row 2: its values end 2 bytes before the end of its packet"),
    (b"\x05ab", "row 2 column 1 wants 5 bytes, 2 left"),
    (b"\x011\x03ab", "row 2 column 2 wants 3 bytes, 2 left|row 2: its values end 1 bytes past the end of its packet"),
    (row(b"x", b"a"), r"row 2 column 1 is not a value of its type: invalid literal for int\(\)"),
    (row(b"", b"a"), "row 2 column 1 is not a value of its type"),
    (row(b"1", b"\xff"), "row 2 column 2 is not a value of its type: 'utf-8' codec"),
    (b"\x011\xff", "malformed row 2 of 3 bytes: has 0xff at offset 2 in the place of a length"),
    (b"\x011\xfc", "row 2"),
    (b"\x011\xfc\x01", "row 2"),
    (b"\x011\xfe" + b"\xff" * 8, f"row 2 column 2 wants {(1 << 64) - 1} bytes, 0 left|row 2: its values end [0-9]+"),
]
if hasattr(sys, "get_int_max_str_digits"):
    WRONG.append((row(b"9" * 5000, b"a"), "row 2 column 1 is not a value of its type: Exceeds the limit"))


@pytest.mark.parametrize(("payload", "match"), WRONG)
@pytest.mark.parametrize("behind", [b"", packets(2, row(b"3", b"c")), packets(2, end())], ids=["last", "row", "end"])
def test_wrong_rows(payload: bytes, match: str, behind: bytes) -> None:
    """A row that is wrong is refused, whatever follows it, and no row comes after the good ones."""
    data = packets(0, row(b"1", b"a"), payload) + behind
    rows: list[tuple[Any, ...]] = []
    with pytest.raises(RemoteProtocolError, match=match):
        decode_text_rows(data, 0, 0, PLAIN, BOTH, rows)
    assert rows == [(1, "a")]
    with pytest.raises(RemoteProtocolError, match=r"^(malformed )?row 2"):
        decode_text_row(payload, BOTH, 1)


def test_a_decoder_that_fails_for_itself() -> None:
    """A bug in a decoder is not blamed on the server."""

    def broken(value: bytes) -> Any:
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        bulk(packets(0, row(b"1")), (broken,))
    with pytest.raises(TypeError, match="mine"):
        decode_text_row(row(b"1"), (broken,), 0)


@pytest.mark.parametrize("error", [ValueError("odd"), ArithmeticError("odd"), IndexError("odd"), KeyError("odd")])
def test_a_decoder_that_refuses(error: Exception) -> None:
    def refuses(value: bytes) -> Any:
        raise error

    for decode in (lambda: bulk(packets(0, row(b"1")), (refuses,)), lambda: decode_text_row(row(b"1"), (refuses,), 0)):
        with pytest.raises(RemoteProtocolError, match=r"row 1 column 1 is not a value of its type: '?odd"):
            decode()


def test_a_decoder_that_refuses_only_once() -> None:
    """The second look, which is for the column, finds nothing: the row is refused all the same."""
    values = iter([ValueError("now"), 1])

    def moody(value: bytes) -> Any:
        found = next(values)
        if isinstance(found, Exception):
            raise found
        return found

    with pytest.raises(RemoteProtocolError, match="row 1 cannot be decoded"):
        bulk(packets(0, row(b"1")), (moody,))


# The binary protocol


def test_metadata_has_a_decoder_of_each_kind() -> None:
    made = []

    class Counting(ResultMetadata):
        def binary_decoder(self, column: Any) -> Any:
            made.append(column.type)
            return super().binary_decoder(column)

    metadata = Counting(tuple(decode_column(column(kind=kind), True) for kind in (8, 253)), Limits())
    assert [size for size, _ in metadata.binary_decoders] == [8, 0]
    assert metadata.binary_decoders is metadata.binary_decoders
    assert made == [8, 253]


SMALL_AND_TEXT = ResultMetadata(
    tuple(decode_column(column(kind=kind), True) for kind in (1, 253)), Limits()
).binary_decoders


def bulk_binary(data: bytes, decoders: Any = SMALL_AND_TEXT, sequence: int = 0, plain: int = PLAIN) -> Any:
    rows: list[tuple[Any, ...]] = []
    return (*decode_binary_rows(data, 0, sequence, plain, decoders, rows), rows)


@pytest.mark.parametrize("size", [0, 1, 0xFA, 0xFB, 0xFF, 0xFFFF, 0x10000, 0x20000])
def test_binary_values_of_every_length(size: int) -> None:
    payload = binary_row(b"\7", text(b"x" * size))
    expected = (7, "x" * size)
    assert bulk_binary(packets(0, payload)) == (len(payload) + 4, 1, [expected])
    assert decode_binary_row(payload, SMALL_AND_TEXT, 0) == expected


@pytest.mark.parametrize("count", [1, 5, 6, 7, 13, 14, 15, 300])
def test_every_column_may_be_null(count: int) -> None:
    for null in range(count):
        row = tuple(None if index == null else index & 0xFF for index in range(count))
        payload = binary_row(*(None if value is None else bytes((value,)) for value in row))
        assert bulk_binary(packets(0, payload), ((1, ord),) * count)[2] == [row]
        assert decode_binary_row(payload, ((1, ord),) * count, 0) == row


@pytest.mark.parametrize("stop", [stop for _, stop in STOPS[:4]], ids=[name for name, _ in STOPS[:4]])
@pytest.mark.parametrize("plain", [PLAIN, 6])
def test_where_binary_rows_stop(stop: bytes, plain: int) -> None:
    first, second = binary_row(b"\1", text(b"")), binary_row(b"\2", text(b"long"))
    data = packets(0, first, second) + stop
    expected = [(1, ""), (2, "long")] if plain == PLAIN else [(1, "")]
    assert bulk_binary(data, plain=plain)[1:] == (len(expected), expected)


@pytest.mark.parametrize("stop", [end(), eof(), err(1, b"no"), b"\1", b"\xfb"], ids=bytes.hex)
def test_what_is_no_binary_row(stop: bytes) -> None:
    payload = binary_row(b"\1", None)
    assert bulk_binary(packets(0, payload, stop)) == (len(payload) + 4, 1, [(1, None)])


WRONG_BINARY = [
    (b"\0", "row 2"),
    (b"\0\0", "row 2 column 1 wants 1 bytes, 0 left|row 2: its values end"),
    (b"\0\0\1", "row 2: wants 1 byte|row 2 of 3 bytes|row 2: its values end"),
    (b"\0\0\1\5ab", "row 2 column 2 wants 5 bytes, 2 left|row 2: its values end"),
    (b"\0\0\1\1ab", "row 2( of 6 bytes: has 1 bytes after|: its values end 1 bytes before)"),
    (b"\0\0\1\xfb", "has 0xfb at offset 3 in the place of a length"),
    (b"\0\0\1\xff", "has 0xff at offset 3 in the place of a length"),
    (b"\0\0\1\xfe" + b"\xff" * 8, f"row 2 column 2 wants {(1 << 64) - 1} bytes, 0 left|row 2: its values end"),
    (b"\0\0\1\1\xff", "row 2 column 2 is not a value of its type: 'utf-8' codec"),
]


@pytest.mark.parametrize(("payload", "match"), WRONG_BINARY)
@pytest.mark.parametrize("behind", [b"", packets(2, binary_row(b"\3", text(b"c"))), packets(2, end())])
def test_wrong_binary_rows(payload: bytes, match: str, behind: bytes) -> None:
    rows: list[tuple[Any, ...]] = []
    with pytest.raises(RemoteProtocolError, match=match):
        decode_binary_rows(packets(0, binary_row(b"\1", None), payload) + behind, 0, 0, PLAIN, SMALL_AND_TEXT, rows)
    assert rows == [(1, None)]
    with pytest.raises(RemoteProtocolError, match="row 2"):
        decode_binary_row(payload, SMALL_AND_TEXT, 1)


BINARY_DECODERS = ResultMetadata(
    tuple(decode_column(column(kind=kind), True) for kind in (3, 12, 253)), Limits()
).binary_decoders


@given(st.binary(max_size=40), st.binary(max_size=20))
def test_any_binary_payload(payload: bytes, behind: bytes) -> None:
    """One by one and in bulk, and with whatever behind it: the same row, or an error."""
    payload = b"\0" + payload
    try:
        expected = decode_binary_row(payload, BINARY_DECODERS, 0)
    except RemoteProtocolError as error:
        assert re.match("(malformed )?row 1", str(error))
        with pytest.raises(RemoteProtocolError, match="row 1"):
            bulk_binary(packets(0, payload) + behind, BINARY_DECODERS)
    else:
        assert bulk_binary(packets(0, payload), BINARY_DECODERS) == (4 + len(payload), 1, [expected])


# Both decoders agree

VALUES = st.none() | st.binary(max_size=300)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=20), st.data())
def test_any_rows(table: list[tuple[Any, ...]], data: st.DataObject) -> None:
    payloads = [row(*values) for values in table]
    wire = packets(7, *payloads)
    ends = [len(packets(7, *payloads[:number])) for number in range(len(table) + 1)]
    length = data.draw(st.integers(0, len(wire)))
    fitting = sum(end <= length for end in ends) - 1
    assert bulk(wire[:length], (bytes, bytes), sequence=7) == (ends[fitting], 7 + fitting, table[:fitting])
    assert [decode_text_row(payload, (bytes, bytes), 0) for payload in payloads] == table


DECODERS: dict[str, tuple[Callable[[bytes], Any], ...]] = {
    "bytes": (bytes, bytes),
    "typed": ResultMetadata(tuple(decode_column(column(kind=kind), True) for kind in (3, 12)), Limits()).text_decoders,
}


@pytest.mark.parametrize("name", DECODERS)
@given(st.binary(min_size=1, max_size=40).filter(lambda payload: payload[0] < 0xFE), st.binary(max_size=20))
def test_any_payload(name: str, payload: bytes, behind: bytes) -> None:
    """One by one and in bulk, and with whatever behind it: the same row, or an error."""
    decoders = DECODERS[name]
    try:
        expected = decode_text_row(payload, decoders, 0)
    except RemoteProtocolError as error:
        assert re.match("(malformed )?row 1", str(error))
        with pytest.raises(RemoteProtocolError, match="row 1"):
            bulk(packets(0, payload) + behind, decoders)
    else:
        assert bulk(packets(0, payload), decoders) == (4 + len(payload), 1, [expected])
