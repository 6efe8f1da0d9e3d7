"""Fuzz targets: functions of one bytes argument that return, or raise what is a bug.

The first byte of an input chooses how the rest is cut into chunks. They suit any engine that calls a function with
bytes; `python -m fuzz` is a small one without dependencies.
"""

from __future__ import annotations

from mariadb_protocol import (
    Credentials,
    LocalProtocolError,
    ParameterError,
    ProtocolError,
    Session,
    State,
    change_user,
    login,
    next_result,
    ping,
    query,
    read_rows,
)
from mariadb_protocol.constants import Capability, Limits
from mariadb_protocol.handshake import WANTED
from mariadb_protocol.messages import Greeting
from mariadb_protocol.sql import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_protocol.events import Command

# Small, so that the inputs that reach them are small.
LIMITS = Limits(packet_size=1 << 20, columns=512)
CREDENTIALS = Credentials(b"user", b"password", b"test", {"_client_name": "fuzz"})


def chunks(data: bytes) -> Iterator[bytes]:
    """The input behind its first byte, cut as that byte says, then the end of the stream for ever."""
    size = data[0] if data else 0
    body = data[1:]
    step = len(body) or 1 if size >= 128 else size + 1
    for start in range(0, len(body), step):
        yield body[start : start + step]
    while True:
        yield b""


def drive(operation: Command[Any], stream: Iterator[bytes]) -> Any:
    """Run a command against `stream`; a ProtocolError is a proper end."""
    try:
        event = operation.send(None)
        while True:
            event = operation.send(next(stream) if type(event) is bytes else None)
    except StopIteration as stop:
        return stop.value


def ready_session(capabilities: int = WANTED) -> Session:
    """A session as after a login."""
    session = Session(LIMITS)
    session.greeting = Greeting("10.11.6-MariaDB", 1, b"x" * 20, capabilities, "mysql_native_password")
    session.capabilities = capabilities
    session.state = State.READY
    return session


def _exchange(session: Session, operation: Command[Any], stream: Iterator[bytes]) -> None:
    """Run a command and what naturally follows it; afterwards the session is whole, or refuses everything."""
    try:
        drive(operation, stream)
        for _ in range(1000):
            if session.state == State.STREAMING:
                drive(read_rows(session, 1), stream)
            elif session.state == State.MORE_RESULTS:
                drive(next_result(session, 0), stream)
            else:
                break
    except ProtocolError:
        if not session.broken:
            raise AssertionError(f"an error left the session {session.state}") from None
        try:
            drive(ping(session), stream)
        except LocalProtocolError:
            return
        raise AssertionError("a broken session took a command") from None


def fuzz_login(data: bytes) -> None:
    """Greeting and authentication."""
    session = Session(LIMITS)
    _exchange(session, login(session, CREDENTIALS), chunks(data))


def fuzz_query(data: bytes) -> None:
    """Results of a statement, with DEPRECATE_EOF."""
    session = ready_session()
    _exchange(session, query(session, b"SELECT 1"), chunks(data))


def fuzz_query_eof(data: bytes) -> None:
    """Results of a statement as older servers send them, streamed."""
    session = ready_session(WANTED & ~(Capability.DEPRECATE_EOF | Capability.SESSION_TRACK))
    _exchange(session, query(session, b"SELECT 1", 0), chunks(data))


def fuzz_change_user(data: bytes) -> None:
    """COM_CHANGE_USER."""
    session = ready_session()
    _exchange(session, change_user(session, CREDENTIALS), chunks(data))


def fuzz_sql(data: bytes) -> None:
    """The SQL scanner: its parts and placeholders are the statement again."""
    flags, statement = (data[0] if data else 0), data[1:]
    try:
        parsed = parse(statement, no_backslash_escapes=bool(flags & 1), ansi_quotes=bool(flags & 2))
    except ParameterError:
        return
    position = 0
    for part in parsed.parts:
        found = statement.find(part, position)
        if found < 0:
            raise AssertionError("a part is not in the statement")
        position = found + len(part)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "login": fuzz_login,
    "query": fuzz_query,
    "query_eof": fuzz_query_eof,
    "change_user": fuzz_change_user,
    "sql": fuzz_sql,
}
