"""TLS that is not what the user demands: refused, and nothing but the request for TLS was heard in plain text."""

from __future__ import annotations

import ssl
from hashlib import sha1, sha256
from typing import TYPE_CHECKING

from mariadb_protocol.constants import Capability
from mariadb_py import LostConnectionError, OperationalError
from tests.hostile.cases_login import DENIED
from tests.hostile.table import ASKED, CAPABILITIES, PASSWORD, QUERY, Case
from tests.support.rogue import Bare, Close, Compute, Drip, Expect, HalfClose, Raw, Reset, Send, Sleep, StartTLS
from tests.support.scripts import CHALLENGE, column, err, greeting, lenenc, ok, packets, row, switch, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_py import Error
    from tests.support.certificates import Certificates
    from tests.support.rogue import Step, Visit

    Keywords = Callable[[Certificates], dict[str, Any]]

GREETING = greeting(capabilities=CAPABILITIES | Capability.SSL)
ASKS = (Send(GREETING, sequence=0), Expect())  # and hears the request for TLS
SECRETS = (PASSWORD.encode(), sha1(PASSWORD.encode()).digest(), sha256(PASSWORD.encode()).digest())


def _encrypted(certificate: str | ssl.SSLContext = "good", *, answer: bytes | None = None) -> tuple[Step, ...]:
    """Log in by TLS, and answer the statement that sets the session up."""
    accepts = Send(ok() if answer is None else answer, sequence=3)
    return (*ASKS, StartTLS(certificate), Expect(), accepts, Expect(b"\x03SET "), Send(ok(status=0)))


# What users demand


def by_ca(certificates: Certificates) -> dict[str, Any]:
    """A certificate of this authority."""
    return {"ssl_ca": certificates.ca}


def by_fingerprint(certificates: Certificates) -> dict[str, Any]:
    """This very certificate."""
    return {"tls_peer_fp": certificates.fingerprint("good").hex()}


def by_proof(certificates: Certificates) -> dict[str, Any]:
    """A certificate that nobody knows, and the proof of MariaDB 11.4."""
    return {"ssl": True, "ssl_verify_cert": True}


def by_nothing(certificates: Certificates) -> dict[str, Any]:
    """Only encryption."""
    return {"ssl": True, "ssl_verify_cert": False}


def _refused(
    name: str,
    *steps: Step,
    match: str,
    tls: Keywords = by_ca,
    raises: type[Error] = OperationalError,
    sealed: bool = True,
    twice: bool = False,
    **options: Any,
) -> Case:
    """A connection that does not come to be."""
    # Where no authority is named, the client looks first whether one of the system's knows the certificate.
    further = (steps,) if twice else ()
    return Case(
        *(name, steps, match, (), raises),
        options=options,
        further=further,
        tls=tls,
        sealed=sealed,
        cut=True,
        unheard=SECRETS,
    )


PLAIN = greeting(capabilities=CAPABILITIES)
NO_TLS = "TLS is demanded, and the server does not offer it; nothing was sent"
DOWNGRADES = (
    *(
        Case(f"no TLS for a client that demands {what}", (Send(PLAIN, sequence=0),), NO_TLS, tls=tls, silent=True)
        for what, tls in (
            ("an authority", by_ca),
            ("a fingerprint", by_fingerprint),
            ("a proof", by_proof),
            ("encryption", by_nothing),
            ("a version", lambda _: {"tls_version": "TLSv1.3"}),
            ("its own certificate", lambda certificates: {"ssl_cert": certificates.chain("client")}),
        )
    ),
    Case(
        "an OK behind a greeting that offers TLS",
        (Raw(packets(0, GREETING) + packets(1, ok())),),
        "11 bytes arrived behind the greeting",
        tls=by_ca,
        silent=True,
    ),
    _refused("an OK in the place of the handshake", *ASKS, Send(ok(), sequence=2), match="^TLS: the handshake failed"),
    _refused(
        "an error in the place of the handshake", *ASKS, Send(DENIED, sequence=2), match="^TLS: the handshake fail"
    ),
    _refused("junk in the place of the handshake", *ASKS, Raw(b"junk" * 99), match="^TLS: the handshake failed"),
    _refused(
        "a TLS alert in the place of the handshake", *ASKS, Raw(b"\x15\3\3\0\2\2\x28"), match="^TLS: the handshake "
    ),
    _refused(
        "a TLS record of 64 KiB", *ASKS, Raw(b"\x16\3\3\xff\xff" + bytes(65535)), match="^TLS: the handshake failed"
    ),
    _refused("the end of the stream in the place of the handshake", *ASKS, HalfClose(), match="TLS|Lost connection"),
    _refused(
        "a reset in the place of the handshake", *ASKS, Reset(), match="Lost connection", raises=LostConnectionError
    ),
    _refused(
        "silence in the place of the handshake",
        *(*ASKS, Sleep(1)),
        match=r"Lost connection .*connect_timeout of 0\.2 s passed",
        connect_timeout=0.2,
    ),
    _refused(
        "a handshake of a byte per 100 ms",
        *(*ASKS, Drip(b"\x16\3\3\0\x7a" + bytes(122))),
        match=r"Lost connection .*connect_timeout of 0\.3 s passed|^TLS: the handshake failed",
        connect_timeout=0.3,
    ),
)

