"""Errors of the protocol layer: each class says who is wrong.

Knows no socket, no DB-API and no connection; mariadb_py turns these errors into the PEP 249 tree.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """Base class of every error raised by mariadb_protocol.

    Attributes:
        written: the server may have got the command; False if it is sure that nothing was sent.
    """

    written = True


class LocalProtocolError(ProtocolError):
    """The caller is wrong: a command in a state that does not allow it, or a packet that may not be sent."""


class RemoteProtocolError(ProtocolError):
    """The peer is wrong: its bytes do not follow the protocol. The session is broken for good."""


class LimitExceeded(RemoteProtocolError):
    """The peer wants more than a named limit allows.

    Attributes:
        name: name of the limit, as in `mariadb_protocol.constants.Limits`.
        limit: the value in force (bytes, or a count).
        value: what the peer asked for, in the same unit.
    """

    def __init__(self, name: str, limit: int, value: int) -> None:
        super().__init__(f"{name} is {limit}, the server sent {value}")
        self.name = name
        self.limit = limit
        self.value = value


class ConnectionClosed(ProtocolError):
    """The stream ended, or the server said that it ends the connection, before the exchange was complete.

    Attributes:
        errno: error number that the server gave as its reason, or 0.
        sqlstate: SQLSTATE of that reason, or an empty string.
    """

    def __init__(self, message: str, errno: int = 0, sqlstate: str = "") -> None:
        super().__init__(message)
        self.errno = errno
        self.sqlstate = sqlstate


class ParameterError(ProtocolError):
    """A statement or one of its parameters is wrong; nothing was sent."""


class UnsupportedValueError(ParameterError):
    """A parameter value has no counterpart in MariaDB (nan, infinity)."""


class ValueRangeError(ParameterError):
    """A parameter value is outside the range of its MariaDB type."""


class SecurityError(ProtocolError):
    """What the user demands of the connection's security does not hold; no password was sent.

    Attributes:
        errno: MariaDB's client error: 2026 for the connection, 2061 for an authentication plugin.
    """

    TLS = 2026
    PLUGIN = 2061

    def __init__(self, message: str, errno: int = PLUGIN) -> None:
        super().__init__(message)
        self.errno = errno
