"""Contexts made from the options of TLS: what they demand, which files they want, and when they are made anew."""

from __future__ import annotations

import os
import ssl

import pytest

pytest.importorskip("cryptography")


from mariadb_py.core.options import ConnectOptions
from mariadb_py.core.security import plan
from mariadb_py.exceptions import OperationalError
from mariadb_py.io import tls as module
from mariadb_py.io.tls import KEPT, TLS, Upgrade, context_for
from tests.support.certificates import Certificates, certificates
from tests.support.peer import Peer, shake_hands
from tests.support.revocation import Revoking, encrypted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from mariadb_py.core.security import Plan

FILES = ("ssl_ca", "ssl_capath", "ssl_cert", "ssl_key", "ssl_crl", "ssl_crlpath")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def revoking(tmp_path_factory: pytest.TempPathFactory) -> Revoking:
    return Revoking(tmp_path_factory.mktemp("revoking"))


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_contexts", {})
    monkeypatch.setattr(module, "_sessions", {})


def plan_of(local: bool = False, **keywords: Any) -> Plan:
    tls = ConnectOptions.from_keywords({"ssl": True, **keywords}).tls
    assert tls is not None
    return plan(tls, local)


def refused(**keywords: Any) -> str:
    """Why no context can be made."""
    with pytest.raises(OperationalError) as caught:
        context_for(plan_of(**keywords))
    assert caught.value.errno == 2026
    return str(caught.value)


def shaken(server: ssl.SSLContext, **keywords: Any) -> tuple[TLS, Peer]:
    tls, peer = Upgrade(plan_of(**keywords), "s", "localhost").begin(), Peer(server)
    shake_hands(tls, peer)
    return tls, peer


def server_of(chain: str, ca: str | None = None) -> ssl.SSLContext:
    """A server's context; with `ca` it wants a certificate of the client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    if ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ca)
    return context


# What a context demands


@pytest.mark.parametrize(
    ("keywords", "local", "mode", "names"),
    [
        ({}, False, ssl.CERT_NONE, False),
        ({"ssl_verify_cert": False}, False, ssl.CERT_NONE, False),
        ({"ssl_verify_cert": True}, False, ssl.CERT_REQUIRED, True),
        ({"ssl_verify_cert": True}, True, ssl.CERT_NONE, False),
        ({"ssl_ca": None}, False, ssl.CERT_NONE, False),
        ({"tls_fp": "0" * 64}, False, ssl.CERT_NONE, False),
    ],
)
def test_verification(keywords: dict[str, Any], local: bool, mode: ssl.VerifyMode, names: bool) -> None:
    context = context_for(plan_of(local, **keywords))
    assert (context.verify_mode, context.check_hostname) == (mode, names)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_COMPRESSION


def test_verification_by_an_authority(files: Certificates) -> None:
    remote, local = (context_for(plan_of(local, ssl_ca=files.ca)) for local in (False, True))
    assert (remote.verify_mode, remote.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (local.verify_mode, local.check_hostname) == (ssl.CERT_REQUIRED, False)
    # Those of the system do not count beside it.
    assert len(remote.get_ca_certs()) == 1


@pytest.mark.parametrize(
    ("given", "least", "greatest", "version"),
    [
        (None, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MAXIMUM_SUPPORTED, "TLSv1.3"),
        ("TLSv1.2", ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        ("TLSv1.3", ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
        ("TLSv1.2,TLSv1.3", ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
        ("TLSv1.1..TLSv1.2", ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
    ],
)
def test_versions(
    files: Certificates, given: str | None, least: ssl.TLSVersion, greatest: ssl.TLSVersion, version: str
) -> None:
    context = context_for(plan_of(tls_version=given))
    assert (context.minimum_version, context.maximum_version) == (least, greatest)
    assert shaken(files.context("good"), tls_version=given)[0].version == version


def test_a_server_that_lacks_the_version(files: Certificates) -> None:
    with pytest.raises(OperationalError, match=r"^TLS: the handshake failed: TLSV1_ALERT_PROTOCOL_VERSION$"):
        shaken(files.context("good, TLS 1.2"), tls_version="TLSv1.3")


def test_ciphers(files: Certificates) -> None:
    for cipher in ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"):
        tls, _ = shaken(files.context("good"), ssl_cipher=cipher, tls_version="TLSv1.2")
        assert (tls.cipher, tls.version) == (cipher, "TLSv1.2")
    with pytest.raises(OperationalError, match=r"^TLS: the handshake failed: "):
        shaken(files.context("good"), ssl_cipher="ECDHE-RSA-AES256-GCM-SHA384", tls_version="TLSv1.2")
    assert refused(ssl_cipher="nonsense") == "TLS: ssl_cipher 'nonsense' cannot be used: No cipher can be selected."


def test_a_folder_of_authorities(revoking: Revoking) -> None:
    shaken(server_of(revoking.kept), ssl_capath=revoking.cas)
    with pytest.raises(OperationalError, match="unable to get local issuer certificate"):
        shaken(server_of(revoking.kept), ssl_capath=revoking.crls)


# Revoked certificates


def test_a_list_of_revoked_certificates(revoking: Revoking) -> None:
    for lists in ({"ssl_crl": revoking.crl}, {"ssl_crlpath": revoking.crls}):
        shaken(server_of(revoking.kept), ssl_ca=revoking.ca, **lists)
        with pytest.raises(OperationalError) as caught:
            shaken(server_of(revoking.revoked), ssl_ca=revoking.ca, **lists)
        assert str(caught.value) == "TLS: the server's certificate is refused: certificate revoked"
        assert (type(caught.value), caught.value.errno) == (OperationalError, 2026)
    shaken(server_of(revoking.revoked), ssl_ca=revoking.ca)
    shaken(server_of(revoking.revoked), ssl_ca=revoking.ca, ssl_crl=revoking.empty)


def test_a_list_of_another_authority_says_nothing_and_lets_nobody_in(revoking: Revoking, files: Certificates) -> None:
    for lists in ({"ssl_crl": revoking.crl}, {"ssl_crlpath": revoking.crls}, {"ssl_crl": files.other_ca}):
        with pytest.raises(OperationalError, match=r"is refused: unable to get certificate CRL$") as caught:
            shaken(files.context("good"), ssl_ca=files.ca, **lists)
        assert type(caught.value) is OperationalError


# What the client presents


def test_a_certificate_of_the_client(files: Certificates, tmp_path: Path) -> None:
    server, chain = server_of(files.chain("good"), files.ca), files.chain("client")
    for given in ({"ssl_cert": chain}, {"ssl_key": chain}, {"ssl_cert": chain, "ssl_key": chain}):
        tls, peer = shaken(server, ssl_ca=files.ca, **given)
        assert dict(item for (item,) in peer.tls.getpeercert()["subject"])["commonName"] == "client"  # type: ignore
        assert peer.heard(tls.encrypt(b"x")) == b"x"
    peer = Peer(server)
    tls = Upgrade(plan_of(ssl_ca=files.ca), "s", "localhost").begin()
    shake_hands(tls, peer)
    assert peer.refused == "PEER_DID_NOT_RETURN_A_CERTIFICATE"


@pytest.fixture
def locked(files: Certificates, tmp_path: Path) -> str:
    """A file with the client's key, encrypted."""
    path = tmp_path / "locked.pem"
    path.write_bytes(encrypted(files.chain("client"), b"open ses\xc3\xa4me"))
    return str(path)


