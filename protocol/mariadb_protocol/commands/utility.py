"""Commands answered by one packet: COM_PING, COM_INIT_DB, COM_RESET_CONNECTION, COM_DEBUG; and COM_QUIT, by none.

    client: code [argument]
    server: OK | ERR

Source: MariaDB documentation, pages "COM_PING", "COM_INIT_DB", "COM_RESET_CONNECTION", "COM_QUIT".
"""

from __future__ import annotations

from ..constants import Capability, Com, Header
from ..errors import RemoteProtocolError
from ..events import Send
from ..messages import ErrPacket, OkPacket, decode_eof, decode_err, decode_ok
from ..session import Session, State, command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    from ..events import Command

    Outcome = Union[OkPacket, ErrPacket]


_EOF_SIZE = 5


def simple_command(session: Session, code: int, argument: bytes = b"") -> Command[Outcome]:
    """Send a command and read its one-packet answer."""
    stream = session.stream
    stream.feed((yield stream.command(bytes((code,)), argument)))
    return read_outcome(session, (yield from stream.read()))


def read_outcome(session: Session, payload: bytes) -> Outcome:
    """OK or ERR; anything else is not an answer to a command that has no result set."""
    first = payload[0] if payload else -1
    if first == Header.OK:
        ok = decode_ok(payload, session.negotiated(Capability.SESSION_TRACK))
        session.note(ok)
        return ok
    if first == Header.ERR:
        return decode_err(payload)
    raise RemoteProtocolError(
        f"expected OK or ERR, the server sent {len(payload)} bytes that begin with {payload[:1]!r}"
    )


@command("ping")
def ping(session: Session) -> Command[Outcome]:
    """Ask the server for a sign of life."""
    return (yield from simple_command(session, Com.PING))


@command("debug")
def debug(session: Session) -> Command[Outcome]:
    """Let the server write debugging information to its log. It answers by OK, or by EOF."""
    stream = session.stream
    stream.feed((yield stream.command(bytes((Com.DEBUG,)))))
    payload = yield from stream.read()
    if payload[:1] != bytes((Header.EOF,)):
        return read_outcome(session, payload)
    # Not noted: its status flags are 0, whatever the session's are.
    if len(payload) == _EOF_SIZE:
        return decode_eof(payload)
    return decode_ok(payload, session.negotiated(Capability.SESSION_TRACK))


@command("init_db")
def init_db(session: Session, database: bytes) -> Command[Outcome]:
    """Change the default database; the name (UTF-8) is taken as it is, without quoting."""
    outcome = yield from simple_command(session, Com.INIT_DB, database)
    if isinstance(outcome, OkPacket):
        session.schema = database.decode("utf-8", "backslashreplace") or None
    return outcome


@command("reset_connection")
def reset_connection(session: Session) -> Command[Outcome]:
    """Bring the server's session back to its beginning: transaction, locks, temporary tables, variables, statements.

    The default database stays, and autocommit becomes the server's global default: `session.status` tells which.
    """
    return (yield from simple_command(session, Com.RESET_CONNECTION))


@command("quit")
def quit_(session: Session) -> Command[None]:
    """Say goodbye. The server closes the connection without an answer."""
    session.stream.discard()  # rows that nobody wants any more
    yield Send(session.stream.command(bytes((Com.QUIT,))))
    session.after = State.CLOSED
