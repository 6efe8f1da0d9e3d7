"""Faults in a byte script: the stream ends early, or a bit is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mariadb_protocol import LocalProtocolError, ProtocolError, State
from tests.support.scripts import Peer, drive, plain, refuses_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.scripts import Script, Step


def cut_everywhere(script: Script) -> int:
    """End the stream before every byte: a ProtocolError, nothing returned, a broken session. Returns how often."""
    size = len(script.reply)
    for length in range(size):
        session = script.start()
        peer = Peer(script.steps, limit=length, tls=script.tls)
        try:
            answer = drive(script.command(session), peer, size + len(script.steps) + 1, script.early)
        except ProtocolError as error:
            assert not isinstance(error, LocalProtocolError)
            assert session.state == State.BROKEN
            assert session.cause == str(error)
        else:
            raise AssertionError(f"cut after {length} bytes, the answer is {plain(answer)}")
        refuses_all(session)
    return size


def flip_everywhere(script: Script) -> int:
    """Flip each bit of the server's bytes: an answer or a ProtocolError. Returns how often."""
    most = len(script.reply) + len(script.steps) + 16
    for position in range(len(script.reply)):
        for bit in range(8):
            session = script.start()
            peer = Peer(_flipped(script.steps, position, 1 << bit), strict=False, tls=script.tls)
            try:
                drive(script.command(session), peer, most, script.early)
            except LocalProtocolError:
                pass  # after what the server says now, the script's next command is not possible
            except ProtocolError:
                assert session.broken
    return len(script.reply) * 8


def _flipped(steps: Sequence[Step], position: int, mask: int) -> list[Step]:
    """The steps with one byte of the server's changed; `position` counts over all its steps."""
    changed: list[Step] = []
    for who, data in steps:
        if who == "server":
            assert isinstance(data, bytes)
            if 0 <= position < len(data):
                data = data[:position] + bytes((data[position] ^ mask,)) + data[position + 1 :]
                position = -1
            position -= len(data) if position >= 0 else 0
        changed.append((who, data))
    return changed