def test_a_key_that_is_encrypted(files: Certificates, locked: str) -> None:
    given = {"ssl_cert": files.chain("client"), "ssl_key": locked, "ssl_ca": files.ca}
    _, peer = shaken(server_of(files.chain("good"), files.ca), **given, ssl_passphrase="open sesäme")
    assert not peer.refused


def test_nobody_is_asked_for_a_passphrase(files: Certificates, locked: str) -> None:
    given = {"ssl_cert": files.chain("client"), "ssl_key": locked}
    assert refused(**given) == f"TLS: the key in {locked!r} is encrypted, and there is no ssl_passphrase"
    assert refused(ssl_cert=locked).startswith("TLS: ")
    # A key that is not encrypted needs none, and does not mind one.
    context_for(plan_of(ssl_cert=files.chain("client"), ssl_passphrase="hush"))


@pytest.mark.parametrize("passphrase", ["hush", "hush" * 500])
def test_a_wrong_passphrase_is_not_shown(files: Certificates, locked: str, passphrase: str) -> None:
    chain = files.chain("client")
    why = refused(ssl_cert=chain, ssl_key=locked, ssl_passphrase=passphrase)
    assert why.startswith(f"TLS: the certificate in {chain!r} with its key cannot be used: ")
    assert "hush" not in why


def test_the_key_of_another_certificate(files: Certificates) -> None:
    why = refused(ssl_cert=files.chain("client"), ssl_key=files.chain("good"))
    assert why == (
        f"TLS: the certificate in {files.chain('client')!r} with its key cannot be used: KEY_VALUES_MISMATCH"
    )


# Files that are of no use


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / "nothing")
    assert refused(**{name: path}) == f"TLS: {path!r} cannot be read: No such file or directory"


