"""COM_QUERY: a statement as text, and its results.

    client: 0x03 statement
    server: OK | ERR | LOCAL INFILE request | result set
    result set: column count, column definitions, [EOF], rows ..., EOF or OK | ERR
    another result follows while the last OK or EOF has MORE_RESULTS_EXISTS

Source: MariaDB documentation, pages "COM_QUERY" and "Result Set Packets".
"""

from __future__ import annotations

from ..constants import MAX_PAYLOAD, Capability, Com, Header
from ..errors import LimitExceeded, RemoteProtocolError
from ..messages import ErrPacket, OkPacket, Record, decode_column, decode_eof, decode_err, decode_ok
from ..rows import decode_text_row, decode_text_rows
from ..session import SHAPE_SIZE_KEPT, SHAPES_KEPT, Session, Shape, State, after_result, command
from ..wire import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    from ..events import Command
    from ..framing import PacketStream
    from ..rows import ResultMetadata, Row

_QUERY = bytes((Com.QUERY,))
_EOF_SIZE = 9  # without DEPRECATE_EOF: 0xFE in a shorter packet is an EOF, in a longer one the length of a first column


class ResultSet(Record):
    """Rows, or the beginning of them.

    Attributes:
        metadata: what describes the columns.
        rows: the rows of this call, as tuples.
        end: the packet that ended the rows (OkPacket or ErrPacket); None while rows are left: call `read_rows`.
    """

    __slots__ = ("end", "metadata", "rows")

    def __init__(self, metadata: ResultMetadata) -> None:
        self.metadata = metadata
        self.rows: list[Row] = []
        self.end: OkPacket | ErrPacket | None = None


if TYPE_CHECKING:
    Answer = Union[OkPacket, ErrPacket, ResultSet]


@command("query")
def query(session: Session, statement: bytes, minimum: int = -1) -> Command[Answer]:
    """Run a statement.

    Args:
        session: a session in state READY.
        statement: SQL in UTF-8.
        minimum: rows to wait for before returning, with whatever else has arrived by then; negative: all.

    Returns:
        OkPacket, ErrPacket, or a ResultSet; `session.state` is STREAMING while rows are left, and MORE_RESULTS when
        another result follows.
    """
    stream = session.stream
    stream.feed((yield stream.command(_QUERY, statement)))
    return (yield from _result(session, minimum))


@command("next_result")
def next_result(session: Session, minimum: int = -1) -> Command[Answer]:
    """The next result of a statement that has several; arguments and answer as for `query`."""
    return (yield from _result(session, minimum))


@command("read_rows")
def read_rows(session: Session, minimum: int = -1) -> Command[ResultSet]:
    """More rows of the result set that is being streamed: at least `minimum` if there are so many; all if negative.

    Returns:
        A new ResultSet with these rows; its `end` is None while rows are left.
    """
    assert session.row_metadata is not None  # the state table lets us in only behind a result set
    result = ResultSet(session.row_metadata)
    if not _rows_at_hand(session, result):
        yield from _rows(session, result, minimum)
    return result


def _result(session: Session, minimum: int) -> Command[Answer]:
    stream = session.stream
    shape = session.shape
    if shape is not None and _repeats(stream, shape):
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
            raise RemoteProtocolError("the server asks for a local file, which this client did not offer")
        metadata = yield from _metadata(session, payload)
    session.row_metadata = metadata
    result = ResultSet(metadata)
    if not _rows_at_hand(session, result):
        yield from _rows(session, result, minimum)
    return result


# Column definitions


def _repeats(stream: PacketStream, shape: Shape) -> bool:
    """The bytes that follow are the column definitions of `shape` again: consume them."""
    if shape.first_sequence != stream.sequence or not stream.data.startswith(shape.block, stream.pos):
        return False
    stream.pos += len(shape.block)
    stream.sequence = shape.last_sequence
    return True


def _metadata(session: Session, payload: bytes) -> Command[ResultMetadata]:
    """Column definitions behind the column count in `payload`: remembered ones, or decoded and remembered."""
    stream = session.stream
    count = _column_count(session, payload)
    # The block begins with the column-count packet that has just been consumed, if the buffer still holds it.
    start = stream.pos - len(payload) - 4
    first_sequence = stream.sequence - 1
    packets = count if session.negotiated(Capability.DEPRECATE_EOF) else count + 1
    stop = _end_of_packets(stream, packets) if start >= 0 and first_sequence > 0 else 0
    block = stream.data[start:stop] if 0 < stop - start <= SHAPE_SIZE_KEPT else b""
    shape = session.shapes.get(block)
    if shape is not None:
        stream.pos = stop
        stream.sequence = shape.last_sequence
        session.shape = shape
        return shape.metadata
    columns = []
    extended = session.negotiated(Capability.MARIADB_EXTENDED_METADATA)
    for _ in range(count):
        columns.append(decode_column((yield from stream.read()), extended))
    if packets > count:
        session.note(decode_eof((yield from stream.read())))
    metadata = session.metadata(tuple(columns), session.limits)
    if block:
        if len(session.shapes) >= SHAPES_KEPT:
            del session.shapes[next(iter(session.shapes))]
        shape = Shape(block, first_sequence, stream.sequence, metadata)
        session.shape = session.shapes[block] = shape
    return metadata


def _column_count(session: Session, payload: bytes) -> int:
    reader = Reader(payload, "column count")
    count = reader.lenenc()
    reader.done()
    if count > session.limits.columns:
        raise LimitExceeded("columns", session.limits.columns, count)
    return count


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


def _rows_at_hand(session: Session, result: ResultSet) -> bool:
    """Decode what has arrived into `result`; True if that is all of it."""
    stream = session.stream
    rows = result.rows
    while True:
        stream.pos, stream.sequence = decode_text_rows(
            stream.data, stream.pos, stream.sequence, stream.plain, result.metadata.text_decoders, rows
        )
        payload = stream.take()
        if payload is None:
            return False
        if _ends(session, result, payload):
            return True
        rows.append(decode_text_row(payload, result.metadata.text_decoders, len(rows)))


def _rows(session: Session, result: ResultSet, minimum: int) -> Command[None]:
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
            rows.append(decode_text_row(payload, result.metadata.text_decoders, len(rows)))
        if _rows_at_hand(session, result):
            return
    session.after = State.STREAMING


def _ends(session: Session, result: ResultSet, payload: bytes) -> bool:
    """Take `payload` as the end of the rows, if it is that and not a row."""
    if payload == session.last_end:
        # Answers end alike: the packet that ended the last one has been decoded already.
        result.end = ok = session.last_end_ok
        session.status = ok.status
        session.warnings = ok.warnings
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
