"""Results of a statement, whichever command ran it: OK, ERR, or a result set in the text or binary protocol.

    server: OK | ERR | LOCAL INFILE request | result set
    result set: column count, column definitions, [EOF], rows ..., EOF or OK | ERR
    another result follows while the last OK or EOF has MORE_RESULTS_EXISTS

Source: MariaDB documentation, page "Result Set Packets".
"""

from __future__ import annotations

from ..constants import MAX_PAYLOAD, Capability, Header, Status
from ..errors import LimitExceeded, RemoteProtocolError
from ..events import Send
from ..messages import ErrPacket, OkPacket, Record, decode_column, decode_eof, decode_err, decode_ok
from ..rows import decode_binary_row, decode_binary_rows, decode_text_row, decode_text_rows
from ..session import SHAPE_SIZE_KEPT, SHAPES_KEPT, Session, Shape, State, after_result, command
from ..wire import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Union

    from ..events import Command
    from ..framing import PacketStream
    from ..messages import ColumnDefinition
    from ..rows import ResultMetadata, Row
    from .statement import Prepared

LOCAL_PACKET = 1 << 16  # bytes of a file that are sent in one packet
_EOF_SIZE = 9  # without DEPRECATE_EOF: 0xFE in a shorter packet is an EOF, in a longer one the length of a first column


class ResultSet(Record):
    """Rows, or the beginning of them.

    Attributes:
        metadata: what describes the columns.
        binary: the rows are in the binary protocol.
        rows: the rows of this call, as tuples.
        end: the packet that ended the rows (OkPacket or ErrPacket); None while rows are left: call `read_rows`.
    """

    __slots__ = ("binary", "end", "metadata", "rows")

    def __init__(self, metadata: ResultMetadata, binary: bool = False) -> None:
        self.metadata = metadata
        self.binary = binary
        self.rows: list[Row] = []
        self.end: OkPacket | ErrPacket | None = None


class LocalInfileRequest(Record):
    """The server asks for the contents of a file of the client: call `send_local_data` or `refuse_local_data`.

    Attributes:
        name: file name as the server gives it.
    """

    __slots__ = ("name",)

    def __init__(self, name: bytes) -> None:
        self.name = name


if TYPE_CHECKING:
    Answer = Union[OkPacket, ErrPacket, ResultSet, LocalInfileRequest]


@command("next_result")
def next_result(session: Session, minimum: int = -1) -> Command[Answer]:
    """The next result of a statement that has several; arguments and answer as for `query`."""
    return (yield from read_result(session, minimum))


@command("read_rows")
def read_rows(session: Session, minimum: int = -1) -> Command[ResultSet]:
    """More rows of the result set that is being streamed: at least `minimum` if there are so many; all if negative.

    Returns:
        A new ResultSet with these rows; its `end` is None while rows are left.
    """
    assert session.row_metadata is not None  # the state table lets us in only behind a result set
    result = ResultSet(session.row_metadata, session.binary)
    if not rows_at_hand(session, result):
        yield from receive_rows(session, result, minimum)
    return result


def read_result(session: Session, minimum: int) -> Command[Answer]:
    """The answer to a statement, or to its next part; arguments and answer as for `query`."""
    stream = session.stream
    statement, session.executed = session.executed, None
    shape = session.shape
    if shape is not None and _repeats(session, shape):
        metadata = shape.metadata
    else:
        payload = stream.take()
        if payload is None:
            payload = yield from stream.read()
        first = payload[0] if payload else -1
        if first == Header.OK:
            ok = decode_ok(payload, session.negotiated(Capability.SESSION_TRACK))
            session.note(ok)
            after_result(session)
            return ok
        if first == Header.ERR:
            return decode_err(payload)
        if first == Header.LOCAL_INFILE:
            if not session.negotiated(Capability.LOCAL_FILES):
                raise RemoteProtocolError("the server asks for a local file, which this client did not offer")
            session.after = State.LOCAL_DATA
            return LocalInfileRequest(payload[1:])
        metadata = yield from _metadata(session, payload, statement)
    session.row_metadata = metadata
    if statement is not None:
        statement.metadata = metadata
    result = ResultSet(metadata, session.binary)
    if session.binary and session.status & Status.CURSOR_EXISTS and not session.negotiated(Capability.DEPRECATE_EOF):
        # The rows stay with the server, and the EOF behind the column definitions is the only one.
        result.end = OkPacket(status=session.status, warnings=session.warnings)
        after_result(session)
    elif not rows_at_hand(session, result):
        yield from receive_rows(session, result, minimum)
    return result


