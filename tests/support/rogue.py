"""The rogue server: a scripted peer that may do whatever a hostile network can, and that remembers all it heard.

A script is a list of steps; each connection is played one, by a thread of its own. While a step sends, waits or sleeps
the rogue goes on reading, so that the log holds every byte that the client gave away, with those that came through TLS
apart. The encoders are those of `tests.support.scripts`.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
import zlib
from typing import TYPE_CHECKING

from tests.support.listener import PATIENCE, listening
from tests.support.scripts import TOP, packets, uint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from tests.support.certificates import Certificates
    from tests.support.listener import Caller

    Script = Sequence["Step"]

_SLICE = 0.05  # seconds after which whoever waits looks whether the test is over


class Gone(Exception):
    """The client hung up, or the test is over."""


class Visit:
    """One connection, as the rogue sees it.

    Attributes:
        plain: all that was heard outside of TLS.
        tls: all that was heard inside of TLS, decrypted.
        refused: why the client gave up the TLS handshake, as OpenSSL words it; "" if it did not.
        marks: the steps that were begun, each with the lengths of `plain` and `tls` when it was begun first.
        reached: number of steps of the script that were begun; those inside of other steps do not count.
        ended: the script is played to its end, or cut short by the client.
        cut: the client hung up before the last step was done.
        certificates: as they were given to `rogue()`.
    """

    def __init__(self, sock: socket.socket, certificates: Certificates | None, over: Callable[[], bool]) -> None:
        self.sock = sock
        self.plain = bytearray()
        self.tls = bytearray()
        self.refused = ""
        self.marks: dict[Step, tuple[int, int]] = {}
        self.reached = 0
        self.ended = self.cut = False
        self.reading = True
        self.certificates = certificates
        self._over = over
        self._unread = bytearray()  # heard, and not taken by Expect
        self._tls: ssl.SSLObject | None = None
        self._shaken = False  # the TLS handshake is done
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        sock.setblocking(False)

    @property
    def heard(self) -> bytes:
        """All that was heard, outside and inside of TLS."""
        return bytes(self.plain + self.tls)

    def heard_before(self, kind: type[Step]) -> bytes:
        """What had been heard when the first step of this kind began."""
        for step, (plain, tls) in self.marks.items():
            if isinstance(step, kind):
                return bytes(self.plain[:plain] + self.tls[:tls])
        raise AssertionError(f"no step {kind.__name__} was begun")

    # Playing

    def perform(self, script: Script) -> None:
        """Play a script, then listen until the client hangs up."""
        try:
            for step in script:
                self.reached += 1
                self.play(step)
            self.ended = True
            self.rest(PATIENCE)
        except Gone:
            self.cut = not self.ended
        finally:
            self.ended = True

    def play(self, step: Step) -> None:
        """Play one step."""
        self.marks.setdefault(step, (len(self.plain), len(self.tls)))
        step.play(self)

    def rest(self, seconds: float) -> None:
        """Only listen for this long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._wait(left)

    # Bytes

    def write(self, data: bytes) -> None:
        """Send bytes, through TLS if it has begun."""
        if self._tls is not None and self._shaken:
            self._tls.write(data)
            data = self._outgoing.read()
        self.write_bare(data)

    def write_bare(self, data: bytes) -> None:
        """Send bytes as they are, even where TLS has begun."""
        rest = memoryview(data)
        while rest:
            if self._wait(_SLICE, True):
                try:
                    rest = rest[self.sock.send(rest) :]
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise Gone from error

    def exactly(self, count: int) -> bytes:
        """The next `count` bytes of the client."""
        until = time.monotonic() + PATIENCE
        while len(self._unread) < count:
            assert time.monotonic() < until, f"{count} bytes of the client did not come"
            self._wait(_SLICE)
        taken = bytes(self._unread[:count])
        del self._unread[:count]
        return taken

    def packet(self) -> bytes:
        """The client's next payload, however it is cut into packets."""
        payload = b""
        while True:
            part = self.exactly(int.from_bytes(self.exactly(4)[:3], "little"))
            payload += part
            if len(part) < TOP:
                return payload

    def frame(self) -> bytes:
        """The contents of the client's next frame of the compressed protocol."""
        header = self.exactly(7)
        contents = self.exactly(int.from_bytes(header[:3], "little"))
        return zlib.decompress(contents) if any(header[4:]) else contents

    def _wait(self, seconds: float, write: bool = False) -> bool:
        """Wait for this long at most, take in what arrives, and tell whether there is room to write."""
        if self._over():
            raise Gone
        reader = [self.sock] if self.reading else []
        try:
            readable, writable, _ = select.select(reader, [self.sock] if write else [], [], min(seconds, _SLICE))
        except (OSError, ValueError) as error:
            raise Gone from error
        if readable:
            self._receive()
        return bool(writable)

    def _receive(self) -> None:
        try:
            data = self.sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            raise Gone
        if self._tls is None:
            self.plain += data
            self._unread += data
        else:
            self._incoming.write(data)
            if self._shaken:
                self._decrypt(self._tls)

    # TLS

    def start_tls(self, context: ssl.SSLContext | str) -> None:
        """Be a TLS server from here on; what the client has sent already is its first message."""
        if isinstance(context, str):
            assert self.certificates is not None, "no certificates were given to rogue()"
            context = self.certificates.context(context)
        del self.plain[len(self.plain) - len(self._unread) :]
        self._incoming.write(bytes(self._unread))
        self._unread.clear()
        self._tls = tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        until = time.monotonic() + PATIENCE
        while not self._shaken:
            try:
                tls.do_handshake()
                self._shaken = True
            except ssl.SSLWantReadError:
                self.write_bare(self._outgoing.read())
                while not self._incoming.pending:
                    assert time.monotonic() < until, "the TLS handshake of the client did not come"
                    self._wait(_SLICE)
            except ssl.SSLError as error:
                raise self._refusal(error) from error
        self.write_bare(self._outgoing.read())
        self._decrypt(tls)

    def _decrypt(self, tls: ssl.SSLObject) -> None:
        try:
            while data := tls.read(1 << 16):
                self.tls += data
                self._unread += data
        except ssl.SSLWantReadError:
            return
        except ssl.SSLZeroReturnError as error:
            raise Gone from error
        except ssl.SSLError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: ssl.SSLError) -> Gone:
        self.refused = error.reason or str(error)
        with contextlib.suppress(Gone):
            self.write_bare(self._outgoing.read())
        return Gone(self.refused)


