"""The compressed protocol: packets inside of frames, each of which may be compressed with zlib.

    frame: 3 bytes length, 1 byte sequence id, 3 bytes length when decompressed (0: sent as it is), contents

A frame holds any number of packets, or a part of one. Frames have sequence ids of their own, which begin anew with each
command. What arrives is decompressed one frame at a time, when it is needed: a small input cannot become large at once.
Source: MariaDB documentation, page "0-Packet", section "Compressed packet".
"""

from __future__ import annotations

from struct import Struct

from .constants import MAX_PAYLOAD
from .errors import RemoteProtocolError
from .framing import PacketStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .events import Command

WORTHWHILE = 50  # bytes from which on compression is tried
_HEADER_SIZE = 7
_header = Struct("<I").pack  # length in three bytes, then the sequence id


class CompressedStream(PacketStream):
    """A `PacketStream` in frames, for a session that has negotiated COMPRESS and is logged in."""

    __slots__ = ("_at", "_frames", "_received")

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._received = b""  # frames, of which those from `_at` on are not unpacked
        self._at = 0
        self._frames = 0  # sequence id of the next frame, in either direction

    # Outbound

    def command(self, code: bytes, body: bytes = b"") -> bytes:
        """As for packets, in frames of their own sequence ids from 0 on."""
        self._unasked_frames()
        # In a frame of their own: the server would count the answer from the number of packets in the command's frame.
        deferred, self._deferred = self._deferred, b""
        self._frames = 0
        first = self._frame(deferred)
        packets = super().command(code, body)
        self._frames = 0
        return first + self._frame(packets)

    def packets(self, payload: bytes) -> bytes:
        """As for packets, in frames that continue the current sequence."""
        return self._frame(super().packets(payload))

    def ids(self) -> tuple[int, int]:
        """The sequence ids of the packet and of the frame."""
        return self.sequence, self._frames

    def expect(self, ids: tuple[int, int]) -> None:
        """The answer that begins with these sequence ids comes next."""
        self.sequence, self._frames = ids

    def _frame(self, packets: bytes) -> bytes:
        from zlib import compress

        parts: list[bytes] = []
        for start in range(0, len(packets), MAX_PAYLOAD):
            part = packets[start : start + MAX_PAYLOAD]
            packed, size = (compress(part), len(part)) if len(part) >= WORTHWHILE else (part, 0)
            if len(packed) >= len(part):
                packed, size = part, 0
            parts += (_header(len(packed) | self._frames << 24), size.to_bytes(3, "little"), packed)
            self._frames = self._frames + 1 & 0xFF
        return b"".join(parts)

    # Inbound

    def feed(self, chunk: bytes | None) -> None:
        """Add frames, and unpack the first one."""
        if not chunk:
            raise self.ended(len(self._received) - self._at)
        self._received = self._received[self._at :] + chunk
        self._at = 0
        contents = self._next_frame(self.pos == len(self.data))
        if contents is not None:
            super().feed(contents)

    def unread(self) -> int:
        """Number of bytes not consumed; frames count as they arrived."""
        return super().unread() + len(self._received) - self._at

    def discard(self) -> None:
        """Pass over all that has arrived, without unpacking it."""
        super().discard()
        self._at = len(self._received)

    def fill(self, need: int) -> Command[None]:
        """Unpack as many frames as are needed, receiving them if they have not arrived."""
        if len(self.data) - self.pos >= need:
            return
        # Frames may be long, or tiny and many: collected in place, as joining bytes objects would be quadratic.
        collected = bytearray(self.data[self.pos :])
        self.data = b""
        self.pos = 0
        while len(collected) < need:
            contents = self._next_frame(not collected)
            if contents is None:
                yield from self._receive_frame()
            else:
                collected += contents
        self.data = bytes(collected)

    def _receive_frame(self) -> Command[None]:
        pending = bytearray(self._received[self._at :])
        while len(pending) < _HEADER_SIZE or len(pending) < _HEADER_SIZE + _length(pending, 0):
            chunk = yield b""
            if not chunk:
                raise self.ended(len(pending))
            pending += chunk
        self._received = bytes(pending)
        self._at = 0

    def _next_frame(self, begins: bool) -> bytes | None:
        """The contents of the next frame, if it has arrived whole; `begins`: a packet begins with it."""
        received = self._received
        at = self._at
        start = at + _HEADER_SIZE
        if start > len(received):
            return None
        end = start + _length(received, at)
        if end > len(received):
            return None
        if received[at + 3] != self._frames:
            raise RemoteProtocolError(f"frame out of order: sequence id {received[at + 3]}, expected {self._frames}")
        if end == start:
            raise RemoteProtocolError("an empty frame")
        self._frames = self._frames + 1 & 0xFF
        self._at = end
        size = int.from_bytes(received[at + 4 : start], "little")
        contents = received[start:end]
        if size:
            contents = _inflate(contents, size)
        if begins and contents[3:4] == received[at + 3 : at + 4]:
            # Behind each result the server goes on with the frame's sequence id for packets too.
            self.sequence = contents[3]
        return contents

    def _unasked_frames(self) -> None:
        """Between two commands only a farewell may arrive, which `command` looks at."""
        if self._at == len(self._received) or self.pos != len(self.data):
            return
        contents = self._next_frame(False)
        if contents is None or self._at != len(self._received):
            raise RemoteProtocolError(f"{len(self._received) - self._at} bytes arrived that no command asked for")
        super().feed(contents)


def _length(frames: bytes | bytearray, at: int) -> int:
    return int.from_bytes(frames[at : at + 3], "little")


def _inflate(packed: bytes, size: int) -> bytes:
    """Decompress exactly `size` bytes, however many `packed` would give."""
    from zlib import decompressobj, error

    inflater = decompressobj()
    try:
        contents = inflater.decompress(packed, size)
        complete = inflater.eof or not inflater.decompress(inflater.unconsumed_tail, 1)
    except error as reason:
        raise RemoteProtocolError(f"a frame of {len(packed)} bytes cannot be decompressed: {reason}") from reason
    if len(contents) != size or not complete or not inflater.eof or inflater.unused_data:
        raise RemoteProtocolError(f"a frame of {len(packed)} bytes does not decompress to the {size} that it announces")
    return contents
