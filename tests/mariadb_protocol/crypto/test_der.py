from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.crypto.der import SEQUENCE, SET, DerReader, explicit
from mariadb_protocol.errors import RemoteProtocolError
from tests.support import der
from tests.support.der import tlv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def reader(data: bytes) -> DerReader:
    return DerReader(data, "thing")


# Elements


@pytest.mark.parametrize(("size", "header"), [(0, 2), (1, 2), (127, 2), (128, 3), (255, 3), (256, 4), (65536, 5)])
def test_elements_of_every_size(size: int, header: int) -> None:
    data = tlv(0x04, bytes(size))
    assert len(data) == header + size
    elements = reader(data + b"rest")
    assert elements.element() == (0x04, bytes(size))
    assert elements.rest() == b"rest"


@pytest.mark.parametrize(
    ("data", "fact"),
    [
        (b"", "wants 1 byte at offset 0, 0 left"),
        (b"\x04", "wants 1 byte at offset 1, 0 left"),
        (b"\x04\x02a", "wants 2 bytes at offset 2, 1 left"),
        (b"\x1f\x81\x01\x00", "has the tag 0x1f at offset 0"),
        (b"\xbf\x20\x00", "has the tag 0xbf at offset 0"),
        (b"\x30\x80\0\0", "has 0x80 at offset 1 in the place of a length"),  # the indefinite form
        (b"\x30\x85\0\0\0\0\0", "has 0x85 at offset 1 in the place of a length"),
        (b"\x30\xff", "has 0xff at offset 1 in the place of a length"),
        (b"\x04\x82\x01", "wants 2 bytes at offset 2, 1 left"),
        (b"\x04\x84\xff\xff\xff\xff", "wants 4294967295 bytes at offset 6, 0 left"),
        (b"\x04\x81\x7f" + bytes(127), "has the length 127 at offset 1 in 2 bytes"),
        (b"\x04\x82\x00\x80" + bytes(128), "has the length 128 at offset 1 in 3 bytes"),
        (b"\x04\x81\x00", "has the length 0 at offset 1 in 2 bytes"),
    ],
)
def test_malformed_elements(data: bytes, fact: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"^malformed thing of {len(data)} bytes: {fact}$"):
        reader(data).element()


def test_one_kind_of_element_is_expected() -> None:
    elements = reader(tlv(SEQUENCE, tlv(SET)) + tlv(explicit(3), b"x"))
    assert elements.peek() == SEQUENCE
    inner = elements.inside()
    assert inner.what == "thing"
    assert inner.inside(SET).left() == 0
    inner.done()
    assert elements.optional(explicit(0)) is None
    assert elements.optional(explicit(3)) == b"x"
    assert elements.optional(explicit(3)) is None
    assert elements.peek() == -1
    elements.done()


def test_another_kind_of_element_is_refused() -> None:
    elements = reader(der.NULL + tlv(SET))
    elements.null()
    with pytest.raises(RemoteProtocolError, match=r"has the tag 0x31 at offset 2, 0x30 expected$"):
        elements.inside()


# Basic types


@given(st.integers(-(2**600), 2**600))
def test_integers(value: int) -> None:
    integers = reader(der.integer(value))
    assert integers.integer() == value
    integers.done()


@pytest.mark.parametrize(
    ("contents", "value"), [("00", 0), ("7f", 127), ("0080", 128), ("80", -128), ("ff7f", -129), ("ff", -1)]
)
def test_integers_at_borders(contents: str, value: int) -> None:
    assert reader(tlv(2, bytes.fromhex(contents))).integer() == value


