"""The rogue server itself: its log holds what a client gives away, and when; certificates are what they say."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from tests.hostile.table import GREETING, LOGIN, PASSWORD, Case
from tests.support.rogue import (
    Compute,
    Drip,
    Expect,
    Generate,
    HalfClose,
    Perhaps,
    Raw,
    Repeat,
    Reset,
    Send,
    Sleep,
    StartTLS,
    StopReading,
    rogue,
)
from tests.support.scripts import ok, packets

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.support.certificates import Certificates
    from tests.support.rogue import Rogue

pytestmark = pytest.mark.usefixtures("hard_limit", "leaves_nothing")


def _dial(server: Rogue) -> socket.socket:
    return socket.create_connection((server.connect_args["host"], server.connect_args["port"]), 5)


def test_what_was_heard_and_when() -> None:
    with rogue([Expect(b"one"), Send(b"1"), Expect(b"two")]) as server:
        with _dial(server) as client:
            client.sendall(packets(0, b"one"))
            assert client.recv(99) == packets(1, b"1")
            client.sendall(packets(0, b"two") + b"rest")
            server.wait()
        (visit,) = server.visits
    assert visit.heard == visit.plain == packets(0, b"one") + packets(0, b"two") + b"rest"
    assert visit.heard_before(Send) == packets(0, b"one")
    assert visit.heard_before(Expect) == visit.tls == b""
    assert (visit.reached, visit.cut) == (3, False)


def test_a_script_is_given_up_with_its_client() -> None:
    with rogue([Send(b"1"), Expect(b"one")]) as server:
        with _dial(server) as client:
            assert client.recv(99) == packets(1, b"1")
        server.wait()
    assert (server.visits[0].reached, server.visits[0].cut) == (2, True)


def test_what_no_script_foresees_is_an_error() -> None:
    foreseen = pytest.raises(AssertionError, match="the client sends b'two', the script foresees b'one'")
    with foreseen, rogue([Expect(b"one")]) as server, _dial(server) as client:
        client.sendall(packets(0, b"two"))
        server.wait()


def test_the_steps_that_send() -> None:
    steps = (
        Drip(b"ab", 0.001),
        Repeat(Raw(b"c"), Perhaps(Raw(b"d")), times=2),
        Generate(lambda: [b"e", b"f"]),
        Sleep(0.001),
        Compute(lambda visit: visit.exactly(3)[::-1]),
        HalfClose(),
    )
    with rogue(steps) as server, _dial(server) as client:
        client.sendall(b"xyz")
        found = b""
        while chunk := client.recv(99):
            found += chunk
    assert found == b"abcdcdefzyx"


def test_a_reset_and_a_server_that_reads_no_more() -> None:
    with rogue([Reset()], [StopReading()]) as server:
        with pytest.raises(ConnectionResetError), _dial(server) as client:
            server.wait()
            client.recv(1)
        with _dial(server) as client:
            client.settimeout(0.2)
            with pytest.raises(socket.timeout):
                client.sendall(bytes(32 << 20))


def test_a_password_that_is_given_away_would_be_heard(tmp_path: Path) -> None:
    """The check of the cases can fail; by the way, the server on a unix socket."""
    case = Case("the user's name is the secret", (*LOGIN,), unheard=(b"the name",))
    with rogue(case.script, path=str(tmp_path / "socket")) as server:
        mariadb_py.connect(password=PASSWORD, **{**server.connect_args, "user": "the name"}).close()
    assert case.unheard[0] in server.visits[0].heard
    assert PASSWORD.encode() not in server.visits[0].heard


# TLS, seen by the client of the standard library


def _shake_hands(server: Rogue, context: ssl.SSLContext) -> Any:
    with _dial(server) as client:
        assert client.recv(999) == packets(0, GREETING)
        client.sendall(packets(1, b"request"))
        with context.wrap_socket(client, server_hostname="127.0.0.1") as encrypted:
            encrypted.sendall(packets(2, b"secret"))
            return encrypted.recv(99)


TLS = (Send(GREETING, sequence=0), Expect(b"request"), StartTLS("good"), Expect(b"secret"), Send(ok(), sequence=3))


def test_what_is_heard_inside_of_tls(certificates: Certificates) -> None:
    with rogue(TLS, certificates=certificates) as server:
        context = ssl.create_default_context(cafile=certificates.ca)
        assert _shake_hands(server, context) == packets(3, ok())
        (visit,) = server.visits
    assert bytes(visit.plain) == visit.heard_before(StartTLS) == packets(1, b"request")
    assert bytes(visit.tls) == packets(2, b"secret")
    assert (visit.refused, visit.cut) == ("", False)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("expired", "certificate has expired"),
        ("not yet", "certificate is not yet valid"),
        ("wrong name", "IP address mismatch"),
        ("self-signed", "self.signed certificate"),
        ("other ca", "unable to get local issuer certificate"),
    ],
)
def test_a_bad_certificate(name: str, reason: str, certificates: Certificates) -> None:
    script = (*TLS[:2], StartTLS(certificates.context(name)), *TLS[3:])
    with rogue(script) as server:
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            _shake_hands(server, ssl.create_default_context(cafile=certificates.ca))
        server.wait()
        (visit,) = server.visits
    assert (bytes(visit.plain), bytes(visit.tls), visit.cut) == (packets(1, b"request"), b"", True)
    assert visit.refused


def test_a_certificate_of_another_authority_is_good_there(certificates: Certificates) -> None:
    script = (*TLS[:2], StartTLS("other ca"), *TLS[3:])
    with rogue(script, certificates=certificates) as server:
        assert _shake_hands(server, ssl.create_default_context(cafile=certificates.other_ca)) == packets(3, ok())


def test_fingerprints_and_certificates_of_clients(certificates: Certificates) -> None:
    context = certificates.context("good")
    context.load_verify_locations(certificates.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    script = (*TLS[:2], StartTLS(context), *TLS[3:])
    with rogue(script) as server:
        client = ssl.create_default_context(cafile=certificates.ca)
        client.load_cert_chain(certificates.chain("client"))
        assert _shake_hands(server, client) == packets(3, ok())
    assert len({certificates.fingerprint(name) for name in ("good", "expired", "self-signed", "client")}) == 4