# Local files


@command("send_local_data")
def send_local_data(session: Session, chunks: Iterable[bytes], minimum: int = -1) -> Command[Answer]:
    """Send the contents that the server asked for, in chunks of any size, and read its answer.

    An exception of `chunks` breaks the session: the server must not take a part for the whole.
    """
    stream = session.stream
    for chunk in chunks:
        for start in range(0, len(chunk), LOCAL_PACKET):
            stream.feed_early((yield Send(stream.packets(chunk[start : start + LOCAL_PACKET]))))
    stream.feed_early((yield Send(stream.packets(b""))))
    return (yield from read_result(session, minimum))


def refuse_local_data(session: Session) -> Command[Answer]:
    """Send nothing for the file that the server asked for, and read its answer."""
    return send_local_data(session, ())


# Column definitions


def _repeats(session: Session, shape: Shape) -> bool:
    """The bytes that follow are the column definitions of `shape` again: consume them."""
    stream = session.stream
    if shape.first_sequence != stream.sequence or not stream.data.startswith(shape.block, stream.pos):
        return False
    _take_over(session, shape, stream.pos + len(shape.block))
    return True


def _take_over(session: Session, shape: Shape, stop: int) -> None:
    """Consume column definitions that are those of `shape`, up to offset `stop`."""
    session.stream.pos = stop
    session.stream.sequence = shape.last_sequence
    if shape.border is not None:
        session.note(shape.border)


def _metadata(session: Session, payload: bytes, statement: Prepared | None) -> Command[ResultMetadata]:
    """Column definitions behind the column count in `payload`: remembered ones, or decoded and remembered."""
    stream = session.stream
    count, follows = _column_count(session, payload)
    if not follows:
        return (yield from _known_metadata(session, count, statement))
    # The block begins with the column-count packet that has just been consumed, if the buffer still holds it.
    start = stream.pos - len(payload) - 4
    first_sequence = stream.sequence - 1
    packets = count if session.negotiated(Capability.DEPRECATE_EOF) else count + 1
    stop = _end_of_packets(stream, packets) if start >= 0 and first_sequence > 0 else 0
    block = stream.data[start:stop] if 0 < stop - start <= SHAPE_SIZE_KEPT else b""
    shape = session.shapes.get(block)
    if shape is not None:
        _take_over(session, shape, stop)
        session.shape = shape
        return shape.metadata
    columns = yield from read_definitions(session, count)
    border = (yield from _border(session)) if packets > count else None
    metadata = session.metadata(tuple(columns), session.limits)
    if block:
        if len(session.shapes) >= SHAPES_KEPT:
            del session.shapes[next(iter(session.shapes))]
        shape = Shape(block, first_sequence, stream.sequence, metadata, border)
        session.shape = session.shapes[block] = shape
    return metadata


def read_definitions(session: Session, count: int) -> Command[list[ColumnDefinition]]:
    """So many column definitions."""
    limit = session.limits.metadata_size
    extended = session.negotiated(Capability.MARIADB_EXTENDED_METADATA)
    columns, size = [], 0
    for _ in range(count):
        payload = yield from session.stream.read()
        size += len(payload)
        if size > limit:
            raise LimitExceeded("metadata_size", limit, size)
        columns.append(decode_column(payload, extended))
    return columns


def _known_metadata(session: Session, count: int, statement: Prepared | None) -> Command[ResultMetadata]:
    """The server left the column definitions out, since they are those of the prepared statement."""
    metadata = None if statement is None else statement.metadata
    if metadata is None or len(metadata.columns) != count:
        raise RemoteProtocolError(f"{count} column definitions are left out, and they are not known")
    if not session.negotiated(Capability.DEPRECATE_EOF):
        yield from _border(session)
    return metadata


