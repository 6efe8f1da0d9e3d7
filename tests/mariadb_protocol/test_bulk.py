from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol import ParameterError, UnsupportedValueError, ValueRangeError
from mariadb_protocol.bulk import CHUNK_SIZE, BulkEncoder, Chunk
from mariadb_protocol.indicator import DEFAULT, IGNORE, IGNORE_ROW, NULL, MrdbIndicator
from tests.support.script_binary import bulk_rows

BIG = 1 << 63
TYPES = {
    "tiny": b"\1\0",
    "bigint": b"\x08\0",
    "unsigned": b"\x08\x80",
    "double": b"\5\0",
    "decimal": b"\xf6\0",
    "string": b"\xfd\0",
    "blob": b"\xfb\0",
    "date": b"\x0a\0",
}


def chunks_of(rows: list[Any], columns: int = 1, size: int = CHUNK_SIZE) -> list[Chunk]:
    encoder = BulkEncoder(iter(rows), columns, size)
    return list(iter(encoder.next_chunk, None))


def unpacked(chunk: Chunk) -> list[tuple[Any, ...]]:
    return bulk_rows(chunk.types, chunk.body, chunk.count)


def test_one_chunk() -> None:
    (chunk,) = chunks_of([(1, "a"), (None, None), (3, "ä")], 2)
    assert (chunk.types, chunk.count) == (b"\x08\0\xfd\0", 3)
    assert chunk.body == (
        b"\0\1\0\0\0\0\0\0\0\0\1a"  # indicator and value, indicator and value
        b"\1\1"
        b"\0\3\0\0\0\0\0\0\0\0\2\xc3\xa4"
    )


def test_no_rows() -> None:
    encoder = BulkEncoder(iter([]), 1)
    assert encoder.next_chunk() is None
    assert encoder.next_chunk() is None


def test_indicators() -> None:
    (chunk,) = chunks_of([(NULL,), (DEFAULT,), (7,), (IGNORE,), (IGNORE_ROW,), (None,)])
    assert unpacked(chunk) == [("NULL",), ("DEFAULT",), (7,), ("IGNORE",), ("IGNORE_ROW",), ("NULL",)]
    assert chunk.types == TYPES["bigint"]


def test_a_column_without_values() -> None:
    (chunk,) = chunks_of([(None, 1), (None, 2)], 2)
    assert chunk.types == b"\xfd\0\x08\0"
    assert unpacked(chunk) == [("NULL", 1), ("NULL", 2)]


# values of one column -> the types of the chunks that they are sent in, with the number of rows in each
MIXED: list[tuple[list[Any], list[tuple[str, int]]]] = [
    ([1, 2, 3], [("bigint", 3)]),
    ([True, False], [("tiny", 2)]),
    ([1, True, 2], [("bigint", 3)]),
    ([True, 1, False], [("tiny", 1), ("bigint", 2)]),
    ([BIG, BIG + 1], [("unsigned", 2)]),
    ([1, BIG, -1, 10**30], [("bigint", 1), ("decimal", 3)]),
    ([BIG, -1], [("unsigned", 1), ("decimal", 1)]),
    ([Decimal("1.5"), 1, True, BIG], [("decimal", 4)]),
    ([1, Decimal("1.5")], [("bigint", 1), ("decimal", 1)]),
    ([1.5, 1, True, 1 - 10**15], [("double", 4)]),
    ([1, 1.5, 2], [("bigint", 1), ("double", 2)]),
    ([1.5, 10**15, 2.5], [("double", 1), ("bigint", 1), ("double", 1)]),
    ([1.5, BIG], [("double", 1), ("unsigned", 1)]),
    ([1.5, Decimal("1.5")], [("double", 1), ("decimal", 1)]),
    ([1, "a", 2], [("bigint", 1), ("string", 1), ("bigint", 1)]),
    (["a", b"b"], [("string", 1), ("blob", 1)]),
    ([date(2024, 1, 1), None, "2024-01-02"], [("date", 2), ("string", 1)]),
    ([None, None, 1, None, "a", None], [("bigint", 4), ("string", 2)]),
]


@pytest.mark.parametrize(("values", "chunks"), MIXED)
def test_types(values: list[Any], chunks: list[tuple[str, int]]) -> None:
    found = chunks_of([(value,) for value in values])
    assert [(chunk.types, chunk.count) for chunk in found] == [(TYPES[name], count) for name, count in chunks]
    rows = [row for chunk in found for row in unpacked(chunk)]
    assert rows == [("NULL" if value is None else value,) for value in values]


