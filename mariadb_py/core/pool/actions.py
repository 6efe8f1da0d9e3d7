"""What the core asks of the shell around it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .slot import Request, Slot


class Action:
    """Base of what the shell has to do."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({fields})"


class Answer(Action):
    """Wake `request`: it has been given a slot, whose connection may still prove to be dead, or was refused."""

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request


class Open(Action):
    """Open a connection for `slot`, then call `opened()` or `failed()`: here and now if the slot has a request, as
    whoever asked waits for nothing else; in the background otherwise.
    """

    __slots__ = ("slot",)

    def __init__(self, slot: Slot) -> None:
        self.slot = slot


class Check(Action):
    """Find out whether an idle connection is alive, in the background, then call `checked()`."""

    __slots__ = ("slot",)

    def __init__(self, slot: Slot) -> None:
        self.slot = slot


class Close(Action):
    """Close a connection that the pool has given up; `reason` is one of `stats.DISCARDS`."""

    __slots__ = ("connection", "reason")

    def __init__(self, connection: Any, reason: str) -> None:
        self.connection = connection
        self.reason = reason


class Tell(Action):
    """Report that the borrower of `slot` has had it for longer than `leak_timeout`."""

    __slots__ = ("slot",)

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
