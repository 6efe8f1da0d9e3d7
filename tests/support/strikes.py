"""Ctrl-C at each line of a call in turn: KeyboardInterrupt is raised where a signal's handler might raise it."""

from __future__ import annotations

import contextlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable, Union

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

    Place = Union[ModuleType, Callable[..., Any]]

_NEVER = -1


def contained(call: Callable[[], object]) -> None:
    """Call it in a generator, with what a thread notes of the exceptions that are being handled in it.

    CPython 3.11 leaves there for good what a tracer raises at the first line of an except clause: it would be the
    context of each later exception of the thread, and the chain grows.
    """

    def within() -> Iterator[object]:
        yield call()

    next(within())


class Struck(KeyboardInterrupt):
    """What is raised."""


class Lines:
    """The lines of these modules and functions that a call comes to, each as often as it does."""

    def __init__(self, *places: Place) -> None:
        self._files = {place.__file__ for place in places if isinstance(place, ModuleType)}
        self._codes: set[CodeType] = {
            place.__code__  # type: ignore[attr-defined]  # it is a function
            for place in places
            if not isinstance(place, ModuleType)
        }
        self._number = _NEVER
        self._seen = 0

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if code in self._codes or (code.co_filename in self._files and code.co_name != "__del__"):
            return self._line
        return None  # not in a finalizer: an exception would only be reported there

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            self._seen += 1
            if self._seen == self._number:
                raise Struck
        return self._line

    def count(self, call: Callable[[], object]) -> int:
        """How many lines a call comes to."""
        self._number = _NEVER
        with self._tracing():
            contained(call)
        return self._seen

    def strike(self, number: int, call: Callable[[], object]) -> bool:
        """Interrupt a call at its line of that number, from 1 on; False if it ended before.

        What else the call raises is not caught.
        """
        self._number = number
        try:
            with self._tracing():
                contained(call)
        except Struck:
            return True
        return False

    @contextlib.contextmanager
    def _tracing(self) -> Iterator[None]:
        before = sys.gettrace()
        self._seen = 0
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(before)
