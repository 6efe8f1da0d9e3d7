"""A TCP proxy in front of a server: it delays, holds back, and counts. All it knows of the protocol is a login."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import select
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mariadb_py.testing import TempServer

CHUNK = 1 << 16


class Relay:
    """One connection through the proxy.

    Attributes:
        port: the one that the server sees as the client's.
        held: nothing passes.
        logging_in: the server has not said yes.
        heard: chunks that came from the server.
    """

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.port: int = server.getsockname()[1]
        self.held = False
        self.logging_in = True
        self.heard = 0
        self.ended: set[socket.socket] = set()  # those that will send nothing more
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(10.0)

    def other(self, sock: socket.socket) -> socket.socket:
        return self.server if sock is self.client else self.client


class Proxy(threading.Thread):
    """Made by `proxied()`.

    Attributes:
        connect_args: keywords for `mariadb_py.connect()`.
        delay: seconds that each byte takes, in each direction.
        login_delay: seconds that a greeting takes in addition.
        peak: most logins that were going on at the same time; can be set.
        turns: chunks that came from clients; can be set.
    """

    def __init__(self, server: TempServer, delay: float, login_delay: float) -> None:
        super().__init__(daemon=True, name="proxy")
        self._target = server.host, server.port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._alarm, self._bell = socket.socketpair()
        self._lock = threading.Lock()
        self._relays: list[Relay] = []
        self._queue: list[tuple[float, int, Relay, socket.socket, bytes]] = []  # when, number, relay, target, data
        self._numbers = itertools.count()
        self._open = self._door = True
        self.delay, self.login_delay = delay, login_delay
        self.peak = self.turns = 0
        self.connect_args: dict[str, Any] = {**server.connect_args, "port": self._listener.getsockname()[1]}

    def hold(self, spared: set[int]) -> None:
        """Let nothing pass, new connections included, except on those of these ports."""
        with self._lock:
            self._door = False
            for relay in self._relays:
                relay.held = relay.port not in spared
        self._bell.send(b"!")

    def heal(self) -> None:
        """Let everything pass, also what was held."""
        with self._lock:
            self._door = True
            for relay in self._relays:
                relay.held = False
        self._bell.send(b"!")

    def stop(self) -> None:
        """End all connections."""
        self._open = False
        self._bell.send(b"!")
        self.join()
        for sock in (self._listener, self._alarm, self._bell, *(s for r in self._relays for s in (r.client, r.server))):
            sock.close()

    def run(self) -> None:
        while self._open:
            now = time.monotonic()
            with self._lock:
                while self._queue and self._queue[0][0] <= now:
                    self._deliver(*heapq.heappop(self._queue)[2:])
                sources = {self._alarm: None, **({self._listener: None} if self._door else {})}
                for relay in self._relays:
                    if not relay.held:
                        sources.update((s, relay) for s in (relay.client, relay.server) if s not in relay.ended)
            wait = max(self._queue[0][0] - time.monotonic(), 0.0) if self._queue else 1.0
            for sock in select.select(sources, [], [], wait)[0]:
                with self._lock:
                    self._read(sock, sources[sock])

    def _read(self, sock: socket.socket, relay: Relay | None) -> None:
        if sock is self._alarm:
            sock.recv(CHUNK)
        elif relay is None:
            if self._door:
                self._accept()
        elif not relay.held and sock.fileno() >= 0:
            try:
                data = sock.recv(CHUNK)
            except OSError:
                data = b""
            late = self.delay
            if sock is relay.server:
                late += 0.0 if relay.heard else self.login_delay
                relay.heard += 1
            elif data:
                self.turns += 1
            if not data:
                relay.ended.add(sock)
            heapq.heappush(self._queue, (time.monotonic() + late, next(self._numbers), relay, relay.other(sock), data))

    def _accept(self) -> None:
        client = self._listener.accept()[0]
        try:
            self._relays.append(Relay(client, socket.create_connection(self._target, 10.0)))
        except OSError:
            client.close()
        self.peak = max(self.peak, sum(relay.logging_in for relay in self._relays))

    def _deliver(self, relay: Relay, target: socket.socket, data: bytes) -> None:
        if target is relay.client and relay.heard > 1 and data[4:5] == b"\0":
            relay.logging_in = False
        with contextlib.suppress(OSError):
            if data:
                target.sendall(data)
                return
            target.shutdown(socket.SHUT_WR)
        if not data and (len(relay.ended) == 2 or target is relay.client):  # a server that hangs up hears nothing more
            relay.client.close()
            relay.server.close()
            self._relays = [other for other in self._relays if other is not relay]


@contextlib.contextmanager
def proxied(server: TempServer, delay: float = 0.0, login_delay: float = 0.0) -> Iterator[Proxy]:
    """A proxy in front of a server, for the time of a block.

    Args:
        server: the server.
        delay: seconds that each byte takes, in each direction: half of a round trip.
        login_delay: seconds that a connection takes in addition.
    """
    proxy = Proxy(server, delay, login_delay)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
