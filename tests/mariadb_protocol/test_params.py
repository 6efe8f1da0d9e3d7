from __future__ import annotations

import array
import ipaddress
import sys
import uuid
from collections import OrderedDict
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import ROUND_UP, Context, Decimal, localcontext
from enum import Enum, IntEnum, IntFlag
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.errors import ParameterError, UnsupportedValueError, ValueRangeError
from mariadb_protocol.params import encode_text, escape, literal


def kind(value: object) -> str:
    """Name of a test; not all values have a text."""
    return type(value).__name__


# Of the value that was given it makes another one then, but never anything else than digits.
INT_IS_ASKED = pytest.mark.skipif(
    sys.implementation.name == "pypy",
    reason="PyPy asks a subclass of int for its own __index__()",
)
EVIL = "' OR 1=1 -- "


class Evil:
    """Whatever text a value makes of itself, it is not what goes into the statement."""

    def __str__(self) -> str:
        return EVIL

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return EVIL

    def encode(self, *args: Any) -> bytes:
        return EVIL.encode()

    def replace(self, *args: Any) -> Any:
        return self

    def __contains__(self, item: object) -> bool:
        return False

    def __bytes__(self) -> Any:
        return self

    def isoformat(self, *args: Any) -> str:
        return EVIL

    def hex(self, *args: Any) -> str:
        return EVIL

    def as_tuple(self) -> Any:
        return 0, (), 0


class EvilInt(Evil, int):
    def __index__(self) -> int:
        return 0

    def __int__(self) -> int:
        return 0

    def __lt__(self, other: int) -> bool:
        return True

    __gt__ = __lt__


class EvilFloat(Evil, float):
    pass


class EvilDecimal(Evil, Decimal):
    pass


class EvilStr(Evil, str):
    pass


class EvilBytes(Evil, bytes):
    pass


class EvilBytearray(Evil, bytearray):
    pass


class EvilDate(Evil, date):
    pass


class EvilDatetime(Evil, datetime):
    pass


class EvilTime(Evil, time):
    pass


class EvilTimedelta(Evil, timedelta):
    def __floordiv__(self, other: Any) -> Any:
        return 0

    def total_seconds(self) -> float:
        return 0.0


class EvilUUID(Evil, uuid.UUID):
    pass


class EvilIPv4(Evil, ipaddress.IPv4Address):
    pass


class EvilIPv6(Evil, ipaddress.IPv6Address):
    pass