def test_a_type_that_was_widened_stays_so() -> None:
    """Integers and fractions that take turns make two chunks, not one for each row."""
    found = chunks_of([(value,) for value in (1, 2.5) * 1000], size=200)
    assert {chunk.types for chunk in found[1:]} == {TYPES["double"]}
    assert len(found) == 1 + -(-1999 // 22)


def test_a_chunk_need_not_begin_with_the_type_that_the_last_one_was_widened_to() -> None:
    found = chunks_of([(value,) for value in (1, *[2.5] * 10, "a", "b")], size=90)
    assert [(chunk.types, chunk.count) for chunk in found] == [
        (TYPES["bigint"], 1),
        (TYPES["double"], 10),
        (TYPES["string"], 2),
    ]


def test_a_row_that_does_not_fit_changes_no_type() -> None:
    """Its first column would widen, its second needs another chunk: the rows before are of the types they had."""
    first, second = chunks_of([(1.5, "a"), (1, b"b")], 2)
    assert (first.types, second.types) == (b"\5\0\xfd\0", b"\x08\0\xfb\0")
    assert unpacked(first) + unpacked(second) == [(1.5, "a"), (1, b"b")]


# Sizes


@pytest.mark.parametrize(
    ("size", "counts"), [(1, [1] * 10), (9, [1] * 10), (10, [1] * 10), (19, [2] * 5), (89, [9, 1]), (90, [10])]
)
def test_size(size: int, counts: list[int]) -> None:
    """A row has nine bytes; `limit` is `size`, so that a chunk has as many rows as fit, and at least one."""
    assert [chunk.count for chunk in chunks_of([(number,) for number in range(10)], size=size)] == counts


def test_size_and_limit_may_change_between_chunks() -> None:
    encoder = BulkEncoder(iter([(number,) for number in range(20)]), 1, 9)
    assert encoder.next_chunk().count == 1  # type: ignore[union-attr]
    encoder.size, encoder.limit = 20, 30
    assert encoder.next_chunk().count == 3  # type: ignore[union-attr]  # the row that passes the size is the last one
    encoder.size, encoder.limit = 1000, 26
    assert encoder.next_chunk().count == 2  # type: ignore[union-attr]
    encoder.limit = 1000
    assert encoder.next_chunk().count == 14  # type: ignore[union-attr]
    assert encoder.next_chunk() is None


def test_a_row_above_the_limit_goes_alone() -> None:
    """Whether it can be sent at all is for the caller to say, who knows what the server takes."""
    found = chunks_of([(b"a",), (b"x" * 100,), (b"b",)], size=50)
    assert [(chunk.count, len(chunk.body)) for chunk in found] == [(1, 3), (1, 102), (1, 3)]


def test_rows_are_taken_when_they_are_needed() -> None:
    taken = []

    def rows() -> Any:
        for number in range(100):
            taken.append(number)
            yield (number,)

    encoder = BulkEncoder(rows(), 1, 18)
    assert taken == []
    encoder.next_chunk()
    assert taken == [0, 1]
    encoder.next_chunk()
    assert taken == [0, 1, 2, 3]


# Bad rows


@pytest.mark.parametrize(
    ("rows", "error", "match"),
    [
        ([(1, 2), (1, object())], ParameterError, "^row 2, column 2: a object cannot be a parameter"),
        ([(float("nan"), 2)], UnsupportedValueError, "^row 1, column 1: MariaDB has no value for float nan$"),
        ([(1, 2)] * 4 + [(1, 10**65)], ValueRangeError, "^row 5, column 2: an integer of"),
        ([(1, 2), ("a", "\ud800")], ParameterError, "^row 2, column 2: a parameter has a lone surrogate"),
        ([(1, 2), (1,)], ParameterError, "^row 2 has 1 values, not 2$"),
        ([(1, 2), (1, 2, None)], ParameterError, "^row 2 has 3 values, not 2$"),
        ([()], ParameterError, "^row 1 has 0 values, not 2$"),
    ],
)
@pytest.mark.parametrize("size", [1, CHUNK_SIZE])
def test_bad_rows(rows: list[Any], error: type[ParameterError], match: str, size: int) -> None:
    with pytest.raises(error, match=match) as raised:
        chunks_of(rows, 2, size)
    assert type(raised.value) is error


def test_a_row_that_was_put_back_keeps_its_number() -> None:
    encoder = BulkEncoder(iter([("a", 1), (b"b", 2), (b"c", object())]), 2)
    assert encoder.next_chunk().count == 1  # type: ignore[union-attr]
    with pytest.raises(ParameterError, match=r"^row 3, column 2: "):
        encoder.next_chunk()


def test_an_error_of_the_rows_is_not_touched() -> None:
    def rows() -> Any:
        yield (1,)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        chunks_of(rows(), 1)


# Any rows

VALUES = (
    st.none()
    | st.sampled_from([NULL, DEFAULT, IGNORE, IGNORE_ROW, BIG, 10**15 - 1, 10**15, 10**30])
    | st.booleans()
    | st.integers(-(1 << 65), 1 << 65)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(-(10**30), 10**30, places=5)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.binary(max_size=300)
    | st.dates()
)


@given(
    st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[VALUES] * width), max_size=40)), st.integers(1, 200)
)
def test_any_rows(rows: list[tuple[Any, ...]], size: int) -> None:
    """What a server reads from the chunks are the rows, without loss; no chunk is larger than it may be."""
    found = chunks_of(rows, len(rows[0]) if rows else 1, size)
    assert all(chunk.count == 1 or len(chunk.body) <= size for chunk in found)
    meant = [tuple(_name(value) for value in row) for row in rows]
    assert [row for chunk in found for row in unpacked(chunk)] == meant


def _name(value: Any) -> Any:
    if value is None:
        return "NULL"
    return repr(value).partition(".")[2] if type(value) is MrdbIndicator else value