# Steps


class Step:
    """Something that the rogue does."""

    def play(self, visit: Visit) -> None:
        """Do it."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r:.40}' for name, value in vars(self).items())})"


class Raw(Step):
    """Send bytes as they are, in one piece."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def play(self, visit: Visit) -> None:
        visit.write(self.data)


class Bare(Raw):
    """Send bytes outside of TLS, in the middle of it."""

    def play(self, visit: Visit) -> None:
        visit.write_bare(self.data)


class Send(Raw):
    """Send payloads as packets, numbered from `sequence`, in one piece."""

    def __init__(self, *payloads: bytes, sequence: int = 1) -> None:
        super().__init__(packets(sequence, *payloads))


class Compute(Step):
    """Send bytes that depend on what was heard; the function may also do other things to the visit."""

    def __init__(self, function: Callable[[Visit], bytes]) -> None:
        self.function = function

    def play(self, visit: Visit) -> None:
        visit.write(self.function(visit))


class Generate(Step):
    """Send what a generator makes, which need not end."""

    def __init__(self, make: Callable[[], Iterable[bytes]]) -> None:
        self.make = make

    def play(self, visit: Visit) -> None:
        for data in self.make():
            visit.write(data)


class Drip(Step):
    """Send one byte at a time."""

    def __init__(self, data: bytes, pause: float = 0.1) -> None:
        self.data = data
        self.pause = pause

    def play(self, visit: Visit) -> None:
        for index in range(len(self.data)):
            visit.write(self.data[index : index + 1])
            visit.rest(self.pause)