class Number:
    """An integer that is no `int`, as numpy has them."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


class Color(IntEnum):
    RED = 3

    def __str__(self) -> str:
        return EVIL


class Permission(IntFlag):
    READ = 4


class Text(str, Enum):
    QUOTED = "it's"


UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
HOUR, MICROSECOND = timedelta(hours=1), timedelta(microseconds=1)
LONGEST = timedelta(hours=838, minutes=59, seconds=59, microseconds=999999)
JAPAN = timezone(9 * HOUR)


@pytest.mark.parametrize("no_backslash_escapes", [False, True])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, b"NULL"),
        (True, b"1"),
        (False, b"0"),
        # integers
        (0, b"0"),
        (-1, b"-1"),
        (1 << 64, b"18446744073709551616"),
        (10**65 - 1, b"9" * 65),
        (1 - 10**65, b"-" + b"9" * 65),
        (Number(-5), b"-5"),
        (Color.RED, b"3"),
        (Permission.READ, b"4"),
        pytest.param(EvilInt(7), b"7", marks=INT_IS_ASKED),
        # floats: with an exponent it is a DOUBLE, without one a DECIMAL
        (1.5, b"1.5"),
        (-0.0, b"-0.0"),
        (0.1, b"0.1"),
        (1e22, b"1e+22"),
        (5e-324, b"5e-324"),
        (sys.float_info.max, b"1.7976931348623157e+308"),
        (EvilFloat(1.5), b"1.5"),
        # Decimals: never with an exponent
        (Decimal("1.10"), b"1.10"),
        (Decimal("-1.10"), b"-1.10"),
        (Decimal("-0"), b"-0"),
        (Decimal("1E+3"), b"1000"),
        (Decimal("1E-7"), b"0.0000001"),
        (Decimal("1E+64"), b"1" + b"0" * 64),
        (Decimal("9" * 65), b"9" * 65),
        (Decimal("9" * 65 + ".5"), b"9" * 65 + b".5"),
        (Decimal("1E-325"), b"0." + b"0" * 324 + b"1"),
        (Decimal("0E-325"), b"0." + b"0" * 325),
        (Decimal("0E+1000000"), b"0"),
        (Decimal("0E+5"), b"0"),
        (EvilDecimal("1.50"), b"1.50"),
        # strings
        ("", b"''"),
        ("a", b"'a'"),
        ("it's", b"'it''s'"),
        ("''", b"''''''"),
        ('"`', b"'\"`'"),
        ("\0\n\r\x1a%_", b"'\0\n\r\x1a%_'"),
        ("é\U0001f600", "'é\U0001f600'".encode()),
        (Text.QUOTED, b"'it''s'"),
        (EvilStr("it's"), b"'it''s'"),
        # bytes
        (b"", b"_binary''"),
        (b"it's\0\xff", b"_binary'it''s\0\xff'"),
        (bytearray(b"it's"), b"_binary'it''s'"),
        (memoryview(b"it's"), b"_binary'it''s'"),
        (memoryview(b"'a'b'c")[::2], b"_binary''''''''"),
        (memoryview(array.array("H", [0x2727])), b"_binary''''''"),
        (EvilBytes(b"' OR "), b"_binary''' OR '"),
        (EvilBytearray(b"' OR "), b"_binary''' OR '"),
        # dates and times
        (date(1, 1, 1), b"DATE'0001-01-01'"),
        (date.max, b"DATE'9999-12-31'"),
        (EvilDate(2020, 1, 2), b"DATE'2020-01-02'"),
        (datetime(1, 1, 1), b"TIMESTAMP'0001-01-01 00:00:00'"),
        (datetime.max, b"TIMESTAMP'9999-12-31 23:59:59.999999'"),
        (datetime(2020, 1, 2, 3, 4, 5, 6), b"TIMESTAMP'2020-01-02 03:04:05.000006'"),
        (EvilDatetime(2020, 1, 2, 3), b"TIMESTAMP'2020-01-02 03:00:00'"),
        (time(), b"TIME'00:00:00'"),
        (time.max, b"TIME'23:59:59.999999'"),
        (EvilTime(1), b"TIME'01:00:00'"),
        (timedelta(), b"TIME'00:00:00'"),
        (MICROSECOND, b"TIME'00:00:00.000001'"),
        (-MICROSECOND, b"TIME'-00:00:00.000001'"),
        (-HOUR / 2, b"TIME'-00:30:00'"),
        (-HOUR + 5 * MICROSECOND, b"TIME'-00:59:59.999995'"),
        (-HOUR - 5 * MICROSECOND, b"TIME'-01:00:00.000005'"),
        (timedelta(days=1, hours=6), b"TIME'30:00:00'"),
        (LONGEST, b"TIME'838:59:59.999999'"),
        (-LONGEST, b"TIME'-838:59:59.999999'"),
        (EvilTimedelta(hours=1), b"TIME'01:00:00'"),
        # what the server reads from text
        (UUID, b"'12345678-1234-5678-1234-567812345678'"),
        (EvilUUID(int=UUID.int), b"'12345678-1234-5678-1234-567812345678'"),
        (ipaddress.IPv4Address("10.0.0.1"), b"'10.0.0.1'"),
        (ipaddress.IPv6Address("::ffff:a"), b"'::ffff:a'"),
        (EvilIPv4("10.0.0.1"), b"'10.0.0.1'"),
        (EvilIPv6("::1"), b"'::1'"),
    ],
    ids=kind,
)
def test_literal(value: Any, expected: bytes, no_backslash_escapes: bool) -> None:
    text = literal(value, no_backslash_escapes)
    assert text == expected
    assert type(text) is bytes


BACKSLASHES: list[tuple[Any, bytes, bytes]] = [
    ("\\", rb"'\\'", rb"'\'"),
    (r"a\'b", rb"'a\\''b'", rb"'a\''b'"),
    ("\u20ac", "'\u20ac'".encode(), "'\u20ac'".encode()),
    ("\u20ac'", "'\u20ac'''".encode(), "'\u20ac'''".encode()),
    # In gbk the last byte of the Euro sign and a backslash are one character.
    ("\u20ac\\", b"_utf8mb4 X'e282ac5c'", "'\u20ac\\'".encode()),
    ("\\'\u0101", b"_utf8mb4 X'5c27c481'", "'\\''\u0101'".encode()),
    (EvilStr("\xe9\\"), b"_utf8mb4 X'c3a95c'", "'\xe9\\'".encode()),
    (b"\\", rb"_binary'\\'", rb"_binary'\'"),
    (b"\xbf", b"_binary'\xbf'", b"_binary'\xbf'"),
    (b"\xbf\\", b"_binary X'bf5c'", b"_binary'\xbf\\'"),
    (bytearray(b"\\'\x80"), b"_binary X'5c2780'", b"_binary'\\''\x80'"),
    (memoryview(b"\xff\\"), b"_binary X'ff5c'", b"_binary'\xff\\'"),
    (EvilBytes(b"\xff\\"), b"_binary X'ff5c'", b"_binary'\xff\\'"),
]


@pytest.mark.parametrize(("value", "escaped", "plain"), BACKSLASHES, ids=kind)
def test_backslashes_beside_other_bytes(value: Any, escaped: bytes, plain: bytes) -> None:
    """Nothing but ASCII is beside a backslash that is escaped: no character set can take it for half a character."""
    assert literal(value, False) == escaped
    assert literal(value, True) == plain


@pytest.mark.parametrize(("value", "escaped", "plain"), BACKSLASHES, ids=kind)
def test_backslashes_where_the_character_set_is_known(value: Any, escaped: bytes, plain: bytes) -> None:
    """No hexadecimal literal: `IDENTIFIED BY`, COMMENT and others do not take one."""
    assert literal(value, False, True) == plain.replace(b"\\", b"\\\\")
    assert literal(value, True, True) == plain


@pytest.mark.parametrize("charset", ["gbk", "big5", "cp932", "gb18030"])
@given(st.text(st.sampled_from("\\'a\u20ac\u8a31\xe9\U0001f600")))
def test_a_backslash_is_one_in_any_character_set(charset: str, value: str) -> None:
    """Read in that character set, there are as many as there are bytes of them."""
    for text in (literal(value, False), literal(value.encode(), False)):
        if b"\\" in text:
            assert text.decode(charset).count("\\") == text.count(b"\\")


@INT_IS_ASKED
@pytest.mark.filterwarnings("ignore:.*__index__ returned non-int:DeprecationWarning")
def test_an_index_that_is_a_subclass() -> None:
    assert literal(Number(True), False) == b"1"
    assert literal(Number(EvilInt(7)), False) == b"7"


@pytest.mark.parametrize(
    ("value", "with_escapes", "without"),
    [
        ("\\", b"'\\\\'", b"'\\'"),
        ("\\'", b"'\\\\'''", b"'\\'''"),
        ("\\\\n", b"'\\\\\\\\n'", b"'\\\\n'"),
        (b"\\'", b"_binary'\\\\'''", b"_binary'\\'''"),
        (EvilStr("\\'"), b"'\\\\'''", b"'\\'''"),
        (EvilBytes(b"\\'"), b"_binary'\\\\'''", b"_binary'\\'''"),
        (memoryview(b"\\"), b"_binary'\\\\'", b"_binary'\\'"),
    ],
)
def test_backslashes(value: Any, with_escapes: bytes, without: bytes) -> None:
    assert literal(value, False) == with_escapes
    assert literal(value, True) == without


class Plain(Enum):
    ONE = 1


class NoIndex:
    __index__ = None


class BadIndex:
    def __index__(self) -> int:
        raise TypeError("only one of us can be one")


class TupleOfTwo(tuple[int, int]):
    pass


@pytest.mark.parametrize(
    "value",
    [
        *(object(), Plain.ONE, [1], (1, 2), TupleOfTwo((1, 2)), {1}, frozenset((1,)), {"a": 1}, OrderedDict(a=1)),
        *(1j, Fraction(1, 2), Ellipsis, NotImplemented, int, str, len, iter([1]), range(2), array.array("B", b"a")),
        *(timezone.utc, ipaddress.IPv4Network("10.0.0.0/8"), Exception("a"), Evil()),
    ],
    ids=kind,
)
def test_other_types_have_no_literal(value: Any) -> None:
    with pytest.raises(ParameterError) as raised:
        literal(value, False)
    assert type(raised.value) is ParameterError
    assert str(raised.value) == f"a {type(value).__name__} cannot be a parameter: MariaDB has no literal for it"


@pytest.mark.parametrize("value", [ipaddress.IPv4Interface("10.0.0.1/8"), ipaddress.IPv6Interface("::1/64")], ids=kind)
def test_an_address_with_a_network_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match=f"^an {kind(value)} cannot be a parameter: its network would be lost"):
        literal(value, False)


@pytest.mark.parametrize(
    ("value", "reason"), [(NoIndex(), "'NoneType' object is not callable"), (BadIndex(), "only one of us can be one")]
)
def test_what_cannot_be_an_index_after_all(value: Any, reason: str) -> None:
    with pytest.raises(ParameterError, match=f"^a {kind(value)} cannot be a parameter: {reason}$"):
        literal(value, False)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "float nan"),
        (float("inf"), "float inf"),
        (float("-inf"), "float -inf"),
        (EvilFloat("nan"), "float nan"),
        (Decimal("NaN"), "a Decimal that is not finite"),
        (Decimal("-NaN"), "a Decimal that is not finite"),
        (Decimal("NaN123"), "a Decimal that is not finite"),
        (Decimal("sNaN123"), "a Decimal that is not finite"),
        (Decimal("Infinity"), "a Decimal that is not finite"),
        (Decimal("-Infinity"), "a Decimal that is not finite"),
        (EvilDecimal("-NaN123"), "a Decimal that is not finite"),
    ],
)
def test_what_is_not_finite_has_no_value(value: Any, message: str) -> None:
    """A NaN may carry digits, which are the user's and not for an error."""
    with pytest.raises(UnsupportedValueError, match=f"^MariaDB has no value for {message}$"):
        literal(value, False)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (10**65, "an integer of 216 bits; 65 digits is the most"),
        (-(10**65), "an integer of 216 bits; 65 digits is the most"),
        pytest.param(EvilInt(10**65), "an integer of 216 bits; 65 digits is the most", marks=INT_IS_ASKED),
        (Number(10**65), "an integer of 216 bits; 65 digits is the most"),
        (Decimal(10**65), "a Decimal of 66 digits before the point; 65 is the most"),
        (Decimal("-1E+65"), "a Decimal of 66 digits before the point; 65 is the most"),
        (Decimal("1E+999999"), "a Decimal of 1000000 digits before the point; 65 is the most"),
        (Decimal("1E-326"), "a Decimal of 326 digits behind the point; 325 is the most"),
        (Decimal("0E-1000000"), "a Decimal of 1000000 digits behind the point; 325 is the most"),
        (LONGEST + MICROSECOND, "a timedelta of 839 hours; 838 is the most"),
        (-LONGEST - MICROSECOND, "a timedelta of 839 hours; 838 is the most"),
        (timedelta.max, "a timedelta of 23999999999 hours; 838 is the most"),
        (timedelta.min, "a timedelta of 23999999976 hours; 838 is the most"),
    ],
    ids=kind,
)
def test_out_of_range(value: Any, message: str) -> None:
    with pytest.raises(ValueRangeError, match=f"^{message}$"):
        literal(value, False)


