"""A proxy between a client and a real server that parses what passes, and does one thing to it.

The packets of each side are numbered from 0, beginning with the connection: packet 0 of the server is its greeting,
packet 0 of the client its login, or the request for TLS. A payload of 16 MiB and more is several packets. Behind the
request for TLS bytes only pass, unless the proxy is told to be the man in the middle, and has a certificate.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py.testing import TempServer

    Edit = Callable[["Flow", bytes], None]

CLIENT, SERVER = "client", "server"
PATIENCE = 20.0  # seconds until a connection is ended, so that a failure is not a hang
PAUSE = 0.01  # seconds of a delay
FULL = 0xFFFFFF  # bytes of payload in a packet that another one continues
CHUNK = 1 << 18
COMPRESS, SSL = 0x20, 0x800  # capabilities
SMALL = 512  # bytes up to which a packet can be dribbled
FIRST = 36  # bytes of a request for TLS with its header; what comes behind it is for the TLS layer


class Rule(NamedTuple):
    """What to do, to which packet of the proxy's first connection, or of each."""

    sender: str
    number: int
    edit: Edit
    each: bool = False


class MiddleMan(NamedTuple):
    """TLS contexts of a man in the middle: the one that shows another certificate, and the one for the real server."""

    shown: ssl.SSLContext
    towards_server: ssl.SSLContext


class Flow:
    """One direction of a connection.

    Attributes:
        header: bytes in front of a payload: 4, or 7 in compressed frames.
        raw: bytes pass as they are.
        hole: nothing passes any more, the end of the stream included.
        reading: the sender is still listened to.
        ended: the sender has hung up.
    """

    def __init__(self, relay: Relay, sender: str, source: socket.socket, target: socket.socket) -> None:
        self.relay = relay
        self.sender = sender
        self.source = source
        self.target = target
        self.header = 4
        self.raw = self.hole = self.ended = False
        self.reading = True
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._held = b""

    def read(self) -> None:
        """Pass on what has arrived."""
        self.source.settimeout(0)
        try:
            chunk = self.source.recv(CHUNK if self.relay.counts[CLIENT] else FIRST)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        if chunk:
            self._pass(chunk)
        elif isinstance(self.target, ssl.SSLSocket):  # it has no half that could be closed
            self.relay.end()
        else:
            self.ended = True
            if not self.hole:
                self.target.shutdown(socket.SHUT_WR)

    def pending(self) -> bool:
        """Bytes have arrived that poll() does not see, as TLS has taken them from the socket."""
        return isinstance(self.source, ssl.SSLSocket) and self.source.pending() > 0

    def _pass(self, chunk: bytes) -> None:
        if self.raw:
            self.put(b"" if self.hole else chunk)
        else:
            self._buffer += chunk
            for packet in self._packets():
                if not self.hole:
                    self.relay.packet(self, packet)
        self.flush()

    def _packets(self) -> Iterator[bytes]:
        while len(self._buffer) >= self.header and not self.raw:
            end = self.header + int.from_bytes(self._buffer[:3], "little")
            if len(self._buffer) < end:
                return
            packet = bytes(self._buffer[:end])
            del self._buffer[:end]
            yield packet

    def put(self, data: bytes) -> None:
        """Send bytes behind those that wait for `flush()`; a packet that is held comes behind them."""
        held, self._held = self._held, b""
        self._out += (data, held)

    def hold(self, packet: bytes) -> None:
        """Keep a packet until the next one has been sent."""
        self._held = packet

    def flush(self) -> None:
        """Send what waits."""
        data = b"".join(self._out)
        self._out.clear()
        if data:
            self.target.settimeout(PATIENCE)
            self.target.sendall(data)


