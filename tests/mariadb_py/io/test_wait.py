"""Waiting for a socket, by poll() and by select()."""

from __future__ import annotations

import select
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_py.io.wait import milliseconds, until_readable, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=["poll", "select"])
def pair(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    if request.param == "select":
        monkeypatch.delattr(select, "poll")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def fill(sock: socket.socket) -> None:
    sock.setblocking(False)
    try:
        while True:
            sock.send(bytes(65536))
    except BlockingIOError:
        sock.setblocking(True)


def test_nothing_to_read(pair: Pair) -> None:
    assert wait(pair[0], True, False, 0) == (False, False)
    assert wait(pair[0], True, False, 0.01) == (False, False)


def test_waits_at_least_as_long_as_asked(pair: Pair) -> None:
    before = time.monotonic()
    assert wait(pair[0], True, False, 0.0123) == (False, False)
    assert time.monotonic() - before >= 0.0123


def test_bytes_have_arrived(pair: Pair) -> None:
    pair[1].send(b"x")
    assert wait(pair[0], True, False, None) == (True, False)
    assert wait(pair[0], True, True, None) == (True, True)


def test_room_to_write(pair: Pair) -> None:
    assert wait(pair[0], False, True, None) == (False, True)
    fill(pair[0])
    assert wait(pair[0], False, True, 0) == (False, False)
    pair[1].send(b"x")
    assert wait(pair[0], True, True, None) == (True, False)


def test_end_of_the_stream_is_readable(pair: Pair) -> None:
    pair[1].close()
    assert wait(pair[0], True, False, None) == (True, False)


def test_a_dead_socket_is_what_was_asked_for(pair: Pair) -> None:
    pair[0].send(b"never read")
    pair[1].close()
    assert wait(pair[0], True, True, None) == (True, True)
    assert wait(pair[0], False, True, None) == (False, True)


@pytest.mark.parametrize("timeout", [10**400, 1e308, 1e12, 2**31, None])
def test_a_very_long_wait_ends_by_what_it_waits_for(pair: Pair, timeout: float | None) -> None:
    timer = threading.Timer(0.01, pair[1].send, (b"x",))
    timer.start()
    assert wait(pair[0], True, False, timeout) == (True, False)
    timer.join()


# Waiting for reading alone, by what is kept


def test_until_readable(pair: Pair) -> None:
    readable = until_readable(pair[0])
    assert not readable(0)
    before = time.monotonic()
    assert not readable(13)
    assert time.monotonic() - before >= 0.013
    for _ in range(2):
        pair[1].send(b"x")
        assert readable()
        assert readable(0)
        assert readable(milliseconds(1e12))
        pair[0].recv(10)
        assert not readable(0)


def test_the_end_of_the_stream_can_be_read(pair: Pair) -> None:
    readable = until_readable(pair[0])
    pair[0].send(b"never read")
    pair[1].close()
    assert readable()
    assert readable(0)


@pytest.mark.parametrize("timeout", [10**400, 1e308, 1e12, 2**31, None])
def test_a_very_long_wait_for_reading(pair: Pair, timeout: float | None) -> None:
    readable = until_readable(pair[0])
    timer = threading.Timer(0.01, pair[1].send, (b"x",))
    timer.start()
    assert readable(milliseconds(timeout))
    timer.join()


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [(None, None), (0, 0), (0.0, 0), (1e-9, 1), (0.001, 2), (0.0123, 13), (1, 1001), (2**31, 2 * 10**9 + 1)],
)
def test_milliseconds(timeout: float | None, expected: int | None) -> None:
    assert milliseconds(timeout) == expected


@given(st.floats(min_value=0) | st.integers(min_value=0))
def test_milliseconds_are_never_too_few(timeout: float) -> None:
    found = milliseconds(timeout)
    assert found is not None
    assert found < 2**31
    assert found / 1000 >= min(timeout, 2e6)
