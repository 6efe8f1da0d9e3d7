"""TLS in memory: handshakes, streams, ends, sessions and what is found out; contexts are in test_tls_contexts."""

from __future__ import annotations

import os
import ssl
from hashlib import new, sha256

import pytest

pytest.importorskip("cryptography")

from hypothesis import given, settings
from hypothesis import strategies as st

from mariadb_protocol import Verified
from mariadb_protocol.events import StartTLS
from mariadb_py.core.options import ConnectOptions
from mariadb_py.core.security import ALGORITHMS, plan
from mariadb_py.exceptions import OperationalError, UntrustedCertificateError
from mariadb_py.io import tls as module
from mariadb_py.io.tls import KEPT, TLS, Upgrade, _remember, tls_error
from tests.support.certificates import Certificates, certificates
from tests.support.peer import Peer, shake_hands

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

VERSIONS = ("good", "good, TLS 1.2")
SIZES = (0, 1, 16384, 16385, 5_000_000)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_contexts", {})
    monkeypatch.setattr(module, "_sessions", {})


def upgrade(hostname: str | None = "localhost", server: str = "localhost:1", **keywords: Any) -> Upgrade:
    """The switch to TLS under these options of connect(), by the first plan."""
    tls = ConnectOptions.from_keywords({"ssl": True, **keywords}).tls
    assert tls is not None
    return Upgrade(plan(tls, hostname is None), server, hostname)


def pair(context: ssl.SSLContext, **keywords: Any) -> tuple[TLS, Peer]:
    """Both ends after a handshake with a server of this context, and the session tickets behind it."""
    tls, peer = upgrade(**keywords).begin(), Peer(context)
    tickets = shake_hands(tls, peer)
    if tickets:
        assert tls.decrypt(tickets) == b""
    return tls, peer


def checked(switch: Upgrade, peer: Peer) -> StartTLS:
    """What a handshake finds out."""
    event = StartTLS(b"")
    tls = switch.begin()
    shake_hands(tls, peer)
    switch.check(tls, event)
    return event


# The handshake


@pytest.mark.parametrize("server", VERSIONS)
@pytest.mark.parametrize("piece", [1, 2, 7, 100, 1000, 1 << 20])
def test_a_handshake_in_pieces(files: Certificates, server: str, piece: int) -> None:
    tls, peer = upgrade(ssl_ca=files.ca).begin(), Peer(files.context(server))
    assert (tls.version, tls.cipher, tls.resumed) == (None, None, False)
    rest = shake_hands(tls, peer, piece)
    assert (tls.version, tls.resumed, tls.ended) == ("TLSv1.2" if "1.2" in server else "TLSv1.3", False, False)
    assert peer.tls.cipher() is not None
    assert tls.cipher == peer.tls.cipher()[0]  # type: ignore[index]
    assert peer.heard(tls.encrypt(b"question")) == b"question"
    assert tls.decrypt(rest + peer.say(b"answer")) == b"answer"


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 3000), min_size=1), st.sampled_from(VERSIONS))
def test_a_handshake_in_any_pieces(files: Certificates, sizes: list[int], server: str) -> None:
    tls, peer = upgrade(ssl_ca=files.ca).begin(), Peer(files.context(server))
    pending, received, count = b"", None, 0
    while not tls.handshake(received):
        pending += peer.hear(tls.output())
        size = sizes[count % len(sizes)]
        received, pending, count = pending[:size], pending[size:], count + 1
    assert peer.hear(tls.output()) + pending or tls.version == "TLSv1.2"
    assert peer.heard(tls.encrypt(b"question")) == b"question"


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(100), b"\xff" * 100, b"\x15\x03\x01\0\2\2\x28"]
)
def test_a_peer_that_does_not_speak_tls(garbage: bytes) -> None:
    tls = upgrade().begin()
    assert not tls.handshake(None)
    tls.output()
    with pytest.raises(OperationalError, match=r"^TLS: the handshake failed: \w+$") as caught:
        tls.handshake(garbage)
    assert (type(caught.value), caught.value.errno) == (OperationalError, 2026)


