"""The session-state block of an OK packet: what changed on the server's side of the session.

Decodes only; `session.Session` keeps the state. Source: MariaDB documentation, page "OK_Packet".
"""

from __future__ import annotations

from .constants import SessionTrack
from .wire import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_WHAT = "session-state entry"


def decode_track(block: bytes) -> Iterator[tuple[int, str, str]]:
    """Entries of a session-state block as (type, name, value).

    `name` is the name of a system variable, and "" for the other types; entries of unknown type have an empty value.
    """
    reader = Reader(block, "session-state block")
    while reader.left():
        kind = reader.u8()
        entry = Reader(reader.lenenc_bytes(), _WHAT)
        if kind == SessionTrack.SYSTEM_VARIABLES:
            while entry.left():
                name = entry.lenenc_text()
                yield kind, name, entry.lenenc_text()
        elif kind == SessionTrack.STATE_CHANGE:
            yield kind, "", entry.rest().decode("ascii", "backslashreplace")
        elif kind in _PLAIN:
            yield kind, "", entry.lenenc_text()
            entry.done()
        else:
            yield kind, "", ""


_PLAIN = (
    SessionTrack.SCHEMA,
    SessionTrack.TRANSACTION_CHARACTERISTICS,
    SessionTrack.TRANSACTION_STATE,
)