BITS = bytes.fromhex("0780")
MALFORMED = [
    (DerReader.integer, tlv(2), "an INTEGER of 0 bytes that begins with 0x"),
    (DerReader.integer, tlv(2, b"\0\x7f\xff"), "an INTEGER of 3 bytes that begins with 0x007f"),
    (DerReader.integer, tlv(2, b"\0\0"), "an INTEGER of 2 bytes that begins with 0x0000"),
    (DerReader.integer, tlv(2, b"\xff\x80"), "an INTEGER of 2 bytes that begins with 0xff80"),
    (DerReader.integer, tlv(5), "the tag 0x05 at offset 0, 0x02 expected"),
    (DerReader.bits, tlv(3), "a BIT STRING that begins with 0x"),
    (DerReader.bits, tlv(3, BITS), "a BIT STRING that begins with 0x07"),
    (DerReader.null, tlv(5, b"ab"), "a NULL of 2 bytes"),
    (DerReader.oid, tlv(6), "an OBJECT IDENTIFIER of 0 bytes: 0x"),
    (DerReader.oid, tlv(6, b"\x2a\x81"), "an OBJECT IDENTIFIER of 2 bytes: 0x2a81"),
    (DerReader.oid, tlv(6, b"\x2a" * 65), f"an OBJECT IDENTIFIER of 65 bytes: 0x{'2a' * 8}"),
    (DerReader.oid, tlv(6, b"\x2a\x80\x01"), "an OBJECT IDENTIFIER with a needless 0x80: 0x2a8001"),
    (DerReader.oid, tlv(6, b"\x80\x01"), "an OBJECT IDENTIFIER with a needless 0x80: 0x8001"),
    (DerReader.time, tlv(4, b"240229235959Z"), "the tag 0x04 in the place of a time"),
    *(
        (DerReader.time, tlv(tag, text), f"no time in {text[:32]!r}")
        for tag, text in [
            (0x17, b""),
            (0x17, b"Z"),
            (0x17, b"2402292359Z"),
            (0x17, b"240229235959"),
            (0x17, b"240229235959+0000"),
            (0x17, b"20240229235959Z"),
            (0x17, b"230229235959Z"),
            (0x17, b"240229235960Z"),
            (0x17, b"24022923595\xb2Z"),
            (0x17, b"+40229235959Z"),
            (0x18, b"240229235959Z"),
            (0x18, b"20240229235959.5Z"),
            (0x18, b"00000229235959Z"),
            (0x18, b"20241329235959Z"),
            (0x18, b"2" * 100),
        ]
    ),
]


@pytest.mark.parametrize(("read", "data", "fact"), MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_contents(read: Callable[[DerReader], object], data: bytes, fact: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read(reader(data))
    assert str(caught.value) == f"malformed thing of {len(data)} bytes: has {fact}"


def test_bit_strings() -> None:
    assert reader(der.bits(b"ab")).bits() == b"ab"
    assert reader(der.bits(b"")).bits() == b""


@pytest.mark.parametrize(
    ("contents", "numbers"),
    [
        ("2a864886f70d010101", "1.2.840.113549.1.1.1"),
        ("550403", "2.5.4.3"),
        ("00", "0.0"),
        ("27", "0.39"),
        ("28", "1.0"),
        ("4f", "1.39"),
        ("50", "2.0"),
        ("883703", "2.999.3"),
        ("2a8100", "1.2.128"),
        ("2aff7f", "1.2.16383"),
        ("2a00", "1.2.0"),
    ],
)
def test_object_identifiers(contents: str, numbers: str) -> None:
    assert reader(tlv(6, bytes.fromhex(contents))).oid() == numbers


def test_the_longest_object_identifier() -> None:
    assert reader(tlv(6, b"\x2a" + b"\xff" * 62 + b"\x7f")).oid() == f"1.2.{2**441 - 1}"


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [
        (0x17, b"240229235958Z", datetime(2024, 2, 29, 23, 59, 58)),
        (0x17, b"491231000000Z", datetime(2049, 12, 31)),
        (0x17, b"500101000000Z", datetime(1950, 1, 1)),
        (0x18, b"20500101000000Z", datetime(2050, 1, 1)),
        (0x18, b"99991231235959Z", datetime(9999, 12, 31, 23, 59, 59)),
    ],
)
def test_times(tag: int, text: bytes, value: datetime) -> None:
    assert reader(tlv(tag, text)).time() == value


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_an_error(data: bytes) -> None:
    for read in {read for read, _, _ in MALFORMED}:
        try:
            read(reader(data))
        except RemoteProtocolError:
            continue
