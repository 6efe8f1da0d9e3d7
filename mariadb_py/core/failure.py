"""From the errors of the protocol layer and the server's ERR packets to the PEP 249 tree.

Knows which layer's error means what to a user; raises nothing itself.
"""

from __future__ import annotations

from mariadb_protocol import (
    ConnectionClosed,
    LocalProtocolError,
    ParameterError,
    RemoteProtocolError,
    SecurityError,
    UnsupportedValueError,
    ValueRangeError,
)

from ..exceptions import (
    CR_MALFORMED_PACKET,
    CR_SERVER_GONE_ERROR,
    CR_SERVER_LOST,
    GENERAL_ERROR,
    DataError,
    Error,
    InterfaceError,
    LostConnectionError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    from_server,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mariadb_protocol import ErrPacket, ProtocolError, Session


def server_error(packet: ErrPacket) -> Error:
    """The exception for an ERR packet."""
    return from_server(packet.errno, packet.sqlstate, packet.message)


def login_error(packet: ErrPacket, session: Session) -> Error:
    """The exception for a refused login; says which authentication plugins the server wanted in vain, and why."""
    message = packet.message
    if session.refusals:
        message += f" ({'; '.join(session.refusals)})"
    if session.security.tls and not session.channel.encrypted:
        message += " (this came before TLS: anybody may have said it)"
    return from_server(packet.errno, packet.sqlstate, message)


def protocol_failure(error: ProtocolError) -> Error:
    """The exception for an error of the protocol layer."""
    if isinstance(error, ParameterError):
        return _PARAMETER_ERRORS.get(type(error), ProgrammingError)(str(error))
    if isinstance(error, ConnectionClosed):
        lost = LostConnectionError(str(error), error.errno or CR_SERVER_LOST, error.sqlstate or "HY000")
        lost.written = error.written
        return lost
    if isinstance(error, SecurityError):
        return OperationalError(str(error), errno=error.errno)
    if isinstance(error, RemoteProtocolError):
        return OperationalError(f"{error}; the connection is closed", errno=CR_MALFORMED_PACKET)
    if isinstance(error, LocalProtocolError):
        return ProgrammingError(str(error))
    return InterfaceError(str(error))


def lost_to(
    endpoint: object, reason: str, errno: int = CR_SERVER_LOST, sqlstate: str = GENERAL_ERROR
) -> LostConnectionError:
    """The exception for a connection to `endpoint` that is lost."""
    return LostConnectionError(f"Lost connection to server on '{endpoint}' ({reason})", errno, sqlstate)


def failure_at(endpoint: object, error: ProtocolError, greeted: bool) -> Error:
    """As `protocol_failure`, and says which server it was where that is to blame.

    Args:
        endpoint: where it is.
        error: the error.
        greeted: it has sent a greeting.
    """
    failure = protocol_failure(error)
    if isinstance(failure, LostConnectionError):
        lost = lost_to(endpoint, str(error), failure.errno, failure.sqlstate)
        lost.written = failure.written
        return lost
    if not greeted and failure.errno == CR_MALFORMED_PACKET:
        return OperationalError(
            f"'{endpoint}' does not answer like a MariaDB server ({error})", errno=CR_MALFORMED_PACKET
        )
    return failure


def gone(session: Session) -> LostConnectionError:
    """The exception for a command on a connection that was lost earlier."""
    reason = f" ({session.cause})" if session.cause else ""
    lost = LostConnectionError(f"Server has gone away{reason}", errno=CR_SERVER_GONE_ERROR)
    lost.written = False
    return lost


_PARAMETER_ERRORS: dict[type[ProtocolError], type[Error]] = {
    UnsupportedValueError: NotSupportedError,
    ValueRangeError: DataError,
}
