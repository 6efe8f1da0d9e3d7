"""Prepared statements: COM_STMT_PREPARE, EXECUTE, FETCH, RESET, CLOSE and SEND_LONG_DATA, and COM_STMT_BULK_EXECUTE.

    PREPARE  client: 0x16 statement
             server: ERR | 0x00 id, columns, parameters, warnings; definitions of parameters and of columns
    EXECUTE  client: 0x17 id, flags, 1, [NULL bitmap, 1, types, values]
             server: the statement's results (see `result`), rows in the binary protocol
    FETCH    client: 0x1c id, rows
             server: rows ..., EOF or OK | ERR
    BULK     client: 0xfa id, flags, types, rows of (indicator, [value])
             server: OK | ERR | result set

Source: MariaDB documentation, pages "COM_STMT_PREPARE", "COM_STMT_EXECUTE", "COM_STMT_FETCH", "COM_STMT_BULK_EXECUTE".
"""

from __future__ import annotations

from ..binary import NULL
from ..constants import Capability, Com, Header, Status
from ..errors import RemoteProtocolError
from ..events import Send
from ..messages import ErrPacket, OkPacket, Record, decode_eof, decode_err
from ..session import Session, State, command
from ..wire import Reader
from .result import ResultSet, check_columns, read_definitions, read_result, receive_rows, rows_at_hand
from .utility import simple_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..binary import Encoded
    from ..events import Command
    from ..rows import ResultMetadata
    from .result import Answer
    from .utility import Outcome

ID_END = 1 << 31  # ids of statements are below
LAST_PREPARED = 0xFFFFFFFF  # stands for the id of the statement prepared last in this session
_READ_ONLY_CURSOR = b"\1"
_SEND_TYPES = 128
_SEND_UNIT_RESULTS = 64


class Prepared(Record):
    """A statement that the server has prepared.

    Attributes:
        id: its id on this connection.
        parameters: number of its parameters.
        metadata: what describes the columns of its result set, as the server last said; None if it has none.
        selects: the server announced a result set when it prepared the statement.
    """

    __slots__ = ("id", "metadata", "parameters", "selects")

    def __init__(self, id: int, parameters: int, metadata: ResultMetadata | None) -> None:
        self.id = id
        self.parameters = parameters
        self.metadata = metadata
        self.selects = metadata is not None


def foreseen_id(session: Session) -> int:
    """The id by which the statement that is prepared next can be executed before it is known.

    The server numbers statements, and counts each attempt to prepare one. Where it begins is not known: it goes on from
    whoever had the server's thread before. The first statement is therefore called "the last one prepared"; a later one
    is not, since should there be no room for it, that is still the one before.
    """
    return (session.prepared + 1) % ID_END if session.prepared else LAST_PREPARED


@command("prepare")
def prepare(session: Session, statement: bytes) -> Command[Prepared | ErrPacket]:
    """Prepare a statement with `?` in the place of its parameters (SQL in UTF-8)."""
    stream = session.stream
    stream.feed((yield stream.command(_PREPARE, statement)))
    return (yield from _prepared(session))


@command("execute")
def execute(
    session: Session, prepared: Prepared, parameters: Sequence[Encoded], minimum: int = -1, cursor: bool = False
) -> Command[Answer]:
    """Execute a prepared statement.

    Args:
        session: a session in state READY.
        prepared: the statement.
        parameters: its parameters, encoded by `binary.encode`.
        minimum: rows to wait for, as for `query`.
        cursor: leave the rows on the server, for `fetch`; the result set has none then, and the status of its end has
            CURSOR_EXISTS. A statement for which the server opens no cursor answers with its rows.
    """
    session.binary = True
    session.executed = prepared
    stream = session.stream
    stream.feed((yield stream.command(_EXECUTE, _execution(prepared.id, parameters, cursor))))
    return (yield from read_result(session, minimum))


@command("prepare_and_execute")
def prepare_and_execute(
    session: Session, statement: bytes, parameters: Sequence[Encoded], minimum: int = -1, cursor: bool = False
) -> Command[tuple[Prepared | ErrPacket, Answer]]:
    """`prepare` and `execute` in one round trip; the second answer is always read.

    The statement is executed by its `foreseen_id`. Where it got another one, or none as `prepare` failed, the second
    answer is error 1243.

    Args:
        session: a session in state READY, whose `prepared` is below `ID_END`.
        statement: as for `prepare`.
        parameters, minimum, cursor: as for `execute`.
    """
    session.binary = True
    stream = session.stream
    packets = stream.command(_PREPARE, statement)
    first = stream.ids()
    packets += stream.command(_EXECUTE, _execution(foreseen_id(session), parameters, cursor))
    second = stream.ids()
    stream.expect(first)
    stream.feed((yield packets))
    prepared = yield from _prepared(session)
    stream.expect(second)
    if not isinstance(prepared, ErrPacket):
        session.executed = prepared
        return prepared, (yield from read_result(session, minimum))
    payload = yield from stream.read()
    if payload[:1] != bytes((Header.ERR,)):
        raise RemoteProtocolError("the statement could not be prepared, and was executed all the same")
    return prepared, decode_err(payload)


