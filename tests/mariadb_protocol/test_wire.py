from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.errors import LocalProtocolError, RemoteProtocolError
from mariadb_protocol.wire import Reader, Writer, lenenc_bytes, lenenc_int
from tests.support import scripts

BORDERS = (0, 1, 0xFA, 0xFB, 0xFC, 0xFE, 0xFF, 0x100, 0xFFFE, 0xFFFF, 0x10000, 0xFFFFFE, 0xFFFFFF, 0x1000000,
           0xFFFFFFFF, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)  # fmt: skip


@pytest.mark.parametrize("value", BORDERS)
def test_lenenc_int_round_trip(value: int) -> None:
    encoded = lenenc_int(value)
    assert encoded == scripts.lenenc(value)
    reader = Reader(encoded, "number")
    assert reader.lenenc() == value
    reader.done()


@pytest.mark.parametrize(
    ("value", "width"),
    [(0, 1), (0xFA, 1), (0xFB, 3), (0xFFFF, 3), (0x10000, 4), (0xFFFFFF, 4), (0x1000000, 9), ((1 << 64) - 1, 9)],
)
def test_lenenc_int_takes_the_shortest_form(value: int, width: int) -> None:
    assert len(lenenc_int(value)) == width


def test_lenenc_int_out_of_range() -> None:
    with pytest.raises(OverflowError):
        lenenc_int(1 << 64)


@given(st.integers(0, (1 << 64) - 1))
def test_lenenc_int_any(value: int) -> None:
    assert Reader(lenenc_int(value), "number").lenenc() == value
    assert lenenc_int(value) == scripts.lenenc(value)


@given(st.binary(max_size=600))
def test_lenenc_bytes_any(value: bytes) -> None:
    assert lenenc_bytes(value) == scripts.text(value)
    reader = Reader(lenenc_bytes(value), "string")
    assert reader.lenenc_bytes() == value
    reader.done()


@pytest.mark.parametrize("width", range(1, 9))
def test_uint_borders(width: int) -> None:
    for value in (0, 1, 1 << 8 * width - 1, (1 << 8 * width) - 1):
        encoded = Writer().uint(value, width).payload()
        assert encoded == scripts.uint(value, width)
        reader = Reader(encoded, "number")
        assert reader.uint(width) == value
        assert reader.left() == 0


@pytest.mark.parametrize(("first", "shown"), [(0xFB, "0xfb"), (0xFF, "0xff")])
def test_null_and_reserved_are_no_lengths(first: int, shown: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"malformed thing of 2 bytes: has {shown} at offset 1 in the place"):
        Reader(bytes((0, first)), "thing", 1).lenenc()


@pytest.mark.parametrize(
    ("data", "read", "fact"),
    [
        (b"", Reader.u8, "wants 1 byte at offset 0, 0 left"),
        (b"ab", lambda reader: reader.raw(3), "wants 3 bytes at offset 0, 2 left"),
        (b"ab", lambda reader: reader.uint(4), "wants 4 bytes at offset 0, 2 left"),
        (b"", Reader.lenenc, "wants 1 byte at offset 0"),
        (b"\xfc\x01", Reader.lenenc, "wants 2 bytes at offset 1, 1 left"),
        (b"\xfd\x01\x02", Reader.lenenc, "wants 3 bytes at offset 1, 2 left"),
        (b"\xfe" + bytes(7), Reader.lenenc, "wants 8 bytes at offset 1, 7 left"),
        (b"\x03ab", Reader.lenenc_bytes, "wants 3 bytes at offset 1, 2 left"),
        (b"\xfe" + b"\xff" * 8, Reader.lenenc_bytes, f"wants {(1 << 64) - 1} bytes at offset 9, 0 left"),
        (b"\x03ab", Reader.lenenc_text, "wants 3 bytes"),
        (b"abc", Reader.nul_terminated, "has no NUL after offset 0"),
        (b"a", Reader.done, "has 1 bytes after its last field"),
    ],
)
def test_every_read_is_checked(data: bytes, read: object, fact: str) -> None:
    assert callable(read)
    reader = Reader(data, "thing")
    with pytest.raises(RemoteProtocolError, match=f"malformed thing of {len(data)} bytes: {fact}"):
        read(reader)


def test_reader_reads_front_to_back() -> None:
    reader = Reader(b"xa\0\x02bcrest", "thing", 1)
    assert reader.nul_terminated() == b"a"
    assert reader.lenenc_text() == "bc"
    assert reader.left() == 4
    assert reader.rest() == b"rest"
    assert reader.rest() == b""
    reader.done()


def test_text_that_is_not_utf8_is_kept_visible() -> None:
    assert Reader(b"\x03a\xff\xc3", "thing").lenenc_text() == "a\\xff\\xc3"


def test_writer_chains() -> None:
    payload = Writer().uint(1, 4).nul_terminated(b"user").lenenc_bytes(b"ab").raw(b"!").payload()
    assert payload == b"\x01\0\0\0user\0\x02ab!"
    assert Writer().payload() == b""


def test_writer_refuses_a_nul_inside() -> None:
    with pytest.raises(LocalProtocolError, match="user name contains a NUL byte at offset 2"):
        Writer().nul_terminated(b"ab\0c", "user name")