class Relay:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket, rule: Rule | None) -> None:
        self.proxy = proxy
        self.flows = {CLIENT: Flow(self, CLIENT, client, server), SERVER: Flow(self, SERVER, server, client)}
        self.counts = {CLIENT: 0, SERVER: 0}
        self.encrypted = False  # by a man in the middle
        self._rule = rule
        self._compress = False
        self._unfinished = b""  # of a long payload
        self._until = time.monotonic() + PATIENCE

    def run(self) -> None:
        """Pass on until both sides have hung up, or the proxy stops."""
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for flow in self.flows.values():
                stack.callback(lambda flow=flow: flow.source.close())
            while not all(flow.ended for flow in self.flows.values()) and time.monotonic() < self._until:
                self._step()

    def _step(self) -> None:
        poll = select.poll()
        flows = {flow.source.fileno(): flow for flow in self.flows.values() if not flow.ended}
        for number, flow in flows.items():
            poll.register(number, select.POLLIN if flow.reading else 0)
        for number, _ in poll.poll(500):  # milliseconds; then it is seen whether the proxy has stopped
            flow = flows[number]
            if not flow.reading:  # an error or the end
                flow.ended = True
                continue
            flow.read()
            while flow.pending():
                flow.read()

    def packet(self, flow: Flow, packet: bytes) -> None:
        """Pass one packet on, edited if its turn has come."""
        number, rule = self.counts[flow.sender], self._rule
        self.counts[flow.sender] += 1
        payload = packet[flow.header :]
        if flow.sender == CLIENT:
            self._log(payload)
        if rule is not None and (rule.sender, rule.number) == (flow.sender, number):
            self.proxy.edited = True
            rule.edit(flow, packet)
        else:
            flow.put(packet)
        if flow.hole or flow.ended:
            return
        if flow.sender == CLIENT and number <= 1:
            self._negotiated(payload)
        elif self._compress and flow.sender == SERVER and number and payload[:1] == b"\0":  # it let the client in
            self._compress = False
            for each in self.flows.values():
                each.header = 7

    def _log(self, payload: bytes) -> None:
        self._unfinished += payload
        if len(payload) < FULL:
            (self.proxy.encrypted if self.encrypted else self.proxy.plain).append(self._unfinished)
            self._unfinished = b""

    def _negotiated(self, payload: bytes) -> None:
        capabilities = int.from_bytes(payload[:4], "little")
        if len(payload) == 32 and capabilities & SSL:
            self.flows[CLIENT].flush()
            self._start_tls()
        elif len(payload) > 32 and self.counts[CLIENT] == 1 + self.encrypted:
            self._compress = bool(capabilities & COMPRESS)

    def _start_tls(self) -> None:
        middle, client, server = self.proxy.middle, self.flows[CLIENT], self.flows[SERVER]
        if middle is None:
            client.raw = server.raw = True
            client.put(bytes(client._buffer))
            return
        sockets = client.source, server.source
        for sock in sockets:
            sock.settimeout(PATIENCE)
            sock.getpeername()  # an error, if the other side has hung up; Python would forget to close the new socket
        server.source = client.target = middle.towards_server.wrap_socket(sockets[1])
        client.source = server.target = middle.shown.wrap_socket(sockets[0], server_side=True)
        self.encrypted = True

    def other(self, flow: Flow) -> Flow:
        """The other direction."""
        return self.flows[CLIENT if flow.sender == SERVER else SERVER]

    def end(self) -> None:
        """Close both sides."""
        for flow in self.flows.values():
            with contextlib.suppress(OSError):
                flow.source.shutdown(socket.SHUT_RDWR)
            flow.ended = True


class Proxy:
    """A listener that connects each caller with the server. Made by `proxied()`.

    Attributes:
        connect_args: keywords for `mariadb_py.connect()`.
        plain, encrypted: payloads that clients sent outside and (seen by a man in the middle) inside of TLS.
        edited: the rule was applied.
        relays: the connections so far.
    """

    def __init__(self, server: TempServer, rule: Rule | None, path: str | None, middle: MiddleMan | None) -> None:
        self.middle = middle
        self.plain: list[bytes] = []
        self.encrypted: list[bytes] = []
        self.edited = False
        self.relays: list[Relay] = []
        self._server = server
        self._rule = rule
        self._listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self._listener.bind(path or ("127.0.0.1", 0))
        self._listener.listen(16)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.connect_args: dict[str, Any] = server.connect_args
        if path:
            del self.connect_args["host"], self.connect_args["port"]
            self.connect_args["unix_socket"] = path
        else:
            self.connect_args["port"] = self._listener.getsockname()[1]
        self._threads[0].start()

    @property
    def counts(self) -> dict[str, int]:
        """Packets of the first connection, by sender."""
        return self.relays[0].counts

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((self._server.host, self._server.port), PATIENCE)
                for sock in (client, server):
                    if sock.family != socket.AF_UNIX:
                        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                rule = self._rule if not self.relays or (self._rule and self._rule.each) else None
                relay = Relay(self, client, server, rule)
                self.relays.append(relay)
                self._threads.append(threading.Thread(target=relay.run, daemon=True))
                self._threads[-1].start()

    def black_hole(self, sender: str, reading: bool = True) -> None:
        """From now on nothing that one side sends is passed on any more, or even read."""
        for relay in self.relays:
            flow = relay.flows[sender]
            flow.hole, flow.reading = True, flow.reading and reading

    def wait(self) -> None:
        """Until all connections have come to their own end."""
        for thread in self._threads[1:]:
            thread.join(PATIENCE)

    def stop(self) -> None:
        """End all connections and wait for the threads."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(PATIENCE)
        for relay in self.relays:
            relay.end()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


@contextlib.contextmanager
def proxied(
    server: TempServer, rule: Rule | None = None, *, path: str | None = None, middle: MiddleMan | None = None
) -> Iterator[Proxy]:
    """A proxy in front of `server`; on a unix socket at `path`, else on TCP; with `middle` it opens TLS."""
    proxy = Proxy(server, rule, path, middle)
    try:
        yield proxy
    finally:
        proxy.stop()


def trusting() -> ssl.SSLContext:
    """A context that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