@command("fetch")
def fetch(session: Session, prepared: Prepared, count: int) -> Command[ResultSet]:
    """At most `count` more rows of the cursor that `execute` opened; LAST_ROW_SENT in the end's status: no more."""
    if prepared.metadata is None:
        raise RemoteProtocolError("a cursor without columns")
    stream = session.stream
    session.binary = True
    result = ResultSet(prepared.metadata, True)
    body = prepared.id.to_bytes(4, "little") + count.to_bytes(4, "little")
    stream.feed((yield stream.command(_FETCH, body)))
    if not rows_at_hand(session, result):
        yield from receive_rows(session, result, count + 1)
    if len(result.rows) > count:
        raise RemoteProtocolError(f"{count} rows were asked for, the server sent {len(result.rows)} and more")
    if not result.rows and isinstance(result.end, OkPacket) and not result.end.status & Status.LAST_ROW_SENT:
        raise RemoteProtocolError("a cursor that is not at its end, and has no rows")
    return result


@command("reset_statement")
def reset_statement(session: Session, prepared: Prepared) -> Command[Outcome]:
    """Close the statement's cursor and forget the long data that was sent for it."""
    return (yield from simple_command(session, Com.STMT_RESET, prepared.id.to_bytes(4, "little")))


@command("send_long_data")
def send_long_data(session: Session, prepared: Prepared, parameter: int, data: bytes) -> Command[None]:
    """Send a piece of a parameter (0 is the first) ahead of `execute`; the server does not answer."""
    body = prepared.id.to_bytes(4, "little") + parameter.to_bytes(2, "little") + data
    session.stream.feed_early((yield Send(session.stream.command(_LONG_DATA, body))))


def close_statement(session: Session, prepared: Prepared) -> None:
    """Let the server forget the statement; sent in front of the next command, and not answered."""
    session.stream.defer(_CLOSE, prepared.id.to_bytes(4, "little"))


@command("send_bulk")
def send_bulk(session: Session, prepared: Prepared, types: bytes, rows: bytes, unit_results: bool) -> Command[None]:
    """Send many rows of parameters for one statement; `read_bulk` reads the answer.

    Args:
        session: a session in state READY.
        prepared: the statement, which has parameters.
        types: type code and flags of each parameter.
        rows: for each parameter of each row an indicator (`constants.Indicator`), and for VALUE the value.
        unit_results: ask for the id and affected rows of each row, where both sides have MARIADB_BULK_UNIT_RESULTS.
    """
    flags = _SEND_TYPES | (_SEND_UNIT_RESULTS if unit_results else 0)
    body = b"".join((prepared.id.to_bytes(4, "little"), flags.to_bytes(2, "little"), types, rows))
    session.binary = True
    session.executed = prepared
    session.stream.feed_early((yield Send(session.stream.command(_BULK, body))))
    session.after = State.BULK_SENT


@command("read_bulk")
def read_bulk(session: Session) -> Command[Answer]:
    """The answer to `send_bulk`: OK, ERR, or the rows of RETURNING or of the unit results."""
    return (yield from read_result(session, -1))


def execution_size(parameters: Sequence[Encoded]) -> int:
    """Bytes of the command by which a statement is executed with these parameters."""
    return 11 + (len(parameters) + 7) // 8 + sum(len(kind) + len(value) for kind, value in parameters)


def _execution(statement_id: int, parameters: Sequence[Encoded], cursor: bool) -> bytes:
    head = statement_id.to_bytes(4, "little") + (_READ_ONLY_CURSOR if cursor else b"\0") + b"\1\0\0\0"
    if not parameters:
        return head
    nulls = 0
    for index, parameter in enumerate(parameters):
        if parameter is NULL:
            nulls |= 1 << index
    types, values = zip(*parameters)
    bitmap = nulls.to_bytes((len(parameters) + 7) // 8, "little")
    return b"".join((head, bitmap, b"\1", *types, *values))


def _prepared(session: Session) -> Command[Prepared | ErrPacket]:
    stream = session.stream
    session.prepared += session.prepared > 0  # the attempt counts
    payload = yield from stream.read()
    if payload[:1] == bytes((Header.ERR,)):
        return decode_err(payload)
    reader = Reader(payload, "answer to COM_STMT_PREPARE")
    header = reader.u8()
    if header != Header.OK:
        raise reader.malformed(f"begins with 0x{header:02x}")
    statement_id, columns, parameters = reader.uint(4), reader.uint(2), reader.uint(2)
    session.prepared = max(session.prepared, statement_id)
    reader.raw(1)
    reader.uint(2)
    reader.done()
    check_columns(session, columns)
    yield from read_definitions(session, parameters)  # which say nothing
    yield from _border(session, parameters)
    definitions = yield from read_definitions(session, columns)
    yield from _border(session, columns)
    metadata = session.metadata(tuple(definitions), session.limits) if columns else None
    return Prepared(statement_id, parameters, metadata)


def _border(session: Session, count: int) -> Command[None]:
    """The EOF behind so many definitions, without DEPRECATE_EOF."""
    if count and not session.negotiated(Capability.DEPRECATE_EOF):
        session.note(decode_eof((yield from session.stream.read())))


_PREPARE = bytes((Com.STMT_PREPARE,))
_EXECUTE = bytes((Com.STMT_EXECUTE,))
_FETCH = bytes((Com.STMT_FETCH,))
_CLOSE = bytes((Com.STMT_CLOSE,))
_LONG_DATA = bytes((Com.STMT_SEND_LONG_DATA,))
_BULK = bytes((Com.STMT_BULK_EXECUTE,))
