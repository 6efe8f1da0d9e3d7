"""The rows of a result and the position among them, modelled as a list and an index."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol import ResultSet
from mariadb_protocol.constants import Limits
from mariadb_protocol.messages import decode_column
from mariadb_py.core.conversion import Conversion
from mariadb_py.core.metadata import ColumnSet
from mariadb_py.core.rows import RowState, dictionary_rows, named_rows
from mariadb_py.exceptions import ProgrammingError
from tests.support.scripts import column

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mariadb_py.core.rows import RowFactory


class Rows(RowState):
    """Counts how often the end was seen."""

    ends = 0

    def exhausted(self) -> None:
        self.ends += 1


def column_set(*names: bytes, conversion: Conversion | None = None) -> ColumnSet:
    columns = tuple(decode_column(column(name), True) for name in names)
    return ColumnSet(columns, Limits(), conversion or Conversion())


def result(rows: list[tuple[Any, ...]], columns: ColumnSet | None = None) -> ResultSet:
    made = ResultSet(columns or column_set(b"a"))
    made.rows = rows
    return made


def numbered(first: int, last: int) -> list[tuple[Any, ...]]:
    return [(number,) for number in range(first, last + 1)]


def rows_of(buffered: bool, *counts: int, ended: bool = True, factory: RowFactory | None = None) -> Rows:
    """A state to which so many rows were added at a time."""
    state = Rows(buffered, factory)
    state.columns = column_set(b"a")
    first = 1
    for count in counts:
        state.add(result(numbered(first, first + count - 1)), ended)
        first += count
    state.rowcount = first - 1 if buffered else 0
    return state


def test_without_a_result() -> None:
    state = Rows(True, None)
    assert (state.columns, state.rowcount, state.rownumber, state.at_hand()) == (None, -1, None, 0)
    assert (state.take(-1), state.take(3), state.take_one()) == ([], [], None)
    assert not state.lacks(-1)


@pytest.mark.parametrize("buffered", [True, False])
def test_a_cleared_result_is_gone(buffered: bool) -> None:
    state = rows_of(buffered, 3, 2, ended=False)
    state.take(2)
    state.clear_result()
    assert (state.columns, state.rowcount, state.rownumber, state.at_hand()) == (None, -1, None, 0)
    assert not state.lacks(-1)
    state.columns = column_set(b"a")
    state.add(result(numbered(1, 1)), True)
    assert (state.rownumber, state.take_one(), state.rownumber) == (0, (1,), 1)


@pytest.mark.parametrize(
    ("ended", "taken", "count", "lacks"),
    [
        *((False, 0, count, False) for count in (0, 1, 3)),
        (False, 0, 4, True),
        (False, 0, -1, True),
        (False, 2, 1, False),
        (False, 2, 2, True),
        *((True, 0, count, False) for count in (0, 3, 4, -1)),
    ],
)
def test_lacks(ended: bool, taken: int, count: int, lacks: bool) -> None:
    state = rows_of(False, 3, ended=ended)
    state.take(taken)
    assert state.lacks(count) is lacks


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 4)),
        st.tuples(st.just("take"), st.integers(-1, 5)),
        st.tuples(st.just("one"), st.just(0)),
        st.tuples(st.just("seek"), st.integers(-2, 20)),
    ),
    max_size=20,
)


@given(STEPS, st.booleans())
def test_rows_come_in_order_and_are_counted(steps: list[tuple[str, int]], buffered: bool) -> None:
    """A buffered result is added once, and is then as a list that stays; of an unbuffered one the past is dropped."""
    state = rows_of(buffered, 6) if buffered else rows_of(False)
    rows, position, ends = (numbered(1, 6) if buffered else []), 0, 0
    for step, count in steps:
        if step == "add" and not buffered:
            more = numbered(len(rows) + 1, len(rows) + count)
            state.add(result(more), False)
            rows += more
        elif step == "take":
            expected = rows[position : None if count < 0 else position + count]
            assert state.take(count) == expected
            position += len(expected)
            ends += not buffered and len(expected) != count
        elif step == "one":
            assert state.take_one() == (rows[position] if position < len(rows) else None)
            ends += position == len(rows)
            position = min(position + 1, len(rows))
        elif step == "seek" and buffered:
            if 0 <= count < len(rows):
                state.seek(count)
                position = count
            else:
                with pytest.raises(ProgrammingError):
                    state.seek(count)
        assert state.at_hand() == len(rows) - position
        assert state.rownumber == position
        assert state.rowcount == (6 if buffered else position)
        assert state.ends == ends


@pytest.mark.parametrize("position", [-1, 4])
def test_seek_outside_of_the_result(position: int) -> None:
    state = rows_of(True, 3)
    state.take(1)
    with pytest.raises(ProgrammingError) as caught:
        state.seek(position)
    assert str(caught.value) == f"row {position} is outside of the result of 3 rows"
    assert state.take_one() == (2,)


# What the user gets


NAMES = (b"a", b"b", b"a")


@pytest.mark.parametrize(
    ("factory", "expected"),
    [
        (None, [(1, "x", 2), (None, "y", 3)]),
        (dictionary_rows, [{"a": 2, "b": "x"}, {"a": 3, "b": "y"}]),
        (named_rows, [(1, "x", 2), (None, "y", 3)]),
    ],
)
def test_row_factories(factory: RowFactory | None, expected: list[Any]) -> None:
    columns = column_set(*NAMES)
    state = Rows(True, factory)
    state.columns = columns
    state.add(result([(1, "x", 2), (None, "y", 3)], columns), True)
    made = state.take(-1)
    assert made == expected
    if factory is named_rows:
        assert (made[0].a, made[0].b, made[0].a_1) == (1, "x", 2)
        assert type(made[0]) is type(made[1]) is columns.row_class


def test_dictionaries_keep_the_order_of_the_columns() -> None:
    assert list(dictionary_rows(column_set(b"z", b"a", b"z", b"b"), [(1, 2, 3, 4)])[0].items()) == [
        ("z", 3),
        ("a", 2),
        ("b", 4),
    ]


def test_conversions_come_before_the_row_factory() -> None:
    columns = column_set(b"a", b"b", conversion=Conversion({253: lambda text: text and text.upper()}))
    state = Rows(False, dictionary_rows)
    state.add(result([("x", None)], columns), True)
    assert state.take(1) == [{"a": "X", "b": None}]
