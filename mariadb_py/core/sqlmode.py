"""The session's sql_mode, as far as it decides how a statement is read: what ends a string, and what `"` begins.

MariaDB tells it by status flags. MySQL has no flag for ANSI_QUOTES, but reports the variable if asked to track it. Both
are mistaken behind a routine or trigger that has set sql_mode: at its end the server has the old mode again, and does
not say so. A mode that is reported anew is therefore not believed before the server was asked: by an assignment of
sql_mode to itself, behind which it reports what is so. Knows no statement.
"""

from __future__ import annotations

from mariadb_protocol import ErrPacket, query
from mariadb_protocol.constants import Status

from .failure import server_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mariadb_protocol import Session
    from mariadb_protocol.events import Command

# Assignments of SET. The first is for MySQL, which refuses to track a variable twice.
TRACK = (
    b"session_track_system_variables=IF(@@session_track_system_variables LIKE '%sql_mode%' "
    b"OR @@session_track_system_variables LIKE '%*%',@@session_track_system_variables,"
    b"CONCAT_WS(',',NULLIF(@@session_track_system_variables,''),'sql_mode'))"
)
REPORT = b"sql_mode=@@sql_mode"

_FLAGS = Status.NO_BACKSLASH_ESCAPES | Status.ANSI_QUOTES


class SqlMode:
    """The sql_mode of one session.

    Attributes:
        suspect: a statement may have changed it without a trace, or the way it is reported.
    """

    __slots__ = ("_flags", "_session", "_tracked", "suspect")

    def __init__(self, session: Session) -> None:
        self._session = session
        self.trust()

    @property
    def flags(self) -> int | None:
        """NO_BACKSLASH_ESCAPES and ANSI_QUOTES of `Status`, as reported; None: not all of them are."""
        session = self._session
        if session.mariadb:
            return session.status & _FLAGS
        tracked = session.variables.get("sql_mode")
        if tracked is None:
            return None
        return session.status & Status.NO_BACKSLASH_ESCAPES | ("ANSI_QUOTES" in tracked and Status.ANSI_QUOTES)

    @property
    def uncertain(self) -> bool:
        """It may be another one than was reported: `learn()` it before a statement is taken apart."""
        session = self._session
        return (
            self.suspect or session.status & _FLAGS != self._flags or session.variables.get("sql_mode") != self._tracked
        )

    def trust(self) -> None:
        """What has just been reported is true."""
        self._flags = self._session.status & _FLAGS
        self._tracked = self._session.variables.get("sql_mode")
        self.suspect = False

    def learn(self) -> Command[None]:
        """Have it reported."""
        session = self._session
        session.variables.pop("sql_mode", None)  # is it tracked still?
        changed = session.changed
        answer = yield from query(session, b"SET " + REPORT)
        if isinstance(answer, ErrPacket):
            raise server_error(answer)
        session.changed = changed
        self.trust()
