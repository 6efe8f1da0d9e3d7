"""From the errors of the protocol layer and the server's ERR packets to the PEP 249 tree.

Knows which layer's error means what to a user; raises nothing itself.
"""

from __future__ import annotations

from mariadb_protocol import (
    ConnectionClosed,
    LocalProtocolError,
    ParameterError,
    RemoteProtocolError,
    UnsupportedValueError,
    ValueRangeError,
)

from ..exceptions import (
    CR_MALFORMED_PACKET,
    CR_SERVER_GONE_ERROR,
    CR_SERVER_LOST,
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
    """The exception for a refused login; names authentication plugins that this client lacks."""
    message = packet.message
    if session.unknown_plugins:
        lacking = ", ".join(session.unknown_plugins)
        message += f" (the server asked for authentication plugins that this client does not have: {lacking})"
    return from_server(packet.errno, packet.sqlstate, message)


def protocol_failure(error: ProtocolError) -> Error:
    """The exception for an error of the protocol layer."""
    if isinstance(error, ParameterError):
        return _PARAMETER_ERRORS.get(type(error), ProgrammingError)(str(error))
    if isinstance(error, ConnectionClosed):
        return LostConnectionError(str(error), errno=error.errno or CR_SERVER_LOST, sqlstate=error.sqlstate or "HY000")
    if isinstance(error, RemoteProtocolError):
        return OperationalError(f"{error}; the connection is closed", errno=CR_MALFORMED_PACKET)
    if isinstance(error, LocalProtocolError):
        return ProgrammingError(str(error))
    return InterfaceError(str(error))


def gone(session: Session) -> LostConnectionError:
    """The exception for a command on a connection that was lost earlier."""
    reason = f" ({session.cause})" if session.cause else ""
    return LostConnectionError(f"Server has gone away{reason}", errno=CR_SERVER_GONE_ERROR)


_PARAMETER_ERRORS: dict[type[ProtocolError], type[Error]] = {
    UnsupportedValueError: NotSupportedError,
    ValueRangeError: DataError,
}