CERTIFICATES = (
    _refused("an expired certificate", *ASKS, StartTLS("expired"), match="certificate is refused: certificate has exp"),
    _refused("a certificate of tomorrow", *ASKS, StartTLS("not yet"), match="refused: certificate is not yet valid"),
    _refused("a certificate of somebody else", *ASKS, StartTLS("wrong name"), match="refused: IP address mismatch"),
    _refused("a self-signed certificate", *ASKS, StartTLS("self-signed"), match="refused: self.signed certificate"),
    _refused("a certificate of another authority", *ASKS, StartTLS("other ca"), match="unable to get local issuer"),
    _refused(
        "another certificate than that of the fingerprint",
        *(*ASKS, StartTLS("self-signed")),
        match="the fingerprint of the server's certificate is not one of tls_peer_fp: [0-9A-F]{64}",
        tls=by_fingerprint,
    ),
    _refused(
        "an old version of TLS",
        *(*ASKS, StartTLS("good, TLS 1.2")),
        match="^TLS: the handshake failed",
        tls=lambda certificates: {**by_ca(certificates), "tls_version": "TLSv1.3"},
    ),
    Case("a good certificate", _encrypted(), raises=None, ready=True, tls=by_ca, heard=(b"DO 0",)),
    Case("the certificate of the fingerprint", _encrypted(), raises=None, ready=True, tls=by_fingerprint),
    Case("any certificate will do", _encrypted("self-signed"), raises=None, ready=True, tls=by_nothing),
)


def _proof(visit: Visit, certificate: str) -> bytes:
    """What a server says that has the hash of the password, over this certificate."""
    assert visit.certificates is not None
    stored = sha1(sha1(PASSWORD.encode()).digest()).digest()
    proof = sha256(stored + CHALLENGE + visit.certificates.fingerprint(certificate)).hexdigest().upper()
    return packets(3, ok(tail=text(b"\1" + proof.encode())))


OWN = (*ASKS, StartTLS("self-signed"), Expect())
IN_THE_MIDDLE = "the server's proof that it knows the password is wrong: somebody may be in the middle"
PROOFS = (
    Case(
        "a proof of the password",
        (*ASKS, StartTLS("self-signed")),
        raises=None,
        further=((*OWN, Compute(lambda visit: _proof(visit, "self-signed")), *_encrypted()[-2:]),),
        cut=True,
        ready=True,
        tls=by_proof,
        unheard=SECRETS,
    ),
    _refused(
        "the proof of another certificate",
        *(*OWN, Compute(lambda visit: _proof(visit, "good"))),
        match=IN_THE_MIDDLE,
        tls=by_proof,
        sealed=False,
        twice=True,
    ),
    _refused(
        "a proof of 1 byte",
        *OWN,
        Send(ok(tail=text(b"\1A")), sequence=3),
        match=IN_THE_MIDDLE,
        tls=by_proof,
        sealed=False,
        twice=True,
    ),
    _refused(
        "no proof",
        *(*OWN, Send(ok(), sequence=3)),
        match="the server's certificate is not verified, and the server does not prove that it knows the password",
        tls=by_proof,
        sealed=False,
        twice=True,
    ),
    _refused(
        "no proof, as there is no password",
        *(*OWN, Send(ok(), sequence=3)),
        match="password",
        tls=lambda _: {**by_proof(_), "password": ""},
        sealed=False,
        twice=True,
    ),
    _refused(
        "a plugin that proves nothing",
        *(*OWN, Send(switch(b"caching_sha2_password", CHALLENGE), sequence=3), Expect(), Send(ok(), sequence=5)),
        match="caching_sha2_password was not used: .*cannot prove by this plugin",
        tls=by_proof,
        sealed=False,
        twice=True,
    ),
    _refused(
        "an expired certificate and a proof", *ASKS, StartTLS("expired"), match="expired", tls=by_proof, twice=True
    ),
)


