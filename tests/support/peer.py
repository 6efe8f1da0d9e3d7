"""The server's side of a TLS connection in memory, and handshakes with it."""

from __future__ import annotations

import contextlib
import ssl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mariadb_py.io.tls import TLS


class Peer:
    """A server that speaks TLS, and nothing inside of it.

    Attributes:
        tls: its end.
        refused: why it gave up the handshake, as OpenSSL words it; "" if it did not.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.refused = ""
        self._shaken = False

    def hear(self, data: bytes) -> bytes:
        """What it answers during the handshake."""
        if data:
            self._incoming.write(data)
        if not self._shaken and not self.refused:
            try:
                self.tls.do_handshake()
                self._shaken = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                self.refused = error.reason
        return self._outgoing.read()

    def say(self, data: bytes) -> bytes:
        """`data`, encrypted."""
        view = memoryview(data)
        while view:
            view = view[self.tls.write(view) :]
        return self._outgoing.read()

    def close(self) -> bytes:
        """The message that it will say nothing more."""
        with contextlib.suppress(ssl.SSLWantReadError):  # the other side has not said the same
            self.tls.unwrap()
        return self._outgoing.read()

    def heard(self, data: bytes) -> bytes:
        """What is in encrypted bytes."""
        self._incoming.write(data)
        parts = []
        while True:
            try:
                parts.append(self.tls.read(1 << 20))
            except ssl.SSLWantReadError:
                return b"".join(parts)


def shake_hands(tls: TLS, peer: Peer, piece: int = 1 << 20) -> bytes:
    """Shake hands; the bytes that the server sent beyond it.

    Args:
        piece: bytes that arrive together.
    """
    pending = b""
    received = None
    try:
        while not tls.handshake(received):
            pending += peer.hear(tls.output())
            assert pending, "both sides wait"
            received, pending = pending[:piece], pending[piece:]
    finally:
        pending += peer.hear(tls.output())
    return pending
