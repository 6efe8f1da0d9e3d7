"""TLS over two memory buffers, for whichever driver moves the bytes; its contexts and sessions are kept.

Loaded only when a connection is to be encrypted: `ssl` is not cheap. Knows no socket.
Source: Python documentation, `ssl`; RFC 8446.
"""

from __future__ import annotations

import os
import ssl
import time

from mariadb_protocol import Proof, Verified

from ..core.certificate import Certificate, fingerprint
from ..core.security import ALGORITHMS, read_fingerprints
from ..exceptions import CR_SSL_CONNECTION_ERROR, OperationalError, UntrustedCertificateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from mariadb_protocol.events import StartTLS

    from ..core.security import Plan, TLSOptions

    K = TypeVar("K")
    V = TypeVar("V")

RECORD = 16384  # bytes that a TLS record holds
KEPT = 64  # contexts and sessions that are remembered
MAX_LIST = 1 << 20  # bytes of a file of fingerprints
# OpenSSL's reasons to refuse a certificate that is of no authority it knows.
_UNTRUSTED = (18, 19, 20, 21)

_contexts: dict[object, ssl.SSLContext] = {}
_sessions: dict[object, ssl.SSLSession] = {}


def tls_error(reason: object) -> OperationalError:
    """The exception for TLS that cannot be had as it is demanded."""
    return OperationalError(f"TLS: {reason}", errno=CR_SSL_CONNECTION_ERROR)


class Upgrade:
    """The switch of one connection to TLS.

    Args:
        plan: what the user asks for, and how the server is verified.
        server: what sessions with the server are remembered by.
        hostname: name or address of the server; None if it has none.

    Raises:
        OperationalError: errno 2026, what the options name cannot be used.
    """

    __slots__ = ("_context", "_fingerprints", "_hostname", "_key", "_plan")

    def __init__(self, plan: Plan, server: str, hostname: str | None) -> None:
        options = plan.tls
        self._plan = plan
        self._context = options.context if options.context is not None else context_for(plan)
        self._fingerprints = _fingerprints(options) if plan.fingerprint else ()
        self._hostname = hostname
        context = self._context
        # A ready context may have become stricter; a session that began before then would not be verified.
        strictness = context.verify_mode, context.check_hostname, context.verify_flags
        self._key = (id(context), strictness, server, hostname)

    def begin(self) -> TLS:
        """A TLS connection that is about to shake hands, in the session of an earlier one if there is one.

        Raises:
            OperationalError: errno 2026, the host name cannot be one.
        """
        session = _sessions.get(self._key)
        try:
            return TLS(self._context, self._hostname, session)
        # The session is of a context that had the same id; or the name has odd characters, or too many.
        except (ValueError, ssl.SSLError) as error:
            if session is None:
                raise tls_error(error) from error
        return TLS(self._context, self._hostname, None)

    def check(self, tls: TLS, event: StartTLS) -> None:
        """Enter into `event` what the handshake has found out about the server.

        Raises:
            OperationalError: errno 2026, it is not the one that is meant.
        """
        event.certificate = certificate = tls.certificate()
        if self._plan.fingerprint:
            if not any(fingerprint(certificate, ALGORITHMS[len(one)]) == one for one in self._fingerprints):
                shown = fingerprint(certificate)
                raise tls_error(f"the fingerprint of the server's certificate is not one of tls_peer_fp: {shown}")
            event.verified = Verified.FINGERPRINT
        elif self._context.verify_mode == ssl.CERT_REQUIRED:
            event.verified = Verified.CHAIN
        elif self._plan.proof == Proof.REQUIRED:
            _check_expiry(certificate)

    def keep(self, tls: TLS) -> None:
        """Remember the session of a login that succeeded, for the next one."""
        if tls.session is not None:
            _remember(_sessions, self._key, tls.session)


def _check_expiry(certificate: bytes) -> None:
    """A certificate that no authority vouches for, but the password, must not be out of date either.

    It may be too new by our clock: a server makes it when it starts.
    """
    from datetime import datetime, timezone

    found = Certificate(certificate)
    now = datetime.fromtimestamp(time.time(), timezone.utc).replace(tzinfo=None)
    if now > found.not_after:
        raise tls_error(f"the server's certificate has expired ({found.not_after} UTC)")