# Edits: each is called instead of `Flow.put()`


def drop(flow: Flow, packet: bytes) -> None:
    """The packet never existed."""


def delay(flow: Flow, packet: bytes) -> None:
    """It comes late."""
    flow.flush()
    time.sleep(PAUSE)
    flow.put(packet)


def dribble(flow: Flow, packet: bytes) -> None:
    """It comes byte after byte, a long one in four pieces."""
    step = 1 if len(packet) <= SMALL else len(packet) // 4
    for start in range(0, len(packet), step):
        flow.put(packet[start : start + step])
        flow.flush()


def duplicate(flow: Flow, packet: bytes) -> None:
    """It comes twice."""
    flow.put(packet * 2)


def duplicate_late(flow: Flow, packet: bytes) -> None:
    """It comes twice, some time apart."""
    flow.put(packet)
    delay(flow, packet)


def swap(flow: Flow, packet: bytes) -> None:
    """It comes behind the next one."""
    flow.hold(packet)


def shorten(flow: Flow, packet: bytes) -> None:
    """Half of its payload, in a packet of that length."""
    payload = packet[flow.header : (flow.header + len(packet)) // 2]
    flow.put(len(payload).to_bytes(3, "little") + packet[3 : flow.header] + payload)


def lengthen(flow: Flow, packet: bytes) -> None:
    """It says that it is one byte longer than it is."""
    flow.put((len(packet) - flow.header + 1).to_bytes(3, "little") + packet[3:])


def renumber(flow: Flow, packet: bytes) -> None:
    """Its sequence id is wrong."""
    flow.put(packet[:3] + bytes((packet[3] + 1 & 0xFF,)) + packet[4:])


def distort(flow: Flow, packet: bytes) -> None:
    """The first byte of the payload, which says what it is, is another one."""
    flow.put(
        packet[: flow.header] + bytes(byte ^ 0xFF for byte in packet[flow.header :][:1]) + packet[flow.header + 1 :]
    )


def truncate(flow: Flow, packet: bytes) -> None:
    """Half of it, and nothing more."""
    flow.put(packet[: len(packet) // 2])
    flow.hole = True


def swallow(flow: Flow, packet: bytes) -> None:
    """It does not come, and nothing more."""
    flow.hole = True


def stop_reading(flow: Flow, packet: bytes) -> None:
    """It does not come, nor is anything read any more."""
    flow.hole, flow.reading = True, False


def half_close(flow: Flow, packet: bytes) -> None:
    """Behind it the stream ends; the other direction goes on."""
    flow.put(packet)
    flow.flush()
    flow.target.shutdown(socket.SHUT_WR)
    flow.hole = True


def close(flow: Flow, packet: bytes) -> None:
    """Behind it both sides are hung up."""
    flow.put(packet)
    flow.flush()
    flow.hole = True
    flow.relay.end()


def reset(flow: Flow, packet: bytes) -> None:
    """Instead of it both sides get a reset (RST)."""
    flow.flush()
    flow.hole = True
    for each in flow.relay.flows.values():
        each.source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        each.ended = True


def stuff(extra: bytes) -> Edit:
    """Bytes that nobody sent come with it."""
    return lambda flow, packet: flow.put(packet + extra)


def answer(extra: bytes) -> Edit:
    """The proxy answers it, and then passes it on."""

    def edit(flow: Flow, packet: bytes) -> None:
        other = flow.relay.other(flow)
        other.put(extra)
        other.flush()
        flow.put(packet)

    return edit


def hide_tls(flow: Flow, packet: bytes) -> None:
    """A greeting in which the server has no TLS."""
    place = packet.index(b"\0", flow.header + 1) + 1 + 4 + 8 + 1  # version, connection id, scramble, filler
    low = int.from_bytes(packet[place : place + 2], "little") & ~SSL
    flow.put(packet[:place] + low.to_bytes(2, "little") + packet[place + 2 :])