def test_the_context_of_decimal_does_not_matter() -> None:
    value = Decimal("1.23456789")
    with localcontext(Context(prec=2, rounding=ROUND_UP, capitals=0)):
        assert literal(value, False) == b"1.23456789"


class NoOffset(tzinfo):
    """A zone that does not say where it is, so that the time counts as naive."""

    def utcoffset(self, when: datetime | None) -> None:
        return None


@pytest.mark.parametrize(
    "value",
    [
        datetime(2020, 1, 1, tzinfo=timezone.utc),
        datetime(2020, 1, 1, tzinfo=JAPAN),
        datetime(2020, 1, 1, tzinfo=NoOffset()),
        EvilDatetime(2020, 1, 1, tzinfo=JAPAN),
        time(1, tzinfo=timezone.utc),
        EvilTime(1, tzinfo=JAPAN),
    ],
    ids=kind,
)
def test_a_time_zone_would_be_lost(value: Any) -> None:
    with pytest.raises(ParameterError) as raised:
        literal(value, False)
    assert str(raised.value) == f"a {kind(value)} with a time zone, which would be lost: convert it, and remove tzinfo"


@pytest.mark.parametrize(
    ("value", "position"), [("\ud800", 0), ("ab\udfff", 2), ("\udc80'", 0), (EvilStr("a\ud83d"), 1)], ids=kind
)
def test_lone_surrogates(value: str, position: int) -> None:
    for no_backslash_escapes in (False, True):
        with pytest.raises(ParameterError, match=f"^a parameter has a lone surrogate at position {position}$"):
            literal(value, no_backslash_escapes)


