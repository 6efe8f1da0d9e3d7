"""A server of a few lines for what no real server does: each caller is served by a conversation, in a thread.

The encoders are those of `tests.support.scripts`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

from tests.support.scripts import greeting, ok, packets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GREETING = greeting()
PATIENCE = 30.0  # seconds; only there so that a failure is not a hang


class Caller:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(PATIENCE)

    def send(self, *payloads: bytes, sequence: int = 1) -> None:
        """Send payloads as packets, numbered from `sequence`."""
        self.raw(packets(sequence, *payloads))

    def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            chunk = self.sock.recv(count - len(data))
            if not chunk:
                raise ConnectionResetError("the client hung up")
            data += chunk
        return data

    def packet(self) -> bytes:
        """The payload of the client's next packet."""
        return self._exactly(int.from_bytes(self._exactly(4)[:3], "little"))

    def log_in(self, answer: bool = True, *, greeting: bytes = GREETING, more: bytes = b"") -> bytes:
        """Greet, accept whatever login comes, and hear the statement behind it; returns the login.

        Args:
            answer: answer the statement.
            greeting: payload of the greeting.
            more: further assignments that the statement must make.
        """
        self.send(greeting, sequence=0)
        login = self.packet()
        self.send(ok(), sequence=2)
        assert self.packet() == b"\x03SET NAMES utf8mb4,autocommit=0" + more
        if answer:
            self.send(ok(status=0))
        return login

    def until_closed(self) -> None:
        """Say nothing until the client hangs up."""
        with contextlib.suppress(ConnectionError):
            while self.sock.recv(65536):
                pass


class Listener:
    """A listening socket. Made by `listening()`.

    Attributes:
        connect_args: keywords for `mariadb_py.connect()`.
        callers: number of connections accepted so far.
    """

    def __init__(self, conversation: Callable[[Caller], None], path: str | None) -> None:
        self.callers = 0
        self._conversation = conversation
        self._sock = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self._sock.bind(path or ("127.0.0.1", 0))
        self._sock.listen(16)
        self._open: list[socket.socket] = []
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.connect_args: dict[str, Any] = {"user": "u", "connect_timeout": PATIENCE}
        self.connect_args.update({"unix_socket": path} if path else dict(zip(("host", "port"), self._address())))
        self._threads[0].start()

    def _address(self) -> tuple[str, int]:
        host, port = self._sock.getsockname()
        return host, port

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._sock.accept()
                self.callers += 1
                self._open.append(sock)
                self._threads.append(threading.Thread(target=self._serve, args=(sock,), daemon=True))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with sock, contextlib.suppress(OSError):  # it hung up
                self._conversation(Caller(sock))
        except BaseException as error:
            self._errors.append(error)

    def stop(self) -> None:
        """Hang up on all callers, wait for the threads, and raise what went wrong in one."""
        for sock in (self._sock, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        if self._errors:
            raise self._errors[0]


@contextlib.contextmanager
def listening(conversation: Callable[[Caller], None], path: str | None = None) -> Iterator[Listener]:
    """A server that holds `conversation` with each caller; on a unix socket at `path`, else on TCP."""
    listener = Listener(conversation, path)
    try:
        yield listener
    finally:
        listener.stop()


def silent(caller: Caller) -> None:
    """A conversation in which nothing is said."""
    caller.until_closed()


@contextlib.contextmanager
def full_queue(path: str | None = None) -> Iterator[dict[str, Any]]:
    """A server that accepts nobody and whose queue is full; gives keywords for `mariadb_py.connect()`."""
    family = socket.AF_UNIX if path else socket.AF_INET
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(family))
        server.bind(path or ("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket(family))
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(server.getsockname())
        if path:
            yield {"unix_socket": path}
        else:
            yield dict(zip(("host", "port"), server.getsockname()))