@settings(deadline=None)
@given(st.binary(min_size=1), st.integers(0, 2000))
def test_whatever_comes_in_a_handshake_is_waited_for_or_an_error(files: Certificates, data: bytes, at: int) -> None:
    tls, peer = upgrade(ssl_ca=files.ca).begin(), Peer(files.context("good"))
    tls.handshake(None)
    answer = peer.hear(tls.output())
    at %= len(answer)
    try:
        tls.handshake(answer[:at] + data + answer[at + len(data) :])
    except OperationalError as error:
        assert error.errno == 2026


@pytest.mark.parametrize("heard", [0, 1, 100, -1])
def test_the_stream_ends_in_the_handshake(files: Certificates, heard: int) -> None:
    tls, peer = upgrade().begin(), Peer(files.context("good"))
    tls.handshake(None)
    answer = peer.hear(tls.output())
    if heard:
        assert not tls.handshake(answer[:heard])
    with pytest.raises(OperationalError, match=r"^TLS: the handshake failed: ") as caught:
        tls.handshake(b"")
    assert caught.value.errno == 2026


# What the certificate must be


@pytest.mark.parametrize(
    ("server", "keywords", "hostname", "kind", "reason"),
    [
        ("self-signed", {}, "localhost", UntrustedCertificateError, "self-signed certificate"),
        ("other ca", {}, "localhost", UntrustedCertificateError, "unable to get local issuer certificate"),
        ("good", {"ssl_ca": "other_ca"}, "localhost", UntrustedCertificateError, "unable to get local issuer"),
        ("good", {"ssl_ca": None, "ssl_verify_cert": True}, "localhost", UntrustedCertificateError, "unable to get"),
        ("self-signed", {}, None, UntrustedCertificateError, "self-signed certificate"),
        ("expired", {}, "localhost", OperationalError, "certificate has expired"),
        ("expired", {}, None, OperationalError, "certificate has expired"),
        ("not yet", {}, "localhost", OperationalError, "certificate is not yet valid"),
        ("wrong name", {}, "localhost", OperationalError, "Hostname mismatch"),
        ("wrong name", {}, "127.0.0.1", OperationalError, "IP address mismatch"),
        ("good", {}, "localhost.example", OperationalError, "Hostname mismatch"),
        ("good", {}, "127.0.0.2", OperationalError, "IP address mismatch"),
        ("client", {}, "localhost", OperationalError, "Hostname mismatch"),
    ],
)  # fmt: skip
def test_a_certificate_that_is_refused(
    files: Certificates, server: str, keywords: dict[str, Any], hostname: str | None, kind: type, reason: str
) -> None:
    given = {"ssl_ca": "ca", **keywords}
    given["ssl_ca"] = getattr(files, given["ssl_ca"]) if given["ssl_ca"] else None
    peer = Peer(files.context(server))
    with pytest.raises(OperationalError) as caught:
        shake_hands(upgrade(hostname, **given).begin(), peer)
    assert (type(caught.value), caught.value.errno) == (kind, 2026)
    assert (
        str(caught.value)
        .replace("self signed", "self-signed")
        .startswith(f"TLS: the server's certificate is refused: {reason}")
    )
    assert "ALERT" in peer.refused  # it is told why


@pytest.mark.parametrize(
    ("server", "hostname", "ca", "verified"),
    [
        ("good", "localhost", True, Verified.CHAIN),
        ("good", "LOCALHOST", True, Verified.CHAIN),
        ("good", "127.0.0.1", True, Verified.CHAIN),
        ("good", None, True, Verified.CHAIN),
        ("wrong name", None, True, Verified.CHAIN),  # a unix socket has no name
        ("good", "localhost", False, Verified.NO),
        ("self-signed", "localhost", False, Verified.NO),
        ("expired", "elsewhere", False, Verified.NO),
    ],
)
def test_a_certificate_that_is_accepted(
    files: Certificates, server: str, hostname: str | None, ca: bool, verified: str
) -> None:
    event = checked(upgrade(hostname, ssl_ca=files.ca if ca else None), Peer(files.context(server)))
    assert event.verified == verified
    assert sha256(event.certificate).digest() == files.fingerprint(server)


