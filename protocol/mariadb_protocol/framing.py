"""Packets: headers, sequence ids, payloads continued over several packets, and the receive buffer.

Knows how payloads are cut into packets; knows no message. It holds what has arrived and never allocates for what a
header only announces. Source: MariaDB documentation, page "0-Packet".
"""

from __future__ import annotations

from struct import Struct

from .constants import MAX_PAYLOAD, Header
from .errors import ConnectionClosed, LimitExceeded, LocalProtocolError, ProtocolError, RemoteProtocolError
from .messages import decode_err

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .events import Command

EARLY_SIZE = 1 << 20  # bytes of answer that may come before the client has sent all; an ERR is all that is expected
_HEADER = Struct("<I").pack  # length in three bytes, then the sequence id


class PacketStream:
    """Both directions of one connection, as payloads.

    Attributes:
        data: bytes received, of which those from `pos` on are not consumed.
        pos: offset of the first byte not consumed.
        sequence: sequence id that the next packet must have.
    """

    __slots__ = ("_deferred", "_limit", "_limit_name", "_sent", "data", "plain", "pos", "sequence")

    def __init__(self, limit: int) -> None:
        self.data = b""
        self.pos = 0
        self.sequence = 0
        self._deferred = b""
        self._sent = 0  # packets of the last command, if it was a long one
        self.set_limit("packet_size", limit)

    def set_limit(self, name: str, limit: int) -> None:
        """Refuse payloads of more than `limit` bytes from now on; `name` is said in the error."""
        self._limit_name = name
        self._limit = limit
        # A payload shorter than this needs no second look: it is neither continued nor too long.
        self.plain = min(MAX_PAYLOAD, limit + 1)

    # Outbound

    def defer(self, code: bytes, body: bytes) -> None:
        """Put a short command that is not answered in front of the next one."""
        self._deferred += _HEADER(len(body) + 1) + code + body

    def command(self, code: bytes, body: bytes = b"") -> bytes:
        """The packets of a command; the answer starts with sequence id 1."""
        if self.pos != len(self.data):
            raise unasked(self.data[self.pos :])
        self.sequence = 0
        if self._deferred:
            deferred, self._deferred = self._deferred, b""
            return deferred + PacketStream.command(self, code, body)
        length = len(body) + 1
        if length < self.plain:
            self.sequence = 1
            self._sent = 0
            return b"".join((_HEADER(length), code, body))
        data = self._packets(code + body)
        self._sent = self.sequence
        return data

    def packets(self, payload: bytes) -> bytes:
        """`payload` as packets that continue the current sequence."""
        return self._packets(payload)

    def ids(self) -> tuple[int, int]:
        """The sequence ids with which the answer to the last command begins: of its packet, and of its frame."""
        return self.sequence, 0

    def expect(self, ids: tuple[int, int]) -> None:
        """Of several commands sent at once, the answer to the one that had these `ids` comes next."""
        self.sequence = ids[0]

    def _packets(self, payload: bytes) -> bytes:
        if len(payload) > self._limit:
            raise LocalProtocolError(
                f"{self._limit_name} is {self._limit}, the payload to send has {len(payload)} bytes"
            )
        parts = []
        # One packet more than full ones: a payload that is an exact multiple ends with an empty packet.
        for start in range(0, len(payload) + 1, MAX_PAYLOAD):
            part = payload[start : start + MAX_PAYLOAD]
            parts.append(_HEADER(len(part) | self.sequence << 24))
            parts.append(part)
            self.sequence = self.sequence + 1 & 0xFF
        return b"".join(parts)

    # Inbound

    def feed(self, chunk: bytes | None) -> None:
        """Add what the driver received; `b""` is the end of the stream."""
        if not chunk:
            raise self.ended(len(self.data) - self.pos)
        if self.pos == len(self.data):
            self.data = chunk
        else:
            self.data = self.data[self.pos :] + chunk
        self.pos = 0

    def ended(self, left: int) -> ConnectionClosed:
        """The error for a stream that ended; `left` bytes cannot be used."""
        unfinished = f", {left} bytes into a packet" if left else ""
        return ConnectionClosed(f"the server closed the connection{unfinished}")

    def feed_early(self, chunk: bytes | None) -> None:
        """Add what may have arrived while the client still had to send; the end of the stream shows later."""
        if chunk:
            self.feed(chunk)
            if self.unread() > EARLY_SIZE:
                raise RemoteProtocolError(f"{self.unread()} bytes arrived before the client had sent all")

    def unread(self) -> int:
        """Number of bytes that have arrived and are not consumed."""
        return len(self.data) - self.pos

    def discard(self) -> None:
        """Pass over all that has arrived."""
        self.pos = len(self.data)

    def fill(self, need: int) -> Command[None]:
        """Receive until at least `need` bytes are there to be consumed."""
        if len(self.data) - self.pos >= need:
            return
        self.feed((yield b""))
        if len(self.data) >= need:
            return
        # A long packet in many chunks: collect them in place, joining bytes objects would be quadratic.
        collected = bytearray(self.data)
        while len(collected) < need:
            self.data = b""
            chunk = yield b""
            if not chunk:
                self.data = bytes(collected)
            self.feed(chunk)
            collected += self.data
        self.data = bytes(collected)

    def next_length(self) -> int:
        """Length of the next packet's payload; its header must have arrived."""
        return int.from_bytes(self.data[self.pos : self.pos + 3], "little")

    def take(self) -> bytes | None:
        """The next payload if it has arrived whole and is an ordinary one, else None: call `read()` then."""
        data = self.data
        pos = self.pos
        start = pos + 4
        if start > len(data):
            return None
        length = data[pos] | data[pos + 1] << 8 | data[pos + 2] << 16
        end = start + length
        if end > len(data) or length >= self.plain or data[pos + 3] != self.sequence:
            return None
        self.pos = end
        self.sequence = self.sequence + 1 & 0xFF
        return data[start:end]

    def read(self) -> Command[bytes]:
        """The next payload, however it is cut into packets."""
        payload = self.take()
        if payload is not None:
            return payload
        parts: list[bytes] = []
        total = 0
        while True:
            yield from self.fill(4)
            length = self.next_length()
            total += length
            if total > self._limit:
                raise LimitExceeded(self._limit_name, self._limit, total)
            if self.data[self.pos + 3] != self.sequence:
                yield from self._farewell(length)
            yield from self.fill(4 + length)
            start = self.pos + 4
            parts.append(self.data[start : start + length])
            self.pos = start + length
            self.sequence = self.sequence + 1 & 0xFF
            if length < MAX_PAYLOAD:
                return b"".join(parts) if len(parts) > 1 else parts[0]

    def _farewell(self, length: int) -> Command[None]:
        """A packet that is out of order is an ERR packet with sequence id 0: the server ends the connection."""
        yield from self.fill(4 + min(length, 1))
        sequence = self.data[self.pos + 3]
        # A server that finds a long command too long says so in the middle of it, and hangs up.
        expected = sequence == 0 or (self.sequence == self._sent and sequence < self._sent)
        if not expected or length == 0 or self.data[self.pos + 4] != Header.ERR:
            raise RemoteProtocolError(f"packet out of order: sequence id {sequence}, expected {self.sequence}")
        yield from self.fill(4 + length)
        raise _closed(self.data[self.pos + 4 : self.pos + 4 + length])


def unasked(left: bytes) -> ProtocolError:
    """The error for what arrived between two commands, where only a farewell may; b"" is the end of the stream."""
    error: ProtocolError = RemoteProtocolError(f"{len(left)} bytes arrived that no command asked for")
    if not left:
        error = ConnectionClosed("the server closed the connection")
    elif 4 < len(left) == 4 + int.from_bytes(left[:3], "little") and left[3] == 0 and left[4] == Header.ERR:
        error = _closed(left[4:])
    error.written = False
    return error


def _closed(payload: bytes) -> ConnectionClosed:
    """The error for the reason that the server gave."""
    reason = decode_err(payload)
    return ConnectionClosed(reason.message, reason.errno, reason.sqlstate)
