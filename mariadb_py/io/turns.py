"""Whose turn it is to use a connection: one operation at a time, and who comes second is told who came first.

Takes no lock. Appending and asking who is first are steps of their own that cannot come apart, so there is nothing that
has to be given back, and between which Ctrl-C could strike.
"""

from __future__ import annotations

from contextlib import suppress

from ..exceptions import ProgrammingError
from .threads import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mariadb_protocol.events import Command

    Run = tuple[Command[Any], int]  # an operation, and the thread that runs it


class Turns(list):  # type: ignore[type-arg]
    """The runs that have come in. The first one is going on; those behind it came too early, and are about to leave."""

    __slots__ = ()

    def begin_behind(self, run: Run) -> None:
        """Let a run begin that is not the first.

        Raises:
            ProgrammingError: another one is going on.
        """
        if (holder := self.before(run)) is not None:
            run[0].close()  # so that it is known to have ended, should Ctrl-C keep it from leaving
            raise ProgrammingError(_in_use(holder))

    def before(self, run: Run) -> int | None:
        """The thread whose operation is going on before `run`; None if `run` is the first.

        Removes runs that have ended, and were kept from leaving by Ctrl-C.
        """
        while (first := self[0]) is not run:
            if first[0].gi_frame is not None:  # it is a generator
                return first[1]  # type: ignore[no-any-return]
            with suppress(ValueError):  # another thread did it
                self.remove(first)
        return None


def standing() -> Command[None]:
    """What stands for a run that is no single operation; it lasts until it is closed."""
    yield b""


def _in_use(holder: int) -> str:
    if holder == get_ident():
        return "The connection is already in use by this thread: a statement is running (signal handler or callback?)"
    return f"The connection is in use by thread {holder}; this is thread {get_ident()}. Use one connection per thread"
