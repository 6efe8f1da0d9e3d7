"""Descriptions of columns, and named rows."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.constants import FieldType as F
from mariadb_protocol.constants import Limits
from mariadb_protocol.messages import decode_column
from mariadb_py.constants import EXT_FIELD_TYPE
from mariadb_py.core.conversion import Conversion
from mariadb_py.core.metadata import ColumnSet, Row, describe, make_row_class
from tests.support.scripts import column, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NUM = 32768  # the client library of Connector/Python adds it to columns with numbers
NUMBERS = {F.DECIMAL, F.NEWDECIMAL, F.TINY, F.SHORT, F.LONG, F.LONGLONG, F.INT24, F.FLOAT, F.DOUBLE, F.NULL, F.YEAR}
JSON_FORMAT = b"\x01" + text(b"json")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        # 1020 bytes: 255 characters of utf8mb4, or 1020 of no character set
        ({"name": b"s"}, ("s", 253, 255, 1020, 0, 0, True, 0, "t", "org_s", "org_t")),
        ({"name": b"b", "charset": 63}, ("b", 253, 1020, 1020, 0, 0, True, 0, "t", "org_b", "org_t")),
        ({"name": "測試".encode()}, ("測試", 253, 255, 1020, 0, 0, True, 0, "t", "org_測試", "org_t")),
        ({"flags": 1}, ("c", 253, 255, 1020, 0, 0, False, 1, "t", "org_c", "org_t")),
        ({"flags": 0x4009}, ("c", 253, 255, 1020, 0, 0, False, 0x4009, "t", "org_c", "org_t")),
        (
            {"kind": 246, "charset": 63, "decimals": 3},
            ("c", 246, 1020, 1020, 1018, 3, True, NUM, "t", "org_c", "org_t"),
        ),
        ({"kind": 246, "charset": 63}, ("c", 246, 1020, 1020, 1019, 0, True, NUM, "t", "org_c", "org_t")),
        (
            {"kind": 0, "charset": 63, "decimals": 2, "flags": 32},
            ("c", 0, 1020, 1020, 1019, 2, True, NUM | 32, "t", "org_c", "org_t"),
        ),
        ({"kind": 5, "charset": 63, "decimals": 30}, ("c", 5, 1020, 1020, 0, 30, True, NUM, "t", "org_c", "org_t")),
        ({"kind": 5, "charset": 63, "decimals": 31}, ("c", 5, 1020, 1020, 0, 0, True, NUM, "t", "org_c", "org_t")),
        ({"kind": 12, "charset": 63, "decimals": 39}, ("c", 12, 1020, 1020, 0, 0, True, 0, "t", "org_c", "org_t")),
        ({"kind": 252, "extended": JSON_FORMAT}, ("c", 245, 255, 1020, 0, 0, True, 0, "t", "org_c", "org_t")),
    ],
)
def test_description(arguments: dict[str, Any], expected: tuple[Any, ...]) -> None:
    assert describe(decode_column(column(**arguments), True)) == expected


@pytest.mark.parametrize("kind", sorted({value for name, value in vars(F).items() if name.isupper()}))
def test_flags_tell_numbers(kind: int) -> None:
    for flags in (0, 0x4001, NUM):
        expected = flags | NUM if kind in NUMBERS else flags
        columns = (decode_column(column(kind=kind, flags=flags), True),)
        assert describe(columns[0])[7] == expected
        assert ColumnSet(columns, Limits(), Conversion()).metadata["flags"] == (expected,)


def test_a_column_set() -> None:
    columns = tuple(decode_column(column(name), True) for name in (b"a", b"b", b"a"))
    made = ColumnSet(columns, Limits(), Conversion())
    assert made.columns is columns
    assert made.names == ("a", "b", "a")
    assert made.description == tuple(map(describe, columns))
    assert len(made.text_decoders) == 3
    assert made.row_class is made.row_class
    assert made.row_class((1, 2, 3))._fields == ("a", "b", "a_1")
    assert made.finisher is None


def test_a_column_set_decodes_as_the_user_wants_it() -> None:
    columns = tuple(decode_column(column(kind=kind, charset=63), True) for kind in (F.DATE, F.LONG))
    made = ColumnSet(columns, Limits(), Conversion({F.LONG: str}, zero_date="str"))
    assert made.text_decoders[0](b"0000-00-00") == made.text_decoder(columns[0])(b"0000-00-00") == "0000-00-00"
    assert made.binary_decoder(columns[0])[1](b"") == "0000-00-00"
    assert made.finisher is not None
    assert made.finisher([("x", 1)]) == [("x", "1")]


EXTENDED = ("uuid", "inet4", "inet6", "point", "multipoint", "linestring", "multilinestring", "polygon", "multipolygon")


def test_metadata() -> None:
    """One value per column of each fact; max_length is what a client library would have measured."""
    plain = decode_column(column(b"a", kind=246, charset=63, decimals=2, flags=1), True)
    json = decode_column(column("\xfc".encode(), kind=252, extended=JSON_FORMAT), True)
    assert ColumnSet((plain, json), Limits(), Conversion()).metadata == {
        "catalog": ("def", "def"),
        "schema": ("test", "test"),
        "field": ("a", "\xfc"),
        "org_field": ("org_a", "org_\xfc"),
        "table": ("t", "t"),
        "org_table": ("org_t", "org_t"),
        "type": (246, 252),
        "charset": (63, 45),
        "length": (1020, 1020),
        "max_length": (0, 0),
        "decimals": (2, 0),
        "flags": (NUM | 1, 0),
        "ext_type_or_format": (0, EXT_FIELD_TYPE.JSON),
    }


@pytest.mark.parametrize("name", [*EXTENDED, "geometrycollection", "unheard of"])
def test_extended_types(name: str) -> None:
    columns = (decode_column(column(extended=b"\0" + text(name.encode())), True),)
    expected = getattr(EXT_FIELD_TYPE, name.upper(), 0)
    assert ColumnSet(columns, Limits(), Conversion()).metadata["ext_type_or_format"] == (expected,)
    assert (expected == 0) is (name == "unheard of")


# Named rows


@pytest.mark.parametrize(
    ("names", "fields"),
    [
        ((), ()),
        (("a", "b"), ("a", "b")),
        (("a", "a", "a"), ("a", "a_1", "a_2")),
        (("a", "a_1", "a"), ("a", "a_1", "a_2")),
        (("a", "a", "a_1"), ("a", "a_1", "a_1_1")),
        (("", ""), ("", "_1")),
        (("b c", "class", "1", "測試"), ("b c", "class", "1", "測試")),
    ],
)
def test_fields(names: tuple[str, ...], fields: tuple[str, ...]) -> None:
    assert make_row_class(names)._fields == fields


def test_a_named_row() -> None:
    row = make_row_class(("a", "b c", "count"))((1, "x", None))
    assert row == (1, "x", None)
    assert isinstance(row, tuple)
    assert (row.a, getattr(row, "b c"), row.count) == (1, "x", None)  # type: ignore[attr-defined]
    assert repr(row) == "mariadb.Row(a=1, b c='x', count=None)"
    assert row._asdict() == {"a": 1, "b c": "x", "count": None}
    assert hash(row) == hash((1, "x", None))
    a, *rest = row
    assert (a, rest) == (1, ["x", None])
    with pytest.raises(AttributeError):
        row.a = 2  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        row.other = 2  # type: ignore[attr-defined]


HOSTILE = ("__class__", "__eq__", "__new__", "__reduce__", "__getattribute__", "_fields", "_asdict", "__slots__", "__")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_column_name_cannot_change_how_rows_work(name: str) -> None:
    row = make_row_class((name, "a"))((1, 2))
    assert isinstance(row, Row)
    assert row == (1, 2)
    assert (row[0], row.a) == (1, 2)  # type: ignore[attr-defined]
    assert row._fields == (name, "a")
    assert row._asdict() == {name: 1, "a": 2}
    assert pickle.loads(pickle.dumps(row)) == row


@given(st.lists(st.sampled_from(("a", "a_1", "a_1_1", "", *HOSTILE)) | st.text(max_size=4), max_size=8))
def test_any_column_names_make_distinct_fields(names: list[str]) -> None:
    values = tuple(range(len(names)))
    row = make_row_class(tuple(names))(values)
    assert len(set(row._fields)) == len(names)
    assert tuple(row) == values
    assert row._asdict() == dict(zip(row._fields, values))
    assert all(field.startswith(name) for field, name in zip(row._fields, names))
    for copied in (pickle.loads(pickle.dumps(row)), copy.copy(row), copy.deepcopy(row)):
        assert copied == row
        assert copied._fields == row._fields