@pytest.mark.parametrize(
    ("module", "name"),
    [("uuid", "UUID"), ("decimal", "Decimal"), ("ipaddress", "IPv4Address"), ("builtins", "str"), ("no.such", "UUID")],
)
def test_a_class_that_claims_to_be_another(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    impostor = type(name, (Evil,), {"__module__": module, "__qualname__": name})
    for _ in range(2):
        with pytest.raises(ParameterError, match=f"^a {name} cannot be a parameter: MariaDB has no literal for it$"):
            literal(impostor(), False)
        monkeypatch.delitem(sys.modules, module, raising=False)
    assert literal(UUID, False) == b"'12345678-1234-5678-1234-567812345678'"


def test_only_the_type_counts_and_not_what_an_object_claims() -> None:
    class Impostor(Evil):
        __class__ = str  # type: ignore[assignment]

    assert isinstance(Impostor(), str)
    with pytest.raises(ParameterError, match=r"^a Impostor cannot be a parameter"):
        literal(Impostor(), False)


# escape() and encode_text(), for those who put quotes around it themselves


@pytest.mark.parametrize(
    ("text", "with_escapes", "without"),
    [
        (b"", b"", b""),
        (b"abc\xff", b"abc\xff", b"abc\xff"),
        (b"it's", b"it\\'s", b"it''s"),
        (b'"', b'\\"', b'"'),
        (b"\\", b"\\\\", b"\\"),
        (b"\\'", b"\\\\\\'", b"\\''"),
        (b"\0\n\r\x1a", b"\\0\\n\\r\\Z", b"\0\n\r\x1a"),
        (b"\\n\n", b"\\\\n\\n", b"\\n\n"),
        (b"\t%_\b", b"\t%_\b", b"\t%_\b"),
    ],
)
def test_escape(text: bytes, with_escapes: bytes, without: bytes) -> None:
    assert escape(text, False) == with_escapes
    assert escape(text, True) == without


@given(st.binary())
def test_escape_doubles_what_ends_a_string(text: bytes) -> None:
    """Behind each escape character, and in place of each doubled quote, is one character: none is left that is bare."""
    assert b"'" not in escape(text, True).replace(b"''", b"")
    rest = escape(text, False)
    for pair in (b"\\\\", b"\\'", b'\\"', b"\\0", b"\\n", b"\\r", b"\\Z"):
        rest = rest.replace(pair, b"")
    assert not set(rest) & set(b"\\'\"\0\n\r\x1a")


def test_encode_text() -> None:
    assert encode_text("é", "the statement") == b"\xc3\xa9"
    assert encode_text(EvilStr("é"), "the statement") == b"\xc3\xa9"
    with pytest.raises(ParameterError, match=r"^the statement has a lone surrogate at position 1$"):
        encode_text("é\udc80", "the statement")


# Properties: a literal says what the value is.


@given(st.integers(1 - 10**65, 10**65 - 1))
def test_integers(value: int) -> None:
    assert int(literal(value, False)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats(value: float) -> None:
    assert float(literal(value, False)) == value


@given(st.decimals(-(10**64), 10**64, allow_nan=False) | st.decimals(places=30, allow_nan=False, allow_infinity=False))
def test_decimals(value: Decimal) -> None:
    try:
        text = literal(value, False)
    except ValueRangeError:
        assert value.adjusted() >= 65 or -int(value.as_tuple().exponent) > 325
        return
    assert Decimal(text.decode()) == value
    assert not set(text) - set(b"-0123456789.")


@given(st.timedeltas(-LONGEST, LONGEST))
def test_timedeltas(value: timedelta) -> None:
    text = literal(value, False).decode()
    assert text.startswith("TIME'") and text.endswith("'")
    sign, digits = (-1, text[6:-1]) if text[5] == "-" else (1, text[5:-1])
    hours, minutes, seconds = digits.split(":")
    assert int(minutes) < 60 and Decimal(seconds) < 60
    microseconds = (int(hours) * 3600 + int(minutes) * 60) * 1_000_000 + int(Decimal(seconds) * 1_000_000)
    assert sign * microseconds * MICROSECOND == value
