"""COM_QUERY: a statement as text.

    client: 0x03 statement
    server: its results (see `result`)

Source: MariaDB documentation, page "COM_QUERY".
"""

from __future__ import annotations

from ..constants import Com
from ..session import Session, command
from .result import read_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..events import Command
    from .result import Answer

_QUERY = bytes((Com.QUERY,))


@command("query")
def query(session: Session, statement: bytes, minimum: int = -1) -> Command[Answer]:
    """Run a statement.

    Args:
        session: a session in state READY.
        statement: SQL in UTF-8.
        minimum: rows to wait for before returning, with whatever else has arrived by then; negative: all.

    Returns:
        OkPacket, ErrPacket, or a ResultSet; `session.state` is STREAMING while rows are left, and MORE_RESULTS when
        another result follows.
    """
    stream = session.stream
    session.binary = False
    stream.feed((yield stream.command(_QUERY, statement)))
    return (yield from read_result(session, minimum))
