"""Whose turn it is. What a link makes of it, and threads that come and go, are in `test_link.py`."""

from __future__ import annotations

import threading

import pytest

from mariadb_protocol import Send
from mariadb_py.exceptions import ProgrammingError
from mariadb_py.io.turns import Turns, standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mariadb_protocol.events import Command
    from mariadb_py.io.turns import Run


def operation() -> Command[None]:
    yield Send(b"")


def run(thread: int = 17) -> Run:
    """An operation that has not begun."""
    return operation(), thread


def ended() -> Run:
    """One that Ctrl-C has kept from leaving."""
    made = run()
    made[0].close()
    return made


def has_ended(made: Run) -> bool:
    return made[0].gi_frame is None  # type: ignore[attr-defined]  # it is a generator


def test_the_first_one_goes_on() -> None:
    made = run()
    turns = Turns([made])
    assert turns.before(made) is None
    turns.begin_behind(made)
    assert turns == [made]
    assert not has_ended(made)


@pytest.mark.parametrize("started", [True, False])
def test_who_comes_second_is_told_who_came_first(started: bool) -> None:
    """An operation that waits is going on, though no frame of a thread has it: so it is with greenlets."""
    first, second = run(17), run(18)
    if started:
        next(first[0])
    turns = Turns([first, second])
    assert turns.before(second) == 17
    with pytest.raises(ProgrammingError) as caught:
        turns.begin_behind(second)
    assert str(caught.value) == (
        f"The connection is in use by thread 17; this is thread {threading.get_ident()}. Use one connection per thread"
    )
    assert turns == [first, second]  # who is about to leave does that by himself
    assert [has_ended(made) for made in turns] == [False, True]


def test_the_same_thread_is_told_what_it_may_have_done() -> None:
    first, second = run(threading.get_ident()), run(threading.get_ident())
    with pytest.raises(ProgrammingError) as caught:
        Turns([first, second]).begin_behind(second)
    assert str(caught.value) == (
        "The connection is already in use by this thread: a statement is running (signal handler or callback?)"
    )


@pytest.mark.parametrize("left", [1, 3])
def test_runs_that_were_kept_from_leaving_are_removed(left: int) -> None:
    made = run()
    turns = Turns([ended() for _ in range(left)] + [made])
    turns.begin_behind(made)
    assert turns == [made]


def test_of_two_that_wait_the_one_behind_is_told_of_the_first_that_goes_on() -> None:
    going_on, made = run(18), run(19)
    turns = Turns([ended(), going_on, ended(), made])
    assert turns.before(made) == 18
    assert turns.before(going_on) is None
    assert len(turns) == 3


def test_another_thread_may_remove_it_first() -> None:
    class Shared(Turns):
        def remove(self, value: Any) -> None:
            super().remove(value)  # by the other one
            super().remove(value)

    made = run()
    turns = Shared([ended(), made])
    assert turns.before(made) is None
    assert turns == [made]


def test_what_stands_for_a_run_lasts_until_it_is_closed() -> None:
    made = standing(), 17
    behind = run(18)
    turns = Turns([made, behind])
    assert turns.before(behind) == 17
    next(made[0])
    assert turns.before(behind) == 17
    made[0].close()
    assert turns.before(behind) is None