class Expect(Step):
    """Wait for a payload of the client, which must begin like this; `framed`: it comes in a compressed frame."""

    def __init__(self, start: bytes = b"", *, framed: bool = False) -> None:
        self.start = start
        self.framed = framed

    def play(self, visit: Visit) -> None:
        heard = visit.frame()[4:] if self.framed else visit.packet()
        assert heard.startswith(self.start), f"the client sends {heard[:60]!r}, the script foresees {self.start!r}"


class Perhaps(Step):
    """Steps during which the client may hang up: it is right either to go on or to give up at once."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps

    def play(self, visit: Visit) -> None:
        for step in self.steps:
            visit.play(step)


class Repeat(Step):
    """Steps again and again: so many times, or for ever."""

    def __init__(self, *steps: Step, times: int | None = None) -> None:
        self.steps = steps
        self.times = times

    def play(self, visit: Visit) -> None:
        done = 0
        while self.times is None or done < self.times:
            for step in self.steps:
                visit.play(step)
            done += 1


class Sleep(Step):
    """Say nothing for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def play(self, visit: Visit) -> None:
        visit.rest(self.seconds)


class StopReading(Step):
    """Read nothing any more; what the client sends fills the buffers of the system."""

    def play(self, visit: Visit) -> None:
        visit.reading = False


class HalfClose(Step):
    """End our direction of the stream, and go on listening."""

    def play(self, visit: Visit) -> None:
        visit.sock.shutdown(socket.SHUT_WR)


class Close(Step):
    """Hang up."""

    def play(self, visit: Visit) -> None:
        visit.sock.close()
        visit.ended = True
        raise Gone


class Reset(Step):
    """Hang up so that the client's next system call fails."""

    def play(self, visit: Visit) -> None:
        visit.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        Close().play(visit)


class StartTLS(Step):
    """Become a TLS server, with this context or (by name) that of one of `certificates()`."""

    def __init__(self, context: ssl.SSLContext | str = "good") -> None:
        self.context = context

    def play(self, visit: Visit) -> None:
        visit.start_tls(self.context)


def frame(contents: bytes, sequence: int = 1, *, size: int = 0, length: int | None = None) -> bytes:
    """A frame of the compressed protocol that announces `size` bytes when decompressed, and `length` as they come."""
    return uint(len(contents) if length is None else length, 3) + uint(sequence, 1) + uint(size, 3) + contents


# The server


class Rogue:
    """Made by `rogue()`.

    Attributes:
        connect_args: keywords for `mariadb_py.connect()`.
        visits: the connections so far.
    """

    def __init__(self) -> None:
        self.connect_args: dict[str, Any] = {}
        self.visits: list[Visit] = []
        self.over = False

    def wait(self) -> None:
        """Wait until the script of the last visit is played."""
        until = time.monotonic() + PATIENCE
        while not (self.visits and self.visits[-1].ended):
            assert time.monotonic() < until, "the script does not come to its end"
            time.sleep(0.001)


@contextlib.contextmanager
def rogue(*scripts: Script, path: str | None = None, certificates: Certificates | None = None) -> Iterator[Rogue]:
    """A rogue server on a unix socket at `path`, else on TCP.

    Args:
        scripts: one for each connection in turn; the last one is for all that follow, too.
        path: of the unix socket.
        certificates: those that `StartTLS` names.

    Raises:
        AssertionError: at the end, if a client sent something else than a script foresees.
    """
    made = Rogue()
    lock = threading.Lock()

    def conversation(caller: Caller) -> None:
        visit = Visit(caller.sock, certificates, lambda: made.over)
        with lock:
            made.visits.append(visit)
            script = scripts[min(len(made.visits), len(scripts)) - 1]
        visit.perform(script)

    with listening(conversation, path) as listener:
        made.connect_args = listener.connect_args
        try:
            yield made
        finally:
            made.over = True