class TLS:
    """One TLS connection as two streams of bytes: encrypted ones to and from the network, plain ones to the driver.

    Args:
        context: how to shake hands.
        hostname: for the server, and for what the certificate must be valid if the context looks at it.
        session: an earlier session with the same server, or None.

    Attributes:
        ended: the other side has closed its direction.
    """

    __slots__ = ("_incoming", "_outgoing", "_tls", "ended")

    def __init__(self, context: ssl.SSLContext, hostname: str | None, session: ssl.SSLSession | None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        if hostname is None and context.check_hostname:
            raise tls_error("the context checks host names, and a unix socket has none")
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname, session=session)
        self.ended = False

    def handshake(self, received: bytes | None) -> bool:
        """One step of the handshake; `output()` is to be sent after it, also where it fails.

        Args:
            received: what has come from the network; None for the first step, b"" at the end of the stream.

        Returns:
            True when it is done.

        Raises:
            UntrustedCertificateError: the certificate is valid, but of no authority that is trusted.
            OperationalError: errno 2026, the handshake failed.
        """
        self._feed(received)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLCertVerificationError as error:
            kind = UntrustedCertificateError if error.verify_code in _UNTRUSTED else OperationalError
            message = f"TLS: the server's certificate is refused: {error.verify_message}"
            raise kind(message, errno=CR_SSL_CONNECTION_ERROR) from error
        except ssl.SSLError as error:
            raise tls_error(f"the handshake failed: {error.reason or error}") from error
        return True

    def _feed(self, received: bytes | None) -> None:
        if received:
            self._incoming.write(received)
        elif received is not None:
            self._incoming.write_eof()

    def encrypt(self, data: bytes | memoryview) -> bytes:
        """What to send for `data`, with what TLS itself has to say before it."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest) :]
        return self.output()

    def output(self) -> bytes:
        """What TLS itself wants to be sent."""
        return self._outgoing.read()

    def decrypt(self, received: bytes) -> bytes:
        """The plain bytes in what came from the network; perhaps none, as TLS has messages of its own.

        Args:
            received: as it came; b"" at the end of the stream.
        """
        self._feed(received)
        parts = []
        while not self.ended:
            try:
                part = self._tls.read(RECORD)
            except ssl.SSLWantReadError:
                break
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                part = b""
            except ssl.SSLError as error:
                raise ConnectionResetError(f"TLS: {error.reason or error}") from error
            self.ended = not part
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def certificate(self) -> bytes:
        """The server's certificate in DER."""
        return self._tls.getpeercert(True) or b""

    @property
    def session(self) -> ssl.SSLSession | None:
        """The session, to be used for another connection; the server may have sent it only with its first answer."""
        return self._tls.session

    @property
    def version(self) -> str | None:
        """Such as "TLSv1.3"."""
        return self._tls.version()

    @property
    def cipher(self) -> str | None:
        """OpenSSL's name of the cipher suite."""
        cipher = self._tls.cipher()
        return cipher[0] if cipher is not None else None

    @property
    def resumed(self) -> bool:
        """The handshake was a short one, in an earlier session."""
        return bool(self._tls.session_reused)


# Contexts


def context_for(plan: Plan) -> ssl.SSLContext:
    """A context made from options, or the one that was made from the same options and files earlier.

    Raises:
        OperationalError: errno 2026, a file cannot be read, or does not contain what it should.
    """
    options = plan.tls
    paths = (options.ca, options.capath, options.cert, options.key, options.crl, options.crlpath)
    key = (options, plan.chain, plan.hostname, tuple(map(_stamp, paths)))
    context = _contexts.get(key)
    if context is None:
        context = _make_context(options, plan)
        _remember(_contexts, key, context)
    return context


def _stamp(path: str | None) -> object:
    """What changes when somebody renews a file."""
    if path is None:
        return None
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise tls_error(f"{path!r} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return status.st_mtime_ns, status.st_size, status.st_ino


def _make_context(options: TLSOptions, plan: Plan) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = plan.hostname
    context.verify_mode = ssl.CERT_REQUIRED if plan.chain else ssl.CERT_NONE
    versions = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
    least, greatest = options.version or ("TLSv1.2", "")
    context.minimum_version = versions[least]
    if greatest:
        context.maximum_version = versions[greatest]
    if options.cipher:
        _attempt(lambda: context.set_ciphers(options.cipher or ""), f"ssl_cipher {options.cipher!r}")
    if plan.chain:
        _trust(context, options)
    if options.cert or options.key:
        _present(context, options)
    return context


def _trust(context: ssl.SSLContext, options: TLSOptions) -> None:
    if options.ca or options.capath:
        given = " and ".join(repr(path) for path in (options.ca, options.capath) if path)
        _attempt(lambda: context.load_verify_locations(options.ca, options.capath), f"the CA in {given}")
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if options.crl or options.crlpath:
        given = " and ".join(repr(path) for path in (options.crl, options.crlpath) if path)
        _attempt(lambda: context.load_verify_locations(options.crl, options.crlpath), f"the CRL in {given}")
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _present(context: ssl.SSLContext, options: TLSOptions) -> None:
    """The certificate that the server gets to see."""

    def passphrase() -> str:
        # Without this function OpenSSL would ask at the terminal.
        if options.passphrase is None:
            raise tls_error(f"the key in {key!r} is encrypted, and there is no ssl_passphrase")
        return options.passphrase

    cert, key = options.cert or options.key or "", options.key
    _attempt(lambda: context.load_cert_chain(cert, key, passphrase), f"the certificate in {cert!r} with its key")


def _attempt(load: Callable[[], None], what: str) -> None:
    try:
        load()
    except OperationalError:
        raise
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        # Where OpenSSL has no reason, SSLError shows itself as a tuple.
        said = error.args[0] if len(error.args) == 1 else error
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or said
        raise tls_error(f"{what} cannot be used: {reason}") from error


def _fingerprints(options: TLSOptions) -> tuple[str, ...]:
    if options.fingerprint_list is None:
        return options.fingerprints
    try:
        with open(options.fingerprint_list, encoding="ascii", errors="replace") as file:
            text = file.read(MAX_LIST)
    except (OSError, ValueError) as error:
        raise tls_error(f"tls_peer_fp_list: {error}") from error
    try:
        return options.fingerprints + read_fingerprints(text)
    except ValueError as error:
        raise tls_error(f"tls_peer_fp_list {options.fingerprint_list!r}: {error}") from None


def _remember(kept: dict[K, V], key: K, value: V) -> None:
    """Add to a dict of bounded size; the one that is in it for the longest time leaves."""
    kept.pop(key, None)
    while len(kept) >= KEPT:
        try:
            del kept[next(iter(kept))]
        except (KeyError, StopIteration, RuntimeError):  # another thread does the same
            continue
    kept[key] = value
