"""COM_CHANGE_USER: another account and database on the same connection, with a session as after a login.

    client: 0x11 user, authentication data, database, collation, plugin, connection attributes
    server: OK | ERR | authentication packets (see `mariadb_protocol.auth`)

Source: MariaDB documentation, page "COM_CHANGE_USER".
"""

from __future__ import annotations

from ..auth import authenticate, first_answer
from ..auth.plugin import Attempt
from ..constants import Collation, Com
from ..errors import LocalProtocolError
from ..handshake import write_plugin_and_attributes
from ..messages import ErrPacket, OkPacket
from ..session import Session, State, command
from ..wire import Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..events import Command
    from ..handshake import Credentials

LONGEST_ANSWER = 255  # bytes; its length has one byte


@command("change_user")
def change_user(session: Session, credentials: Credentials) -> Command[OkPacket | ErrPacket]:
    """Log in again, as `credentials` say; without a database there is none afterwards.

    Returns:
        OkPacket, or ErrPacket, after which the server has closed the connection and the session is CLOSED.
    """
    greeting = session.greeting
    if greeting is None:
        raise LocalProtocolError("change_user before a login")
    stream = session.stream
    limits = session.limits
    session.after = State.CLOSED
    attempt = Attempt(credentials.password, session.security, session.channel, limits, greeting.scramble)
    plugin, answer, exchange = first_answer(attempt, greeting.plugin, LONGEST_ANSWER)
    session.plugin = plugin if answer else ""
    writer = Writer()
    writer.nul_terminated(credentials.user, "user name").uint(len(answer), 1).raw(answer)
    writer.nul_terminated(credentials.database or b"", "database name").uint(Collation.UTF8MB4_GENERAL_CI, 2)
    write_plugin_and_attributes(writer, session.capabilities, credentials, plugin)
    packets = stream.command(bytes((Com.CHANGE_USER,)), writer.payload())
    stream.set_limit("auth_packet_size", limits.auth_packet_size)
    outcome = yield from authenticate(session, attempt, exchange, packets)
    stream.set_limit("packet_size", limits.packet_size)
    if isinstance(outcome, OkPacket):
        session.after = State.READY
        session.schema = (credentials.database or b"").decode("utf-8", "backslashreplace") or None
    return outcome
