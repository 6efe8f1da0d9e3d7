"""Fuzz targets: functions of one bytes argument that return, or raise what is a bug.

The first byte of an input chooses how the rest is cut into chunks. They suit any engine that calls a function with
bytes; `python -m fuzz` is a small one without dependencies.
"""

from __future__ import annotations

from mariadb_protocol import (
    Credentials,
    LocalProtocolError,
    ParameterError,
    Prepared,
    Proof,
    ProtocolError,
    Security,
    Session,
    State,
    Verified,
    change_user,
    execute,
    fetch,
    login,
    next_result,
    ping,
    prepare,
    prepare_and_execute,
    query,
    read_batch,
    read_bulk,
    read_rows,
    send_batch,
    send_bulk,
    send_local_data,
)
from mariadb_protocol.auth import PLUGINS
from mariadb_protocol.binary import encode
from mariadb_protocol.compression import CompressedStream
from mariadb_protocol.constants import Capability, Com, Limits, Status
from mariadb_protocol.crypto import Crypto, rsa
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
BATCH = ((Com.RESET_CONNECTION, b""), (Com.INIT_DB, b"test"), (Com.QUERY, b"SET NAMES utf8mb4"))
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


def drive(operation: Command[Any], stream: Iterator[bytes], early: bool = False) -> Any:
    """Run a command against `stream`; a ProtocolError is a proper end. `early`: the server sends unasked."""
    try:
        event = operation.send(None)
        while True:
            event = operation.send(next(stream) if early or type(event) is bytes else None)
    except StopIteration as stop:
        return stop.value


def ready_session(capabilities: int = WANTED) -> Session:
    """A session as after a login."""
    session = Session(LIMITS)
    session.greeting = Greeting("10.11.6-MariaDB", 1, b"x" * 20, capabilities, "mysql_native_password")
    session.capabilities = capabilities
    session.state = State.READY
    return session


def _exchange(session: Session, operation: Command[Any], stream: Iterator[bytes], early: bool = False) -> None:
    """Run a command and what naturally follows it; afterwards the session is whole, or refuses everything."""
    try:
        drive(operation, stream, early)
        for _ in range(1000):
            if session.state == State.STREAMING:
                drive(read_rows(session, 1), stream)
            elif session.state == State.MORE_RESULTS:
                drive(next_result(session, 0), stream)
            elif session.state == State.LOCAL_DATA:
                drive(send_local_data(session, (b"a", b"b")), stream, True)
            elif session.state == State.BULK_SENT:
                drive(read_bulk(session), stream)
            elif session.state == State.BATCH_SENT:
                drive(read_batch(session), stream)
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


def fuzz_auth(data: bytes) -> None:
    """The authentication plugins, all of them allowed, over a channel that the second byte chooses."""
    flags = data[1] if len(data) > 1 else 0
    session = ready_session()
    session.security = Security(
        proof=(Proof.IGNORED, Proof.WANTED, Proof.REQUIRED)[flags % 3],
        plugins=frozenset(PLUGINS),
        retrieve_public_key=True,
        prompt=lambda question, visible: question,
        gssapi=lambda name, mechanism: lambda token: token or b"ours",
        crypto=Crypto(bytes),
    )
    session.channel.local = bool(flags & 4)
    session.channel.encrypted = bool(flags & 8)
    session.channel.verified = Verified.CHAIN if flags & 16 else Verified.NO
    _exchange(session, change_user(session, CREDENTIALS), chunks(data[:1] + data[2:]))


def fuzz_key(data: bytes) -> None:
    """A server's RSA key."""
    try:
        rsa.encrypt(data, b"password", bytes)
    except ProtocolError:
        return


def fuzz_prepare(data: bytes) -> None:
    """COM_STMT_PREPARE, alone or with COM_STMT_EXECUTE in the same round trip."""
    session, flags, stream = _with_flags(data)
    if flags & 4:
        _exchange(session, prepare(session, b"SELECT ?"), stream)
    else:
        _exchange(session, prepare_and_execute(session, b"SELECT ?", [encode(1)], flags & 1), stream)


def fuzz_execute(data: bytes) -> None:
    """Results in the binary protocol, of a statement whose columns are known, and what a cursor has left."""
    session, flags, stream = _with_flags(data)
    prepared = Prepared(1, 0, session.metadata((), LIMITS))
    _exchange(session, execute(session, prepared, (), 0, bool(flags & 4)), stream)
    if session.state == State.READY and session.status & Status.CURSOR_EXISTS:
        _exchange(session, fetch(session, prepared, 5), stream)


def fuzz_bulk(data: bytes) -> None:
    """COM_STMT_BULK_EXECUTE against a server that may answer before its turn."""
    session, flags, stream = _with_flags(data)
    prepared = Prepared(1, 1, None)
    try:
        drive(send_bulk(session, prepared, b"\3\0", b"\1", bool(flags & 4)), stream, bool(flags & 8))
    except ProtocolError:
        return
    _exchange(session, read_bulk(session), stream)


def fuzz_batch(data: bytes) -> None:
    """Several commands in one write, in frames or not, against a server that may answer before its turn."""
    session, flags, stream = _with_flags(data)
    if flags & 4:
        session.stream = CompressedStream(LIMITS.packet_size)
    _exchange(session, send_batch(session, BATCH), stream, bool(flags & 8))


def fuzz_local(data: bytes) -> None:
    """A server that asks for files."""
    session, _, stream = _with_flags(data)
    _exchange(session, query(session, b"LOAD DATA LOCAL INFILE 'f' INTO TABLE t"), stream)


def fuzz_compressed(data: bytes) -> None:
    """Results of a statement in frames."""
    session = ready_session(WANTED | Capability.COMPRESS)
    session.stream = CompressedStream(LIMITS.packet_size)
    _exchange(session, query(session, b"SELECT 1", 1), chunks(data))


def fuzz_framed(data: bytes) -> None:
    """As `fuzz_compressed`, with frames made here: the first byte cuts the results into frames, not into chunks."""
    parts = chunks(data)
    frames = [b"\xff"]
    for number, part in enumerate(iter(lambda: next(parts), b""), 1):
        frames.append(len(part).to_bytes(3, "little") + bytes((number & 0xFF, 0, 0, 0)) + part)
    fuzz_compressed(b"".join(frames))


def _with_flags(data: bytes) -> tuple[Session, int, Iterator[bytes]]:
    """A session with or without DEPRECATE_EOF and MARIADB_CACHE_METADATA, as the second byte says."""
    flags = data[1] if len(data) > 1 else 0
    capabilities = WANTED | Capability.LOCAL_FILES
    if flags & 1:
        capabilities &= ~(Capability.DEPRECATE_EOF | Capability.SESSION_TRACK)
    if flags & 2:
        capabilities |= Capability.MARIADB_CACHE_METADATA
    return ready_session(capabilities), flags, chunks(data[:1] + data[2:])


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
    "auth": fuzz_auth,
    "key": fuzz_key,
    "prepare": fuzz_prepare,
    "execute": fuzz_execute,
    "bulk": fuzz_bulk,
    "batch": fuzz_batch,
    "local": fuzz_local,
    "compressed": fuzz_compressed,
    "framed": fuzz_framed,
    "sql": fuzz_sql,
}
