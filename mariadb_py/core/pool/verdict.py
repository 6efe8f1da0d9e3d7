"""What has to be done with a connection that is returned, and what failures say of the server and the way there."""

from __future__ import annotations

from mariadb_protocol import ProtocolError

from ...exceptions import Error, LostConnectionError
from .slot import ALWAYS, NEVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..connection import ConnectionCore
    from .options import PoolOptions
    from .slot import Slot

# Errors of a login that the next attempt will meet as well.
REFUSED_LOGINS = frozenset((1044, 1045, 1049, 1524, 1698, 2026, 2061, 3118, 4151))

PAUSE = 60.0  # seconds in which no reset is sent at once, behind two in a row that were not answered


def is_refusal(error: BaseException) -> bool:
    """The server refuses the login: nobody need wait for another attempt."""
    return isinstance(error, Error) and error.errno in REFUSED_LOGINS


class Pipeline:
    """Whether all of a reset is sent at once, and its answers are read when the connection is borrowed again."""

    __slots__ = ("_doubts", "_usable_from")

    def __init__(self) -> None:
        self._doubts = 0  # resets in a row that failed
        self._usable_from = ALWAYS

    def wanted(self, mode: bool | str, mariadb: bool, now: float) -> bool:
        """It is.

        Args:
            mode: option `pipeline_reset`.
            mariadb: the server says that it is a MariaDB.
            now: the time.
        """
        return mariadb and now >= self._usable_from if mode == "auto" else bool(mode)

    def answered(self) -> None:
        """A reset has come to its end."""
        self._doubts = 0

    def failed(self, error: Error, now: float) -> str:
        """A reset has ended with an error; returns why the connection is given up, one of `stats.DISCARDS`."""
        cause = error.__cause__
        if isinstance(error, LostConnectionError) and not isinstance(cause, TimeoutError):
            return "dead"
        self._doubts += 1
        if isinstance(cause, ProtocolError) and not isinstance(error, LostConnectionError):
            self._usable_from = NEVER  # whoever is there does not take commands together
        elif self._doubts > 1:  # or is only slow: a transaction that has to be rolled back takes its time
            self._usable_from = max(self._usable_from, now + PAUSE)
        return "reset"


class Cleaning:
    """What has to be done with a session before somebody else has it."""

    NONE = "none"
    AT_ONCE = "at once"  # a reset whose answers are read later, if it can be sent so; otherwise as for WAITED
    WAITED = "waited"  # a reset, one command after the other
    ROLLBACK = "rollback"


def cleaning(slot: Slot, connection: ConnectionCore, own: PoolOptions, pipeline: Pipeline, now: float) -> str:
    """One of `Cleaning`, for a connection that is returned; counted, as it will be done."""
    statements = connection.statements
    if own.reset == "auto" and connection.untouched:
        statements.asked = False
        slot.spared += 1
        return Cleaning.NONE
    if own.reset:
        statements.guarded = own.reset == "auto"
        slot.resets += 1
        at_once = own.on_reset is None and pipeline.wanted(own.pipeline_reset, connection.session.mariadb, now)
        return Cleaning.AT_ONCE if at_once else Cleaning.WAITED
    return Cleaning.ROLLBACK if connection.uncommitted else Cleaning.NONE