def _wants(name: str, plugin: bytes, *more: bytes, tls: Keywords, match: str, **options: Any) -> Case:
    """A plugin that would show the password to whoever the server is."""
    steps: list[Step] = [*ASKS, StartTLS("self-signed"), Expect(), Send(switch(plugin, CHALLENGE), sequence=3)]
    for number, answer in enumerate(more):
        steps += [Expect(), Send(answer, sequence=5 + 2 * number)]
    return Case(name, steps, match, options=options, tls=tls, unheard=SECRETS)


OPEN = {"auth_plugins": ["mysql_native_password", "mysql_clear_password", "dialog"]}
ONLY_VERIFIED = (
    "was not used: the password would travel as it is, which is done only over a unix socket; over TLS that is"
)
PASSWORDS = (
    *(
        _wants(f"{plugin} by unverified TLS", plugin.encode(), DENIED, tls=by_nothing, match=ONLY_VERIFIED, **OPEN)
        for plugin in ("mysql_clear_password", "dialog")
    ),
    _wants(
        "sha256_password by unverified TLS", b"sha256_password", tls=by_nothing, match="has to send the password, whi"
    ),
    _wants(
        "the password of caching_sha2_password by unverified TLS",
        *(b"caching_sha2_password", b"\1\4"),
        tls=by_nothing,
        match="caching_sha2_password has to send the password, which is done only",
    ),
    _wants(
        "a public key by unverified TLS",
        *(b"caching_sha2_password", b"\1\4"),
        tls=by_nothing,
        match="caching_sha2_password has to send the password, which is done only",
        allow_public_key_retrieval=True,
    ),
    Case(
        "mysql_clear_password by verified TLS",
        (
            *(*ASKS, StartTLS("good"), Expect(), Send(switch(b"mysql_clear_password", b""), sequence=3)),
            *(Expect(PASSWORD.encode() + b"\0"), Send(ok(), sequence=5), Expect(b"\x03SET "), Send(ok(status=0))),
        ),
        raises=None,
        ready=True,
        options=OPEN,
        tls=by_ca,
        unheard=(),
        heard=(PASSWORD.encode(),),
    ),
)

READ_ROWS = (*_encrypted(), ASKED, Send(lenenc(1), column(), row(b"x")))
SLOW = {"read_timeout": 0.2}


def _later(name: str, *steps: Step, match: str, raises: type[Error] = OperationalError) -> Case:
    """What happens in the middle of an encrypted session."""
    return Case(name, (*READ_ROWS, *steps), match, QUERY, raises, options=SLOW, tls=by_ca)


SESSIONS = (
    _later("plain bytes in the middle of TLS", Bare(b"junk" * 9), match="TLS|Lost connection"),
    _later("a plain packet in the middle of TLS", Bare(packets(4, ok())), match="TLS|Lost connection"),
    _later("a record of TLS that nobody encrypted", Bare(b"\x17\3\3\0\x20" + bytes(32)), match="TLS|Lost connection"),
    _later("the end of the stream in the middle of TLS", Close(), match="Lost connection", raises=LostConnectionError),
    _later("half of a record of TLS", Bare(b"\x17\3\3\0\x20"), HalfClose(), match="Lost", raises=LostConnectionError),
    _later("silence in the middle of TLS", match=r"read_timeout of 0\.2 s", raises=LostConnectionError),
    Case(
        "an error inside of TLS",
        (*_encrypted(), ASKED, Send(err(1142, b"SELECT command denied"))),
        "^SELECT command denied$",
        QUERY,
        errno=1142,
        ready=True,
        tls=by_ca,
    ),
)

CASES = (*DOWNGRADES, *CERTIFICATES, *PROOFS, *PASSWORDS, *SESSIONS)
