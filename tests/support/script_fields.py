"""What a client sends, taken apart as a server reads it; code of its own, as the encoder of `scripts` is."""

from __future__ import annotations

from hashlib import sha1
from typing import Any

from mariadb_protocol.constants import Capability
from tests.support.scripts import TOP


def payloads(data: bytes) -> list[tuple[int, bytes]]:
    """What a client sent, as (first sequence id, payload); its packets must be complete and in order."""
    found: list[tuple[int, bytes]] = []
    parts: list[bytes] = []
    while data:
        length = data[0] | data[1] << 8 | data[2] << 16
        if parts:
            assert data[3] == (found[-1][0] + len(parts)) & 0xFF
        else:
            found.append((data[3], b""))
        assert len(data) >= 4 + length
        parts.append(data[4 : 4 + length])
        data = data[4 + length :]
        if length < TOP:
            found[-1] = found[-1][0], b"".join(parts)
            parts = []
    assert not parts, "a long payload is not ended"
    return found


class Fields:
    """Takes a payload of the client apart, from front to back."""

    def __init__(self, payload: bytes) -> None:
        self.left = payload

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        assert len(self.left) >= count
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def number(self, width: int) -> int:
        """A fixed-width integer."""
        return sum(byte << 8 * index for index, byte in enumerate(self.take(width)))

    def terminated(self) -> bytes:
        """A string that ends with NUL."""
        value, nul, self.left = self.left.partition(b"\0")
        assert nul
        return value

    def prefixed(self) -> bytes:
        """A length-encoded string."""
        first = self.number(1)
        return self.take(first if first < 0xFB else self.number({0xFC: 2, 0xFD: 3, 0xFE: 8}[first]))


def handshake_fields(payload: bytes) -> dict[str, Any]:
    """A handshake response as a server reads it."""
    fields = Fields(payload)
    flags = fields.number(4)
    read: dict[str, Any] = {"max_packet": fields.number(4), "collation": fields.number(1)}
    assert fields.take(19) == bytes(19)
    flags |= fields.number(4) << 32
    read["capabilities"] = flags
    read["user"] = fields.terminated()
    lenenc_data = flags & Capability.PLUGIN_AUTH_LENENC_DATA
    read["answer"] = fields.prefixed() if lenenc_data else fields.take(fields.number(1))
    if flags & Capability.CONNECT_WITH_DB:
        read["database"] = fields.terminated()
    return {**read, **_login_tail(fields, flags)}


def change_user_fields(payload: bytes, capabilities: int) -> dict[str, Any]:
    """A COM_CHANGE_USER payload as a server reads it."""
    fields = Fields(payload)
    assert fields.number(1) == 0x11
    read: dict[str, Any] = {"user": fields.terminated(), "answer": fields.take(fields.number(1))}
    read["database"] = fields.terminated()
    read["collation"] = fields.number(2)
    return {**read, **_login_tail(fields, capabilities)}


def _login_tail(fields: Fields, flags: int) -> dict[str, Any]:
    read: dict[str, Any] = {}
    if flags & Capability.PLUGIN_AUTH:
        read["plugin"] = fields.terminated()
    if flags & Capability.CONNECT_ATTRS:
        block = Fields(fields.prefixed())
        read["attributes"] = {}
        while block.left:
            key = block.prefixed()
            read["attributes"][key] = block.prefixed()
    assert not fields.left
    return read


def proves(password: bytes, challenge: bytes, answer: bytes) -> bool:
    """The server's side of mysql_native_password: it knows only SHA1(SHA1(password))."""
    if not password or not answer:
        return password == answer
    stored = sha1(sha1(password).digest()).digest()
    mask = sha1(challenge + stored).digest()
    return len(answer) == 20 and sha1(bytes(a ^ b for a, b in zip(answer, mask))).digest() == stored