def _border(session: Session) -> Command[OkPacket]:
    """The EOF between column definitions and rows, without DEPRECATE_EOF."""
    eof = decode_eof((yield from session.stream.read()))
    session.note(eof)
    return eof


def _column_count(session: Session, payload: bytes) -> tuple[int, bool]:
    """The number of columns, and whether their definitions follow."""
    reader = Reader(payload, "column count")
    count = reader.lenenc()
    follows = not session.negotiated(Capability.MARIADB_CACHE_METADATA) or bool(reader.u8())
    reader.done()
    if not count:
        raise reader.malformed("announces a result set without columns")
    check_columns(session, count)
    return count, follows


def check_columns(session: Session, count: int) -> None:
    """Refuse more columns than the limit allows."""
    if count > session.limits.columns:
        raise LimitExceeded("columns", session.limits.columns, count)


def _end_of_packets(stream: PacketStream, count: int) -> int:
    """Offset behind the next `count` packets, or 0 if they have not all arrived."""
    data = stream.data
    size = len(data)
    pos = stream.pos
    for _ in range(count):
        if pos + 3 > size:
            return 0
        pos += 4 + (data[pos] | data[pos + 1] << 8 | data[pos + 2] << 16)
    return pos if pos <= size else 0


# Rows


def rows_at_hand(session: Session, result: ResultSet) -> bool:
    """Decode what has arrived into `result`; True if that is all of it."""
    stream = session.stream
    rows = result.rows
    while True:
        # Two calls, for the type checker: the decoders of the protocols differ.
        if result.binary:
            stream.pos, stream.sequence = decode_binary_rows(
                stream.data, stream.pos, stream.sequence, stream.plain, result.metadata.binary_decoders, rows
            )
        else:
            stream.pos, stream.sequence = decode_text_rows(
                stream.data, stream.pos, stream.sequence, stream.plain, result.metadata.text_decoders, rows
            )
        payload = stream.take()
        if payload is None:
            return False
        if _ends(session, result, payload):
            return True
        rows.append(_row(result, payload))


def _row(result: ResultSet, payload: bytes) -> Row:
    """A row that the bulk decoders left aside."""
    if not result.binary:
        return decode_text_row(payload, result.metadata.text_decoders, len(result.rows))
    if payload[:1] != b"\0":
        raise RemoteProtocolError(f"row {len(result.rows) + 1} begins with {payload[:1]!r}")
    return decode_binary_row(payload, result.metadata.binary_decoders, len(result.rows))


def receive_rows(session: Session, result: ResultSet, minimum: int) -> Command[None]:
    """Receive and decode until the end, or until `minimum` rows are there; set the state behind them."""
    stream = session.stream
    rows = result.rows
    while not 0 <= minimum <= len(rows):
        yield from stream.fill(4)
        length = stream.next_length()
        if length < stream.plain and len(stream.data) - stream.pos < 4 + length:
            yield from stream.fill(4 + length)
        else:
            payload = yield from stream.read()
            if _ends(session, result, payload):
                return
            rows.append(_row(result, payload))
        if rows_at_hand(session, result):
            return
    session.after = State.STREAMING


def _ends(session: Session, result: ResultSet, payload: bytes) -> bool:
    """Take `payload` as the end of the rows, if it is that and not a row."""
    if payload == session.last_end:
        # Answers end alike: the packet that ended the last one has been decoded already.
        result.end = session.last_end_ok
        session.note(session.last_end_ok)
        after_result(session)
        return True
    first = payload[0] if payload else -1
    if first == Header.ERR:
        result.end = decode_err(payload)
        return True
    if first != Header.EOF:
        return False
    if session.negotiated(Capability.DEPRECATE_EOF):
        if len(payload) >= MAX_PAYLOAD:
            return False
        ok = decode_ok(payload, session.negotiated(Capability.SESSION_TRACK))
    else:
        if len(payload) >= _EOF_SIZE:
            return False
        ok = decode_eof(payload)
    session.note(ok)
    after_result(session)
    result.end = ok
    if not ok.track:
        session.last_end, session.last_end_ok = payload, ok
    return True