@pytest.mark.parametrize("name", sorted({*FILES} - {"ssl_capath", "ssl_crlpath"}))
@pytest.mark.parametrize(
    "contents", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_that_has_something_else(files: Certificates, tmp_path: Path, name: str, contents: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(contents)
    why = refused(**{"ssl_cert": files.chain("client") if name == "ssl_key" else None, name: str(path)})
    shown = files.chain("client") if name == "ssl_key" else str(path)
    assert repr(shown) in why
    assert " cannot be used: " in why


@pytest.mark.parametrize("name", ["ssl_ca", "ssl_cert", "ssl_crl"])
def test_a_folder_instead_of_a_file(tmp_path: Path, name: str) -> None:
    assert refused(**{name: str(tmp_path)}).startswith("TLS: ")
    assert repr(str(tmp_path)) in refused(**{name: str(tmp_path)})


# Kept contexts


def test_a_context_is_made_once(files: Certificates) -> None:
    for keywords in ({}, {"ssl_ca": files.ca}, {"ssl_verify_cert": True}, {"ssl_cert": files.chain("client")}):
        context = context_for(plan_of(**keywords))
        assert context_for(plan_of(**keywords)) is context
    assert len(module._contexts) == 4
    # The host name and what is to be proven are no matter of the context's options alone.
    assert context_for(plan_of(True, ssl_ca=files.ca)) is not context_for(plan_of(ssl_ca=files.ca))
    strict = plan_of(ssl_verify_cert=True)
    assert strict.otherwise is not None
    assert context_for(strict.otherwise) is not context_for(strict)
    assert context_for(strict.otherwise).verify_mode == ssl.CERT_NONE


def test_other_options_make_another_context() -> None:
    some: tuple[dict[str, Any], ...] = (
        *({}, {"tls_version": "TLSv1.2"}, {"tls_version": "TLSv1.3"}, {"ssl_verify_cert": False}),
        *({"ssl_verify_cert": True}, {"ssl_cipher": "AES256"}, {"ssl_passphrase": "p"}, {"tls_fp": "0" * 64}),
    )
    assert len({id(context_for(plan_of(**keywords))) for keywords in some}) == len(some)


@pytest.mark.parametrize("name", ["ssl_ca", "ssl_cert", "ssl_crl"])
def test_a_file_that_is_replaced_makes_another_context(
    files: Certificates, revoking: Revoking, tmp_path: Path, name: str
) -> None:
    contents = {"ssl_ca": files.ca, "ssl_cert": files.chain("client"), "ssl_crl": revoking.crl}[name]
    path = tmp_path / "file"
    replace(path, contents)
    before = context_for(plan_of(**{name: str(path)}))
    assert context_for(plan_of(**{name: str(path)})) is before
    replace(path, contents)
    after = context_for(plan_of(**{name: str(path)}))
    assert after is not before
    path.write_bytes(path.read_bytes() + b"\n")  # another size
    assert context_for(plan_of(**{name: str(path)})) is not after


def test_an_authority_that_is_replaced_is_trusted_no_longer(files: Certificates, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    replace(path, files.ca)
    shaken(files.context("good"), ssl_ca=str(path))
    replace(path, files.other_ca)
    with pytest.raises(OperationalError, match="unable to get local issuer certificate"):
        shaken(files.context("good"), ssl_ca=str(path))
    path.unlink()
    with pytest.raises(OperationalError, match=r"cannot be read: No such file or directory$"):
        context_for(plan_of(ssl_ca=str(path)))


def test_a_folder_that_changes_makes_another_context(tmp_path: Path) -> None:
    for name in ("ssl_capath", "ssl_crlpath"):
        before = context_for(plan_of(**{name: str(tmp_path)}))
        (tmp_path / name).touch()
        os.utime(tmp_path, ns=(1, os.stat(tmp_path).st_mtime_ns + 1))
        assert context_for(plan_of(**{name: str(tmp_path)})) is not before


def replace(path: Path, contents: str) -> None:
    """Put a copy of a file in the place of another, as whoever renews certificates does."""
    with open(contents, "rb") as file:
        new = path.with_suffix(".new")
        new.write_bytes(file.read())
    os.utime(new, ns=(1, os.stat(path).st_mtime_ns + 1 if path.exists() else 1))
    os.replace(new, path)


def test_not_all_contexts_are_kept() -> None:
    first = context_for(plan_of(tls_fp=f"{0:064}"))
    for number in range(1, KEPT + 1):
        context_for(plan_of(tls_fp=f"{number:064}"))
    assert len(module._contexts) == KEPT
    assert context_for(plan_of(tls_fp=f"{0:064}")) is not first