@pytest.mark.parametrize("name", ["", ".a", "a..b", "a" * 64, "a." * 200 + "b"])
def test_a_host_name_that_cannot_be_one(name: str) -> None:
    with pytest.raises(OperationalError, match=r"^TLS: ") as caught:
        upgrade(name).begin()
    assert caught.value.errno == 2026


def test_a_context_that_checks_host_names_where_there_is_none(files: Certificates) -> None:
    context = ssl.create_default_context(cafile=files.ca)
    with pytest.raises(OperationalError, match=r"^TLS: the context checks host names, and a unix socket has none$"):
        upgrade(None, ssl=context).begin()
    assert checked(upgrade(ssl=context), Peer(files.context("good"))).verified == Verified.CHAIN


def test_the_error() -> None:
    error = tls_error("why")
    assert (str(error), error.errno, error.sqlstate) == ("TLS: why", 2026, "HY000")


# Fingerprints


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS.values()))
def test_a_fingerprint_decides(files: Certificates, algorithm: str) -> None:
    good = checked(upgrade(ssl_verify_cert=False), Peer(files.context("good"))).certificate
    digits = new(algorithm, good).hexdigest()
    wrong = "0" * len(digits)
    for right in (digits, ":".join(digits[at : at + 2] for at in range(0, len(digits), 2)), [wrong, digits]):
        # No authority knows the certificate, and the host has another name: the fingerprint alone counts.
        assert checked(upgrade("elsewhere", tls_peer_fp=right), Peer(files.context("good"))).verified == (
            Verified.FINGERPRINT
        )
    with pytest.raises(OperationalError) as caught:
        checked(upgrade(tls_peer_fp=wrong, ssl_ca=files.ca), Peer(files.context("good")))
    shown = sha256(good).hexdigest().upper()
    assert str(caught.value) == f"TLS: the fingerprint of the server's certificate is not one of tls_peer_fp: {shown}"
    assert caught.value.errno == 2026


def test_a_fingerprint_beside_a_context(files: Certificates) -> None:
    context = ssl.create_default_context(cafile=files.ca)
    right = files.fingerprint("good").hex()
    assert checked(upgrade(ssl=context, tls_fp=right), Peer(files.context("good"))).verified == Verified.FINGERPRINT
    with pytest.raises(OperationalError, match="fingerprint"):
        checked(upgrade(ssl=context, tls_fp="0" * 64), Peer(files.context("good")))
    # Both count: the context goes on to verify.
    expired = files.fingerprint("expired").hex()
    with pytest.raises(OperationalError, match="has expired"):
        checked(upgrade(ssl=context, tls_fp=expired), Peer(files.context("expired")))


def test_a_file_of_fingerprints(files: Certificates, tmp_path: Path) -> None:
    right, path = files.fingerprint("good").hex(), tmp_path / "list"
    for text in (right, f"{'0' * 64}\r\n\r\n{right}\r\n", f" {right} ,{'0' * 96}\n"):
        path.write_text(text)
        found = checked(upgrade(tls_peer_fp_list=str(path)), Peer(files.context("good")))
        assert found.verified == Verified.FINGERPRINT
    path.write_text("0" * 64)
    both = upgrade(tls_peer_fp_list=str(path), tls_peer_fp=right)
    assert checked(both, Peer(files.context("good"))).verified == Verified.FINGERPRINT
    for text in ("0" * 64, "", "\n"):
        path.write_text(text)
        with pytest.raises(OperationalError, match="is not one of tls_peer_fp"):
            checked(upgrade(tls_peer_fp_list=str(path)), Peer(files.context("good")))


