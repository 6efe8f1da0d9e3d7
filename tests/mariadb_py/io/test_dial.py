"""Opening sockets: addresses, names, and one deadline over both."""

from __future__ import annotations

import errno
import os
import re
import socket
import threading
import time
from contextlib import closing

import pytest

from mariadb_py.core.options import Endpoint
from mariadb_py.exceptions import OperationalError
from mariadb_py.io import dial as module
from mariadb_py.io.dial import LONGEST_WAIT, dial, is_socket, remaining
from tests.support.listener import full_queue, listening, silent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

SHORT = 0.2  # seconds
GENEROUS = 5.0  # seconds in which something that takes SHORT has ended


def soon() -> float:
    return time.monotonic() + SHORT


def dead_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def resolves_to(*addresses: tuple[str, int]) -> Callable[..., list[tuple[Any, ...]]]:
    return lambda host, port, type: [(socket.AF_INET, type, 6, "", address) for address in addresses]


def forbidden(*arguments: object, **keywords: object) -> None:
    raise AssertionError("no name was to be looked up")


def test_is_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert is_socket(str(path))
    plain = tmp_path / "plain"
    plain.touch()
    assert not is_socket(str(plain))
    assert not is_socket(str(tmp_path))
    assert not is_socket(str(tmp_path / "absent"))


def test_remaining() -> None:
    assert remaining(None) is None
    assert remaining(time.monotonic() - 1) == 0
    left = remaining(time.monotonic() + 100)
    assert left is not None and 0 < left <= 100
    assert remaining(1e300) == LONGEST_WAIT


@pytest.mark.parametrize("deadline", [None, 1e300])
def test_tcp(monkeypatch: pytest.MonkeyPatch, deadline: float | None) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    with (
        listening(silent) as server,
        closing(dial(Endpoint("127.0.0.1", server.connect_args["port"]), deadline)) as sock,
    ):
        assert sock.getpeername() == ("127.0.0.1", server.connect_args["port"])
        assert sock.gettimeout() is None
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0


def test_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with listening(silent, path), closing(dial(Endpoint(path=path), soon())) as sock:
        assert sock.getpeername() == path
        assert sock.gettimeout() is None


def test_ipv6_literal_needs_no_name_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    with pytest.raises(OperationalError, match=r"^Can't connect to server on '\[::1\]:\d+' \(") as caught:
        dial(Endpoint("::1", dead_port()), soon())
    assert caught.value.errno == 2002


@pytest.mark.parametrize("name", ["absent", "x" * 300, "\ud800", "folder"])
def test_no_server_at_a_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OperationalError, match="Can't connect to server on '") as caught:
        dial(Endpoint(path=str(tmp_path / name)), soon())
    assert caught.value.errno == 2002


def test_refused_names_the_sockets_that_were_looked_for() -> None:
    endpoint = Endpoint("127.0.0.1", dead_port(), tried=("/a/b.sock", "/c.sock"))
    with pytest.raises(OperationalError) as caught:
        dial(endpoint, soon())
    assert str(caught.value) == (
        f"Can't connect to server on '127.0.0.1:{endpoint.port}' "
        "(Connection refused; no unix socket at /a/b.sock, /c.sock)"
    )
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_server_that_accepts_nobody(tmp_path: Path, kind: str) -> None:
    path = str(tmp_path / "s") if kind == "unix" else None
    with full_queue(path) as arguments:
        endpoint = Endpoint(path=path) if path else Endpoint(arguments["host"], arguments["port"])
        before = time.monotonic()
        with pytest.raises(OperationalError, match=r"\(connect_timeout passed\)") as caught:
            dial(endpoint, soon())
        assert SHORT <= time.monotonic() - before < GENEROUS
        assert caught.value.errno == 2002


