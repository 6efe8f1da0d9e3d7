"""Ctrl-C at each line that is run when a connection is borrowed and given back: no place is lost, and no socket."""

from __future__ import annotations

import gc
import inspect
import os
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_py import PoolError
from mariadb_py.core.pool import upkeep
from tests.support.pool import PATIENCE, Pools, borrow_all, ids, wait_for
from tests.support.strikes import contained

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from mariadb_py import Connection, ConnectionPool
    from tests.support.server import Connector

SOURCES = os.path.dirname(mariadb_py.__file__)
DEAD = float("-inf")

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of what was being opened, or borrowed
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # it may strike in a finalizer
    pytest.mark.skipif(
        not hasattr(sys, "getrefcount"),
        reason="where references are not counted, a dropped handle is collected at some time",
    ),
    pytest.mark.skipif(sys.gettrace() is not None, reason="somebody else is tracing"),
]


class Striking:
    """Raises KeyboardInterrupt at the line number `at` that a call runs in this package's own files; at -1 never.

    Attributes:
        places: file and line of each of those lines, up to where it struck.
        struck: it has.
    """

    def __init__(self, at: int = -1) -> None:
        self.places: list[tuple[str, int]] = []
        self.struck = False
        self._at = at
        self._tracers = self._called, self._line  # kept, as CPython 3.11 calls them once more than it counts them

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        # Not in generators: CPython 3.11 loses its way when a tracer raises in one that is being thrown at.
        plain = not frame.f_code.co_flags & inspect.CO_GENERATOR
        return self._tracers[1] if plain and frame.f_code.co_filename.startswith(SOURCES) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self.places.append((os.path.relpath(frame.f_code.co_filename, SOURCES), frame.f_lineno))
            if len(self.places) == self._at + 1:
                self.struck = True
                raise KeyboardInterrupt
        return self._tracers[1]

    def during(self, call: Callable[[], object]) -> None:
        """Run the call; the first interrupt ends the tracing."""
        try:
            sys.settrace(self._tracers[0])
            contained(call)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)


def idle(pool: ConnectionPool) -> None:
    """Nothing: the connections are idle."""


def dead(pool: ConnectionPool) -> None:
    """The connections are lost, and nobody has noticed."""
    for slot in tuple(pool._core._idle):
        slot.connection._transport.shut_down()


def doubtful(pool: ConnectionPool) -> None:
    """The connections have been idle for long: they are asked."""
    for slot in pool._core.slots:
        slot.fresh_until = DEAD


# What the pool is like, and what is done to it before.
CASES: dict[str, tuple[dict[str, Any], Callable[[ConnectionPool], None]]] = {
    "pipelined": ({}, idle),
    "reset at once": ({"pipeline_reset": False}, idle),
    "no reset": ({"pool_reset_session": False}, idle),
    "waits": ({"acquire_timeout": PATIENCE}, idle),
    "dead": ({"pool_reset_session": False}, dead),
    "dead, waits": ({"pool_reset_session": False, "acquire_timeout": PATIENCE}, dead),
    "doubtful": ({"pool_reset_session": False}, doubtful),
    "one that ends": ({"max_lifetime": 0.001, "lifetime_jitter": 0}, idle),
    "status callback": ({"status_callback": lambda *_: None}, idle),
    "hooks": ({"check": bool, "on_reset": bool, "on_connect": bool, "on_event": lambda *_: None}, idle),
}


def complete(pool: ConnectionPool) -> bool:
    with ExitStack() as stack:
        try:
            for _ in range(pool.pool_size):
                stack.enter_context(pool.get_connection(timeout=0))
        except PoolError:
            return False
        return True


def is_complete_again(pool: ConnectionPool) -> bool:
    for tried in range(1000):
        if complete(pool):
            return True
        if tried % 50 == 49:
            gc.collect()  # errors have frames, and so may keep a handle for a while
        time.sleep(0.002)
    return False


def numbers(places: list[tuple[str, int]]) -> list[int]:
    """Those of the lines that are run, each line once from the front and once from the back."""
    first = {place: number for number, place in reversed(list(enumerate(places)))}
    last = {place: number for number, place in enumerate(places)}
    return sorted({*first.values(), *last.values()})


@pytest.mark.parametrize(
    ("case", "part"),
    [
        *((case, part) for case in CASES for part in ("get_connection", "close")),
        *((case, "connection") for case in ("pipelined", "waits", "dead")),  # always by way of a request
    ],
)
def test_ctrl_c_at_each_line(
    make_pool: Pools, connect: Connector, monkeypatch: pytest.MonkeyPatch, case: str, part: str
) -> None:
    keywords, prepare = CASES[case]
    monkeypatch.setattr(upkeep, "STRAY", 0.01)
    before = ids(administrator := connect())
    pool = make_pool(pool_size=2, **keywords)

    def struck_at(at: int) -> Striking:
        prepare(pool)
        strike = Striking(at)
        held: list[Connection] = []
        if part == "close":
            held.append(pool.get_connection())
            strike.during(held[0].close)
        elif part == "get_connection":
            strike.during(lambda: held.append(pool.get_connection()))
        else:
            strike.during(lambda: pool.connection().__enter__().close())
        for connection in held:
            connection.close()
        return strike

    wait_for(lambda: complete(pool))
    plan = numbers(struck_at(-1).places)
    assert len(plan) > 5
    wait_for(lambda: complete(pool))
    hits = 0
    for at in plan:
        strike = struck_at(at)
        hits += strike.struck
        assert is_complete_again(pool), f"a place is lost: {strike.places[-1:]}"
    assert hits > len(plan) / 4  # it does not come the same way each time, where connections end by themselves
    gc.collect()
    assert len(borrow_all(pool)) == 2
    wait_for(lambda: len(ids(administrator) - before) <= 2)


def test_what_nobody_has_is_found_in_time(make_pool: Pools) -> None:
    """By whoever comes, after a second in which nobody gave it back."""
    pool = make_pool(pool_size=1)
    assert pool._core.take(time.monotonic()) is not None
    began = time.monotonic()
    wait_for(lambda: complete(pool))
    assert upkeep.STRAY <= time.monotonic() - began < upkeep.STRAY + 4
    assert pool.stats()["discards"]["error"] == 1


def test_what_nobody_has_is_found_for_whoever_waits(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE)
    assert pool._core.take(time.monotonic()) is not None
    began = time.monotonic()
    with pool.get_connection():
        assert time.monotonic() - began < upkeep.STRAY + 4
