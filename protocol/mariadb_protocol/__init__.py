"""The MariaDB client/server protocol, sans-I/O: bytes in, bytes out.

A command is a generator (see `mariadb_protocol.events` for what it may yield). A driver writes what it yields and
sends back what arrives; the generator returns the server's answer. Nothing here opens a socket, reads a clock or takes
a lock.

    session = Session()
    answer = drive(login(session, credentials))     # drive: any loop around generator.send()
    answer = drive(query(session, b"SELECT 1"))

Source: MariaDB documentation, "Client/Server Protocol".
"""

from __future__ import annotations

from .commands.batch import read_batch, send_batch
from .commands.change_user import change_user
from .commands.query import query
from .commands.result import LocalInfileRequest, ResultSet, next_result, read_rows, refuse_local_data, send_local_data
from .commands.statement import (
    Prepared,
    close_statement,
    execute,
    fetch,
    prepare,
    prepare_and_execute,
    read_bulk,
    reset_statement,
    send_bulk,
    send_long_data,
)
from .commands.utility import debug, init_db, ping, quit_, reset_connection
from .errors import (
    ConnectionClosed,
    LimitExceeded,
    LocalProtocolError,
    ParameterError,
    ProtocolError,
    RemoteProtocolError,
    SecurityError,
    UnsupportedValueError,
    ValueRangeError,
)
from .events import Interrupt, Send, StartTLS
from .handshake import Credentials, login
from .messages import ColumnDefinition, ErrPacket, Greeting, OkPacket
from .security import Channel, Proof, Security, Verified
from .session import Session, State

__all__ = [
    "Channel",
    "ColumnDefinition",
    "ConnectionClosed",
    "Credentials",
    "ErrPacket",
    "Greeting",
    "Interrupt",
    "LimitExceeded",
    "LocalInfileRequest",
    "LocalProtocolError",
    "OkPacket",
    "ParameterError",
    "Prepared",
    "Proof",
    "ProtocolError",
    "RemoteProtocolError",
    "ResultSet",
    "Security",
    "SecurityError",
    "Send",
    "Session",
    "StartTLS",
    "State",
    "UnsupportedValueError",
    "ValueRangeError",
    "Verified",
    "change_user",
    "close_statement",
    "debug",
    "execute",
    "fetch",
    "init_db",
    "login",
    "next_result",
    "ping",
    "prepare",
    "prepare_and_execute",
    "query",
    "quit_",
    "read_batch",
    "read_bulk",
    "read_rows",
    "refuse_local_data",
    "reset_connection",
    "reset_statement",
    "send_batch",
    "send_bulk",
    "send_local_data",
    "send_long_data",
]