def test_a_full_queue_of_a_unix_socket_is_waited_for(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as first:
        server.bind(path)
        server.listen(0)
        first.connect(path)
        accepted: list[socket.socket] = []
        timer = threading.Timer(0.1, lambda: accepted.append(server.accept()[0]))
        timer.start()
        dial(Endpoint(path=path), time.monotonic() + GENEROUS).close()
        timer.join()
        accepted[0].close()


def test_the_next_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(silent) as server:
        live = server.connect_args["port"]
        monkeypatch.setattr(socket, "getaddrinfo", resolves_to(("127.0.0.1", dead_port()), ("127.0.0.1", live)))
        with closing(dial(Endpoint("a.name", 1), soon())) as sock:
            assert sock.getpeername() == ("127.0.0.1", live)


def test_an_address_that_swallows_packets_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with full_queue() as swallows, listening(silent) as server:
        live = server.connect_args["port"]
        addresses = ("127.0.0.1", swallows["port"]), ("127.0.0.1", live)
        monkeypatch.setattr(socket, "getaddrinfo", resolves_to(*addresses))
        with closing(dial(Endpoint("a.name", 1), time.monotonic() + 2 * SHORT)) as sock:
            assert sock.getpeername() == ("127.0.0.1", live)


def test_the_error_of_the_last_address_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with full_queue() as swallows:
        addresses = ("127.0.0.1", swallows["port"]), ("127.0.0.1", dead_port())
        monkeypatch.setattr(socket, "getaddrinfo", resolves_to(*addresses))
        with pytest.raises(OperationalError, match=r"'a\.name:7' \(Connection refused\)") as caught:
            dial(Endpoint("a.name", 7), soon())
        assert caught.value.errno == 2002


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Unknown server host 'a.name' (Name or"),
        (UnicodeError("label empty or too long"), "Host name 'a.name' cannot be resolved: label empty"),
        (MemoryError(), "Host name 'a.name' cannot be resolved: "),
    ],
)
@pytest.mark.parametrize("way", ["thread", "no deadline", "no threads"])
def test_unknown_host(monkeypatch: pytest.MonkeyPatch, error: Exception, message: str, way: str) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    if way == "no threads":
        monkeypatch.setattr(module, "start_new_thread", None)
    with pytest.raises(OperationalError) as caught:
        dial(Endpoint("a.name", 1), None if way == "no deadline" else time.monotonic() + GENEROUS)
    assert str(caught.value).startswith(message)
    assert caught.value.errno == 2005
    assert caught.value.__cause__ is error


def test_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(module, "start_new_thread", refuses)
    with pytest.raises(OperationalError, match="cannot be resolved: can't start new thread") as caught:
        dial(Endpoint("a.name", 1), soon())
    assert caught.value.errno == 2005


class NoSockets:
    """In place of the class socket: fails for a family, or so many times."""

    def __init__(self, family: int | None = None, times: int = 0) -> None:
        self.family = family
        self.times = times
        self.real = socket.socket

    def __call__(self, family: int, *arguments: Any, **keywords: Any) -> socket.socket:
        self.times -= 1
        if family == self.family or self.times >= 0:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self.real(family, *arguments, **keywords)


@pytest.mark.parametrize("endpoint", [Endpoint("127.0.0.1", 1), Endpoint("::1", 1), Endpoint("a.name", 1)], ids=str)
def test_no_socket_can_be_made(monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolves_to(("127.0.0.1", 1), ("127.0.0.1", 2)))
    monkeypatch.setattr(socket, "socket", NoSockets(times=9))
    with pytest.raises(OperationalError, match=rf"'{re.escape(str(endpoint))}' \(Too many open files\)") as caught:
        dial(endpoint, soon())
    assert caught.value.errno == 2002
    assert isinstance(caught.value.__cause__, OSError)


def test_an_address_of_a_family_that_the_system_has_not_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(silent) as server:
        live = server.connect_args["port"]
        infos = [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", live, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", live)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
        monkeypatch.setattr(socket, "socket", NoSockets(socket.AF_INET6))
        with closing(dial(Endpoint("a.name", 1), soon())) as sock:
            assert sock.getpeername() == ("127.0.0.1", live)


def test_a_name_that_no_resolver_can_spell() -> None:
    with pytest.raises(OperationalError, match="cannot be resolved") as caught:
        dial(Endpoint("x" * 300, 1), time.monotonic() + GENEROUS)
    assert caught.value.errno == 2005


def test_a_slow_resolver_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = threading.Event()
    finished = threading.Event()

    def sleeps(*_: object, **__: object) -> list[Any]:
        asleep.wait(30)
        finished.set()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", sleeps)
    before = time.monotonic()
    with pytest.raises(OperationalError, match="connect_timeout passed while the name was looked up") as caught:
        dial(Endpoint("a.name", 1), soon())
    assert SHORT <= time.monotonic() - before < GENEROUS
    assert caught.value.errno == 2005
    asleep.set()
    assert finished.wait(30)


def test_a_deadline_that_has_passed_already(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(silent) as server:
        with pytest.raises(OperationalError, match="connect_timeout passed"):
            dial(Endpoint("127.0.0.1", server.connect_args["port"]), time.monotonic() - 1)
        assert server.callers == 0
