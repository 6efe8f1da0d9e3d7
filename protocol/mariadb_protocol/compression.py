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

    __slots__ = ("_frames", "_received")

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._received = b""  # frames that are not unpacked
        self._frames = 0  # sequence id of the next frame, in either direction

    # Outbound

    def command(self, code: bytes, body: bytes = b"") -> bytes:
        self._unpack()
        packets = super().command(code, body)
        self._frames = 0
        return self._frame(packets)

    def packets(self, payload: bytes) -> bytes:
        return self._frame(super().packets(payload))

    def next_answer(self) -> None:
        super().next_answer()
        self._frames = 1

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
        if not chunk:
            super().feed(chunk)
            return
        self._received += chunk
        self._unpack()

    def fill(self, need: int) -> Command[None]:
        while len(self.data) - self.pos < need:
            if not self._unpack():
                pending = bytearray(self._received)
                self._received = b""
                # Frames are long: collected in place, as joining bytes objects would be quadratic.
                while len(pending) < _HEADER_SIZE or len(pending) < _HEADER_SIZE + _length(pending):
                    chunk = yield b""
                    if not chunk:
                        super().feed(chunk)
                    pending += chunk or b""
                self._received = bytes(pending)

    def _unpack(self) -> bool:
        """Make the contents of the next frame available, if it has arrived whole."""
        received = self._received
        if len(received) < _HEADER_SIZE:
            return False
        end = _HEADER_SIZE + _length(received)
        if len(received) < end:
            return False
        if received[3] != self._frames:
            raise RemoteProtocolError(f"frame out of order: sequence id {received[3]}, expected {self._frames}")
        self._frames = self._frames + 1 & 0xFF
        self._received = received[end:]
        contents = received[_HEADER_SIZE:end]
        size = int.from_bytes(received[4:_HEADER_SIZE], "little")
        super().feed(_inflate(contents, size) if size else contents)
        return True


def _length(frame: bytes | bytearray) -> int:
    return int.from_bytes(frame[:3], "little")


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
