from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.constants import SessionTrack
from mariadb_protocol.errors import RemoteProtocolError
from mariadb_protocol.session_track import decode_track
from tests.support.scripts import text


def entry(kind: int, data: bytes) -> bytes:
    return bytes((kind,)) + text(data)


def test_nothing() -> None:
    assert list(decode_track(b"")) == []


def test_every_known_type() -> None:
    block = b"".join(
        (
            entry(0, text(b"autocommit") + text(b"OFF")),
            entry(1, text(b"test")),
            entry(2, b"1"),
            entry(4, text(b"START TRANSACTION;")),
            entry(5, text(b"T_______")),
        )
    )
    assert list(decode_track(block)) == [
        (SessionTrack.SYSTEM_VARIABLES, "autocommit", "OFF"),
        (SessionTrack.SCHEMA, "", "test"),
        (SessionTrack.STATE_CHANGE, "", "1"),
        (SessionTrack.TRANSACTION_CHARACTERISTICS, "", "START TRANSACTION;"),
        (SessionTrack.TRANSACTION_STATE, "", "T_______"),
    ]


def test_several_variables_in_one_entry() -> None:
    block = entry(0, text(b"a") + text(b"1") + text(b"b") + text(b""))
    assert list(decode_track(block)) == [(0, "a", "1"), (0, "b", "")]


@pytest.mark.parametrize("kind", [SessionTrack.GTIDS, 6, 200, 255])
def test_unknown_types_are_passed_over(kind: int) -> None:
    block = entry(kind, b"\xff\xff anything") + entry(1, text(b"x"))
    assert list(decode_track(block)) == [(kind, "", ""), (1, "", "x")]


@pytest.mark.parametrize(
    ("block", "fact"),
    [
        (b"\x00", "session-state block of 1 bytes: wants 1 byte"),
        (b"\x00\x05abc", "session-state block of 5 bytes: wants 5 bytes at offset 2, 3 left"),
        (entry(0, text(b"autocommit")), "session-state entry of 11 bytes: wants 1 byte"),
        (entry(1, b"\x09a"), "session-state entry of 2 bytes: wants 9 bytes"),
        (entry(1, text(b"a") + b"b"), "session-state entry of 3 bytes: has 1 bytes after its last field"),
        (entry(1, b"\xfb"), "has 0xfb"),
    ],
)
def test_malformed(block: bytes, fact: str) -> None:
    with pytest.raises(RemoteProtocolError, match=fact):
        list(decode_track(block))


@given(st.binary(max_size=60))
def test_any_bytes(block: bytes) -> None:
    try:
        entries = list(decode_track(block))
    except RemoteProtocolError:
        return
    assert all(len(found) == 3 for found in entries)