@pytest.mark.parametrize("text", [b"x", b"0" * 40, b"# comment\n" + b"0" * 64, b"\xff\xfe", b"\0", b"0" * 63])
def test_a_file_that_has_no_fingerprints(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "list"
    path.write_bytes(text)
    with pytest.raises(OperationalError, match=rf"^TLS: tls_peer_fp_list '{path}': is ") as caught:
        upgrade(tls_peer_fp_list=str(path))
    assert caught.value.errno == 2026


def test_a_file_of_fingerprints_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(OperationalError, match=rf"^TLS: tls_peer_fp_list.*{path}") as caught:
            upgrade(tls_peer_fp_list=str(path))
        assert caught.value.errno == 2026


# A certificate that only the password vouches for


@pytest.mark.parametrize("server", ["good", "self-signed", "not yet", "wrong name"])
def test_a_certificate_to_be_proven(files: Certificates, server: str) -> None:
    assert proven(files, server).verified == Verified.NO


def test_a_certificate_to_be_proven_that_has_expired(files: Certificates) -> None:
    with pytest.raises(OperationalError, match=r"^TLS: the server's certificate has expired \([-0-9]+ [:0-9]+ UTC\)$"):
        proven(files, "expired")
    # Where the proof is only taken if there is one, the connection is unverified anyhow.
    assert checked(upgrade(), Peer(files.context("expired"))).verified == Verified.NO


def proven(files: Certificates, server: str) -> StartTLS:
    """What is found out by the second plan of ssl_verify_cert=True, after the authorities have been of no help."""
    tls = ConnectOptions.from_keywords({"ssl_verify_cert": True}).tls
    assert tls is not None
    otherwise = plan(tls, False).otherwise
    assert otherwise is not None
    return checked(Upgrade(otherwise, "localhost:1", "localhost"), Peer(files.context(server)))


# Streams


@pytest.mark.parametrize("server", VERSIONS)
@pytest.mark.parametrize("size", SIZES)
def test_bytes_pass_in_both_directions(files: Certificates, server: str, size: int) -> None:
    tls, peer = pair(files.context(server))
    data = os.urandom(size)
    sent = tls.encrypt(data)
    assert len(sent) >= size
    assert bool(sent) == bool(size)
    assert (peer.heard(sent) if sent else b"") == data
    assert tls.decrypt(peer.say(data)) == data if size else tls.output() == b""
    assert peer.heard(tls.encrypt(memoryview(b"12345")[1:3])) == b"23"


@pytest.mark.parametrize("server", VERSIONS)
@pytest.mark.parametrize("piece", [1, 1000, 16384])
def test_bytes_that_come_in_pieces(files: Certificates, server: str, piece: int) -> None:
    tls, peer = pair(files.context(server))
    data = os.urandom(40_000)
    sent = peer.say(data[:20_000]) + peer.say(data[20_000:])
    parts = [tls.decrypt(sent[at : at + piece]) for at in range(0, len(sent), piece)]
    assert b"".join(parts) == data
    assert parts[0] == b""  # no part of a record is given out before it is known to be whole
    assert not tls.ended


@pytest.mark.parametrize("server", VERSIONS)
def test_the_other_side_says_that_it_ends(files: Certificates, server: str) -> None:
    tls, peer = pair(files.context(server))
    assert tls.decrypt(peer.say(b"last words") + peer.close()) == b"last words"
    assert tls.ended
    assert tls.decrypt(b"") == b""


@pytest.mark.parametrize("server", VERSIONS)
def test_nothing_but_the_end(files: Certificates, server: str) -> None:
    tls, peer = pair(files.context(server))
    assert tls.decrypt(peer.close()) == b""
    assert tls.ended


@pytest.mark.parametrize("server", VERSIONS)
@pytest.mark.parametrize("cut", [0, 1, 5, 20, -1])
def test_the_stream_is_cut_off(files: Certificates, server: str, cut: int) -> None:
    tls, peer = pair(files.context(server))
    whole, half = peer.say(b"whole"), peer.say(b"half")[:cut]
    assert tls.decrypt(whole + half) == b"whole"
    assert not tls.ended
    assert tls.decrypt(b"") == b""
    assert tls.ended


@pytest.mark.parametrize("server", VERSIONS)
def test_bytes_that_somebody_has_changed(files: Certificates, server: str) -> None:
    tls, peer = pair(files.context(server))
    record = bytearray(peer.say(b"true"))
    record[-1] ^= 1
    with pytest.raises(ConnectionResetError, match=r"^TLS: [A-Z_]+$"):  # an OSError: the connection is lost
        tls.decrypt(bytes(record))


@pytest.mark.parametrize("server", VERSIONS)
def test_plain_bytes_inside_of_tls(files: Certificates, server: str) -> None:
    tls, _ = pair(files.context(server))
    with pytest.raises(ConnectionResetError, match=r"^TLS: [A-Z_]+$"):
        tls.decrypt(b"\x07\0\0\2\0\0\0\2\0\0\0")


# Sessions


@pytest.mark.parametrize("server", VERSIONS)
@pytest.mark.parametrize("keywords", [{"ssl_verify_cert": False}, {"ssl_ca": "ca"}, {"tls_fp": "fingerprint"}])
def test_a_session_is_resumed(files: Certificates, server: str, keywords: dict[str, Any]) -> None:
    given = {"ca": files.ca, "fingerprint": files.fingerprint("good").hex(), False: False}
    keywords = {name: given[value] for name, value in keywords.items()}
    context = files.context(server)
    tls, _ = pair(context, **keywords)
    assert not tls.resumed
    upgrade(**keywords).keep(tls)
    again, peer = pair(context, **keywords)
    assert again.resumed
    assert peer.tls.session_reused
    assert peer.heard(again.encrypt(b"question")) == b"question"
    # What was found out the first time is known the second time.
    event = StartTLS(b"")
    upgrade(**keywords).check(again, event)
    assert sha256(event.certificate).digest() == files.fingerprint("good")
    assert event.verified == {"ssl_ca": Verified.CHAIN, "tls_fp": Verified.FINGERPRINT}.get(min(keywords), Verified.NO)


@pytest.mark.parametrize(
    "other",
    [{"server": "localhost:2"}, {"hostname": "127.0.0.1"}, {"ssl_verify_cert": True}, {"tls_version": "TLSv1.3"}],
)
def test_a_session_is_not_resumed_with_another_server_or_other_options(
    files: Certificates, other: dict[str, Any]
) -> None:
    context = files.context("good")
    tls, _ = pair(context, ssl_ca=files.ca)
    upgrade(ssl_ca=files.ca).keep(tls)
    assert not pair(context, **{"ssl_ca": files.ca, **other})[0].resumed
    assert pair(context, ssl_ca=files.ca)[0].resumed


def test_a_server_that_has_forgotten_the_session(files: Certificates) -> None:
    tls, _ = pair(files.context("good"), ssl_ca=files.ca)
    upgrade(ssl_ca=files.ca).keep(tls)
    assert not pair(files.context("good"), ssl_ca=files.ca)[0].resumed
    with pytest.raises(UntrustedCertificateError):
        pair(files.context("other ca"), ssl_ca=files.ca)


def test_nothing_is_kept_where_there_is_no_session(files: Certificates) -> None:
    switch = upgrade()
    switch.keep(switch.begin())
    assert module._sessions == {}


def test_a_session_of_another_context_is_no_hindrance(files: Certificates) -> None:
    tls, _ = pair(files.context("good"))
    switch = upgrade(ssl_ca=files.ca)
    module._sessions[switch._key] = tls.session  # type: ignore[assignment]
    again, peer = switch.begin(), Peer(files.context("good"))
    shake_hands(again, peer)
    assert not again.resumed


# What is remembered


def test_the_oldest_is_forgotten() -> None:
    kept: dict[int, str] = {}
    for number in range(KEPT):
        _remember(kept, number, "x")
    _remember(kept, 0, "y")
    _remember(kept, KEPT, "z")
    assert list(kept) == [*range(2, KEPT), 0, KEPT]
    assert kept[0] == "y"


class Shared(dict):  # type: ignore[type-arg]
    """A dict in which another thread is always quicker."""

    def __delitem__(self, key: object) -> None:
        super().__delitem__(key)
        super().__delitem__(key)


def test_another_thread_forgets_at_the_same_time() -> None:
    kept = Shared(dict.fromkeys(range(KEPT)))
    _remember(kept, "new", "x")
    assert list(kept) == [*range(1, KEPT), "new"]
