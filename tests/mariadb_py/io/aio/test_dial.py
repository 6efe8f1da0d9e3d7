"""Opening sockets under asyncio, on real ones."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from mariadb_py.core.endpoint import Endpoint
from mariadb_py.exceptions import OperationalError
from mariadb_py.io.aio import dial as module
from mariadb_py.io.aio.dial import dial, within
from tests.support.aio import begun, outcome, run_alone, runs, until
from tests.support.listener import PATIENCE, full_queue, listening, silent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

SHORT = 0.1  # seconds
SHORTEST = SHORT - 0.002  # as uvloop counts in milliseconds
GENEROUS = 5.0  # seconds in which something that takes SHORT has ended


def soon(seconds: float = SHORT) -> float:
    return time.monotonic() + seconds


# within()


@runs
async def test_within() -> None:
    async def value() -> int:
        await asyncio.sleep(0)
        return 7

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("mine")

    for deadline in (None, soon(PATIENCE)):
        assert await within(value(), deadline, "too late") == 7
        with pytest.raises(ValueError, match=r"^mine$"):
            await within(fails(), deadline, "too late")
    for late in (soon(), soon(-1)):
        with pytest.raises(TimeoutError, match=r"^too late$"):
            await within(asyncio.sleep(PATIENCE), late, "too late")


@runs
async def test_within_that_is_cancelled_lets_the_work_end() -> None:
    ended = []

    async def work(fails: bool) -> None:
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            await asyncio.sleep(0)
            ended.append(fails)
            if fails:
                raise ValueError("nobody asks for it")

    for fails in (False, True):
        task = await begun(within(work(fails), soon(PATIENCE), "too late"))
        task.cancel()
        assert isinstance(await outcome(task), asyncio.CancelledError)
        assert ended.pop() is fails


@runs
async def test_within_that_is_cancelled_when_the_work_has_just_failed() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        task.cancel()
        raise ValueError("nobody asks for it")

    task = asyncio.ensure_future(within(work(), soon(PATIENCE), "too late"))
    assert isinstance(await outcome(task), asyncio.CancelledError)


# dial()


@runs
async def test_tcp_and_unix(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with listening(silent) as tcp, listening(silent, path) as unix:
        for deadline in (None, soon(PATIENCE)):
            for host in ("127.0.0.1", "localhost"):
                with await dial(Endpoint(host, tcp.connect_args["port"], None), deadline) as sock:
                    assert sock.getpeername() == ("127.0.0.1", tcp.connect_args["port"])
                    assert sock.gettimeout() == 0
                    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
                    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
            with await dial(Endpoint(None, 0, path), deadline) as sock:
                assert sock.family == socket.AF_UNIX
        assert (tcp.callers, unix.callers) != (0, 0)


@runs
async def test_nobody_is_there(tmp_path: Path) -> None:
    with listening(silent) as listener:
        port = listener.connect_args["port"]
    for endpoint in (Endpoint("127.0.0.1", port, None), Endpoint(None, 0, str(tmp_path / "nothing"))):
        with pytest.raises(OperationalError) as caught:
            await dial(endpoint, None)
        assert caught.value.errno == 2002
    with pytest.raises(OperationalError, match=r"no\.such\.host\.invalid") as caught:
        await dial(Endpoint("no.such.host.invalid", 3306, None), soon(PATIENCE))
    assert caught.value.errno == 2005


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_full_queue(tmp_path: Path, kind: str) -> None:
    """Ends by the deadline, or by a cancellation; no socket is left (that would be a ResourceWarning)."""
    path = str(tmp_path / "socket") if kind == "unix" else None

    async def test() -> None:
        with full_queue(path) as arguments:
            endpoint = Endpoint(arguments.get("host"), arguments.get("port", 0), path)
            before = time.monotonic()
            with pytest.raises(OperationalError, match="connect_timeout passed"):
                await dial(endpoint, soon())
            assert SHORTEST <= time.monotonic() - before < GENEROUS
            for deadline in (None, soon(PATIENCE)):
                task = await begun(dial(endpoint, deadline))
                await asyncio.sleep(0.02)
                task.cancel()
                assert isinstance(await outcome(task), asyncio.CancelledError)

    run_alone(test)


# Names


def looked_up(monkeypatch: pytest.MonkeyPatch, look_up: Callable[..., Any]) -> None:
    monkeypatch.setattr(module, "look_up", look_up)


@runs
async def test_a_name_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is left behind, and tells nobody; the loop goes on meanwhile."""
    release = threading.Event()
    asked: list[str] = []
    told: list[str] = []

    def slow(host: str, port: int) -> Any:
        asked.append(host)
        release.wait(PATIENCE)
        told.append(host)
        return []

    looked_up(monkeypatch, slow)
    before = time.monotonic()
    with pytest.raises(OperationalError, match="connect_timeout passed while the name was looked up"):
        await dial(Endpoint("slow.invalid", 3306, None), soon())
    assert time.monotonic() - before < GENEROUS
    task = await begun(dial(Endpoint("cancelled.invalid", 3306, None), None))
    await until(lambda: len(asked) == 2)
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)
    release.set()
    await until(lambda: len(told) == 2)


def test_a_name_that_is_found_when_the_loop_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    release, done = threading.Event(), threading.Event()

    def slow(host: str, port: int) -> Any:
        release.wait(PATIENCE)
        threading.Timer(0.05, done.set).start()
        return []

    looked_up(monkeypatch, slow)

    async def test() -> None:
        with pytest.raises(OperationalError):
            await dial(Endpoint("slow.invalid", 3306, None), soon())

    run_alone(test)
    release.set()
    assert done.wait(PATIENCE)


@runs
async def test_several_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is tried where one does not answer; each has its share of the time."""
    with full_queue() as full, listening(silent) as listener:
        port = listener.connect_args["port"]
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", full["port"])),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]
        looked_up(monkeypatch, lambda host, port: addresses)
        before = time.monotonic()
        with await dial(Endpoint("several.invalid", 3306, None), soon(2.0)) as sock:
            assert sock.getpeername()[1] == port
        assert time.monotonic() - before < GENEROUS
