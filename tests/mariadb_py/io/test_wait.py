"""Waiting for a socket, by poll() and by select()."""

from __future__ import annotations

import select
import socket
import threading
import time

import pytest

from mariadb_py.io.wait import wait

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
