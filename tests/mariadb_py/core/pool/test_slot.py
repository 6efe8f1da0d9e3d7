"""Slots, and where they were borrowed."""

from __future__ import annotations

import sys

import pytest

from mariadb_py.core.pool.slot import ALWAYS, NEVER, Refusal, Request, Slot, SlotState
from mariadb_py.core.pool.stats import BUCKETS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


def test_a_new_slot() -> None:
    request = Request(1.0, 2.0, 7)
    slot = Slot(request)
    assert (slot.state, slot.request, slot.connection, slot.peek) == (SlotState.OPENING, request, None, None)
    assert (slot.fresh_until, slot.retire_at, slot.strayed) == (ALWAYS, NEVER, NEVER)
    assert (slot.seen, slot.used, slot.resets, slot.spared, slot.told) == (0.0, 0, 0, 0, False)
    assert slot.holds == [0] * BUCKETS
    assert Slot().request is None
    assert Slot() != Slot()
    with pytest.raises(AttributeError):
        slot.other = 1  # type: ignore[attr-defined]


def test_a_new_request() -> None:
    request = Request(1.0, None)
    assert (request.since, request.deadline, request.thread, request.slot) == (1.0, None, 0, None)
    assert (request.ready, request.refusal, request.error, request.waited) == (False, "", None, None)
    assert Request(1.0, 2.0, 7).thread == 7


@pytest.mark.parametrize(
    ("seconds", "number"), [(0.0, 0), (0.000_000_9, 0), (0.000_001, 1), (0.001, 10), (1.0, 20), (3600.0, 32)]
)
def test_held(seconds: float, number: int) -> None:
    slot = Slot()
    slot.seen = 5.0
    slot.held(5.0 + seconds + 1e-9)
    assert [index for index, count in enumerate(slot.holds) if count] == [number]


def borrow(slot: Slot) -> FrameType:
    frame = sys._getframe(1)
    slot.borrowed(frame.f_code, frame.f_lasti, 7)
    return frame


def test_place() -> None:
    slot = Slot()
    assert slot.place == ""
    frame = borrow(slot)
    line = test_place.__code__.co_firstlineno + 3
    assert (slot.place, slot.thread) == (f"{__file__}:{line}", 7)
    frame = (
        borrow(
            slot,
        )
    )  # fmt: skip
    assert slot.place.startswith(f"{__file__}:")
    assert line < int(slot.place.rpartition(":")[2]) <= frame.f_lineno


def test_place_before_the_first_instruction() -> None:
    slot = Slot()
    code = test_place.__code__
    slot.borrowed(code, -1, 7)
    assert slot.place == f"{code.co_filename}:{code.co_firstlineno}"


@pytest.mark.parametrize("kind", [SlotState, Refusal])
def test_names_are_different(kind: type) -> None:
    values = [value for name, value in vars(kind).items() if name.isupper()]
    assert len(values) >= 5
    assert len(set(values)) == len(values)


@pytest.mark.parametrize(
    ("retire_at", "used", "expected"),
    [(10.1, 5, ""), (10.0, 1, ""), (10.0, 2, "lifetime"), (ALWAYS, 2, "drained"), (ALWAYS, 1, ""), (NEVER, 5, "")],
)
def test_expired(retire_at: float, used: int, expected: str) -> None:
    slot = Slot()
    slot.retire_at, slot.used = retire_at, used
    assert slot.expired(10.0) == expected
