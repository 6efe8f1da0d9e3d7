"""The login: greeting, capability negotiation, handshake response, authentication.

    server: greeting | ERR
    client: TLS request, if TLS is demanded; then everything is encrypted
    client: handshake response
    server: OK | ERR | authentication packets (see `mariadb_protocol.auth`)

Source: MariaDB documentation, page "Connection".
"""

from __future__ import annotations

from .auth import authenticate, first_answer
from .auth.plugin import Attempt
from .compression import CompressedStream
from .constants import Capability as C
from .constants import Collation
from .errors import RemoteProtocolError, SecurityError
from .events import StartTLS
from .messages import ErrPacket, OkPacket, decode_greeting
from .security import Secretive
from .session import Session, State, command
from .wire import Writer, lenenc_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .events import Command
    from .messages import Greeting

# What a server must have for this client to talk to it at all.
REQUIRED = C.PROTOCOL_41 | C.SECURE_CONNECTION

# What this client wants where the server has it too.
WANTED = (
    REQUIRED
    | C.LONG_FLAG
    | C.TRANSACTIONS
    | C.MULTI_RESULTS
    | C.PS_MULTI_RESULTS
    | C.PLUGIN_AUTH
    | C.CONNECT_ATTRS
    | C.PLUGIN_AUTH_LENENC_DATA
    | C.CAN_HANDLE_EXPIRED_PASSWORDS
    | C.SESSION_TRACK
    | C.DEPRECATE_EOF
    | C.MARIADB_EXTENDED_METADATA
)


class Credentials(Secretive):
    """Who logs in, and to what.

    Args:
        user: account name in UTF-8.
        password: password as bytes; empty for none.
        database: default database in UTF-8, None for none.
        attributes: connection attributes, shown by the server in performance_schema.session_connect_attrs.
        capabilities: further capability flags to ask for.
    """

    __slots__ = ("attributes", "capabilities", "database", "password", "user")

    def __init__(
        self,
        user: bytes = b"",
        password: bytes = b"",
        database: bytes | None = None,
        attributes: Mapping[str, str] | None = None,
        capabilities: int = 0,
    ) -> None:
        self.user = user
        self.password = password
        self.database = database
        self.attributes = attributes or {}
        self.capabilities = capabilities

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r}, database={self.database!r})"


@command("login")
def login(session: Session, credentials: Credentials) -> Command[OkPacket | ErrPacket]:
    """Log in on a connection that has just been opened.

    Returns:
        OkPacket, after which the session is READY; or ErrPacket, after which it is CLOSED. The greeting is kept in
        `session.greeting`, what it took to trust the server in `session.channel`.

    Raises:
        SecurityError: what `session.security` demands does not hold.
    """
    stream = session.stream
    limits = session.limits
    session.after = State.CLOSED
    stream.set_limit("greeting_size", limits.greeting_size)
    stream.feed((yield b""))
    greeting = decode_greeting((yield from stream.read()))
    if isinstance(greeting, ErrPacket):
        return greeting
    _check(session, greeting, credentials)
    session.capabilities = negotiate(greeting, credentials, session.security.tls)
    session.status = greeting.status
    if session.security.tls:
        yield from _start_tls(session)
    attempt = Attempt(credentials.password, session.security, session.channel, limits, greeting.scramble)
    plugin, answer, exchange = first_answer(attempt, greeting.plugin)
    session.plugin = plugin if answer else ""
    stream.set_limit("auth_packet_size", limits.auth_packet_size)
    response = handshake_response(session.capabilities, credentials, plugin, answer)
    outcome = yield from authenticate(session, attempt, exchange, stream.packets(response))
    stream.set_limit("packet_size", limits.packet_size)
    if isinstance(outcome, OkPacket):
        session.after = State.READY
        if session.negotiated(C.COMPRESS):
            _compress(session)
        if session.schema is None and credentials.database:
            session.schema = credentials.database.decode("utf-8", "backslashreplace")
    return outcome


def _start_tls(session: Session) -> Command[None]:
    """Encrypt from here on; only capability flags have been sent before."""
    if not session.negotiated(C.SSL):
        raise SecurityError("TLS is demanded, and the server does not offer it; nothing was sent", SecurityError.TLS)
    event = StartTLS(session.stream.packets(_prefix(session.capabilities)))
    session.stream.feed_early((yield event))
    if session.stream.unread():
        raise RemoteProtocolError(f"{session.stream.unread()} bytes arrived before the switch to TLS")
    channel = session.channel
    channel.encrypted = True
    channel.verified = event.verified
    channel.certificate = event.certificate


def _check(session: Session, greeting: Greeting, credentials: Credentials) -> None:
    session.greeting = greeting
    if session.stream.pos != len(session.stream.data):
        raise RemoteProtocolError(f"{len(session.stream.data) - session.stream.pos} bytes arrived behind the greeting")
    needed = REQUIRED | C.CONNECT_WITH_DB if credentials.database else REQUIRED
    missing = needed & ~greeting.capabilities
    if missing:
        raise RemoteProtocolError(f"the server lacks capabilities that this client needs: 0x{missing:x}")


def _compress(session: Session) -> None:
    """From here on everything travels in frames."""
    left = len(session.stream.data) - session.stream.pos
    if left:
        raise RemoteProtocolError(f"{left} bytes arrived behind the login")
    session.stream = CompressedStream(session.limits.packet_size)


def negotiate(greeting: Greeting, credentials: Credentials, tls: bool = False) -> int:
    """Capabilities that both sides have."""
    wanted = WANTED | credentials.capabilities & ~C.SSL | (C.SSL if tls else 0)
    if credentials.database:
        wanted |= C.CONNECT_WITH_DB
    if greeting.capabilities & C.MYSQL:
        wanted |= C.MYSQL
    return wanted & greeting.capabilities


def _prefix(capabilities: int) -> bytes:
    """The fixed fields of the handshake response; alone they are the request for TLS."""
    extended = 0 if capabilities & C.MYSQL else capabilities >> 32
    writer = Writer()
    writer.uint(capabilities & 0xFFFFFFFF, 4).uint(1 << 30, 4).uint(Collation.UTF8MB4_GENERAL_CI, 1)
    return writer.raw(bytes(19)).uint(extended, 4).payload()


def handshake_response(capabilities: int, credentials: Credentials, plugin: str, answer: bytes) -> bytes:
    """The payload of the handshake response."""
    writer = Writer()
    writer.raw(_prefix(capabilities)).nul_terminated(credentials.user, "user name")
    if capabilities & C.PLUGIN_AUTH_LENENC_DATA:
        writer.lenenc_bytes(answer)
    else:
        writer.uint(len(answer), 1).raw(answer)
    if capabilities & C.CONNECT_WITH_DB:
        writer.nul_terminated(credentials.database or b"", "database name")
    write_plugin_and_attributes(writer, capabilities, credentials, plugin)
    return writer.payload()


def write_plugin_and_attributes(writer: Writer, capabilities: int, credentials: Credentials, plugin: str) -> None:
    """The end that handshake response and COM_CHANGE_USER share."""
    if capabilities & C.PLUGIN_AUTH:
        writer.nul_terminated(plugin.encode())
    if capabilities & C.CONNECT_ATTRS:
        pairs = (lenenc_bytes(text.encode()) for pair in credentials.attributes.items() for text in pair)
        writer.lenenc_bytes(b"".join(pairs))
