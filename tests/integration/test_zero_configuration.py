"""Zero-configuration TLS of MariaDB 11.4: a server whose certificate nobody vouches for proves to know the password.

Somebody in the middle has a certificate of his own, and passes on what he decrypts: his log shows what he got to see.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("cryptography")

import mariadb_py
from mariadb_py.exceptions import OperationalError
from tests.support.proxy import SERVER, MiddleMan, Rule, proxied
from tests.support.running import ask, works
from tests.support.scripts import switch
from tests.support.tls import connect_quietly, proves, server_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from typing import Any

    from mariadb_py.testing import TempServer
    from tests.support.certificates import Certificates
    from tests.support.proxy import Edit, Flow, Proxy

pytestmark = pytest.mark.mariadb("MySQL has no such proof")

PASSWORD = "proof of the pudding"
# Account -> how it is identified, the plugin that lets it in, and the packets in which it logs in.
ACCOUNTS = {
    "native": ("VIA mysql_native_password USING PASSWORD('{}')", "mysql_native_password", 1),
    "ed25519": ("VIA ed25519 USING PASSWORD('{}')", "client_ed25519", 2),
    "parsec": ("VIA parsec USING PASSWORD('{}')", "parsec", 3),
    "several": ("VIA ed25519 USING PASSWORD('other') OR parsec USING PASSWORD('{}')", "parsec", 4),
}
DEMANDS: dict[str, dict[str, Any]] = {"strict": {"ssl_verify_cert": True}, "not given": {"ssl": True}}
IN_THE_MIDDLE = "the server's proof that it knows the password is wrong: somebody may be in the middle"
NO_PROOF = "the server's certificate is not verified, and the server does not prove that it knows the password"


@pytest.fixture(scope="module")
def zero(plugin_server: TempServer) -> Iterator[TempServer]:
    """A server that has made its certificate itself, with the accounts."""
    if not proves(plugin_server):
        pytest.skip("zero-configuration TLS came with MariaDB 11.4")
    with mariadb_py.connect(**plugin_server.connect_args, autocommit=True) as admin:
        for plugin in ("auth_ed25519", "auth_parsec"):
            ask(admin, f"INSTALL SONAME '{plugin}'")
        for name, (identified, _, _) in ACCOUNTS.items():
            ask(admin, f"CREATE USER zero_{name} IDENTIFIED {identified.format(PASSWORD)}")
        ask(admin, "CREATE USER zero_nothing")
        yield plugin_server
        for name in (*ACCOUNTS, "nothing"):
            ask(admin, f"DROP USER zero_{name}")
        for plugin in ("auth_ed25519", "auth_parsec"):
            ask(admin, f"UNINSTALL SONAME '{plugin}'")


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    with server_certificates() as made:
        yield made


def account(server: TempServer | Proxy, name: str, password: str = PASSWORD) -> dict[str, Any]:
    """Keywords for `connect()`."""
    place = {key: server.connect_args[key] for key in ("host", "port")}
    return {**place, "user": f"zero_{name}", "password": password}


def in_the_middle(
    server: TempServer, certificates: Certificates, edit: tuple[int, Edit] | None = None, shown: str = "self-signed"
) -> AbstractContextManager[Proxy]:
    """A man in the middle, who may edit one of the server's packets of each connection."""
    middle = MiddleMan(certificates.context(shown), ssl._create_unverified_context())
    return proxied(server, None if edit is None else Rule(SERVER, *edit, each=True), middle=middle)


@pytest.mark.parametrize("name", ACCOUNTS)
@pytest.mark.parametrize("demand", DEMANDS)
def test_the_server_proves_that_it_knows_the_password(zero: TempServer, name: str, demand: str) -> None:
    connection, warned = connect_quietly(**account(zero, name), **DEMANDS[demand])
    with connection:
        assert connection.security == (
            f"encrypted by TLSv1.3 ({connection.tls_cipher}), server verified by proof of the password; "
            f"authentication by {ACCOUNTS[name][1]}"
        )
        assert works(connection)
    assert warned == []


def test_without_a_password_there_is_no_proof(zero: TempServer) -> None:
    with pytest.raises(OperationalError, match="without a password the server cannot prove who it is|" + NO_PROOF):
        mariadb_py.connect(**account(zero, "nothing", ""), ssl_verify_cert=True)
    connection, warned = connect_quietly(**account(zero, "nothing", ""), ssl=True)
    with connection:
        assert "server not verified" in connection.security
    assert len(warned) == 1


@pytest.mark.parametrize("name", ["native", "ed25519", "parsec"])
@pytest.mark.parametrize("demand", DEMANDS)
def test_a_wrong_password(zero: TempServer, name: str, demand: str) -> None:
    with pytest.raises(OperationalError) as caught:
        mariadb_py.connect(**account(zero, name, "wrong"), **DEMANDS[demand])
    assert caught.value.errno == 1045
    assert (caught.value.sqlstate, "Access denied" in str(caught.value)) == ("28000", True)


@pytest.mark.parametrize("name", ACCOUNTS)
@pytest.mark.parametrize("demand", DEMANDS)
def test_another_certificate(zero: TempServer, certificates: Certificates, name: str, demand: str) -> None:
    with in_the_middle(zero, certificates) as proxy:
        with pytest.raises(OperationalError, match=f"^{IN_THE_MIDDLE}$") as caught:
            mariadb_py.connect(**account(proxy, name), **DEMANDS[demand])
        proxy.stop()
    assert caught.value.errno == 2026
    # The login, and not a word more.
    assert len(proxy.encrypted) == ACCOUNTS[name][2]
    assert f"zero_{name}\0".encode() in proxy.encrypted[0]
    assert PASSWORD.encode() not in b"".join(proxy.encrypted + proxy.plain)


def without_proof(flow: Flow, packet: bytes) -> None:
    """The OK that lets the client in, as a server says it that knows of no proof."""
    edited = re.sub(rb"\x41\x01[0-9A-F]{64}", b"\0", packet)
    assert len(edited) == len(packet) - 65
    flow.put((len(edited) - flow.header).to_bytes(3, "little") + edited[3:])


def test_a_man_in_the_middle_who_takes_the_proof_out(zero: TempServer, certificates: Certificates) -> None:
    with in_the_middle(zero, certificates, (1, without_proof)) as proxy:
        with pytest.raises(OperationalError, match=f"^{NO_PROOF}$") as caught:
            mariadb_py.connect(**account(proxy, "native"), ssl_verify_cert=True)
        proxy.stop()
    assert caught.value.errno == 2026
    assert len(proxy.encrypted) == 1


def test_the_warning_says_that_there_was_no_proof(zero: TempServer, certificates: Certificates) -> None:
    """Nothing else tells a man in the middle from a server before 11.4."""
    with in_the_middle(zero, certificates, (1, without_proof)) as proxy:
        connection, warned = connect_quietly(**account(proxy, "native"), ssl=True)
        with connection:
            assert "server not verified" in connection.security
            assert works(connection)
    assert ["its certificate was not verified" in text for text in warned] == [True]


def asks_for(plugin: str) -> Edit:
    """Another plugin, in the place of the OK."""

    def edit(flow: Flow, packet: bytes) -> None:
        payload = switch(plugin.encode(), b"a" * 20 + b"\0")
        flow.put(len(payload).to_bytes(3, "little") + packet[3 : flow.header] + payload)

    return edit


@pytest.mark.parametrize("plugin", ["caching_sha2_password", "sha256_password", "dialog", "mysql_clear_password"])
def test_a_man_in_the_middle_asks_for_another_plugin(zero: TempServer, certificates: Certificates, plugin: str) -> None:
    """Those show him the password, or prove nothing of him."""
    options: dict[str, Any] = {"ssl_verify_cert": True}
    if plugin == "mysql_clear_password":
        options["auth_plugins"] = ["mysql_native_password", plugin]
    with in_the_middle(zero, certificates, (1, asks_for(plugin))) as proxy:
        with pytest.raises(OperationalError, match="packets out of order"):  # the server has let the client in long ago
            mariadb_py.connect(**account(proxy, "native"), **options)
        proxy.stop()
    # The empty packet says that the plugin is not there.
    assert proxy.encrypted[1:] == [b""]
    assert PASSWORD.encode() not in proxy.encrypted[0]


@pytest.mark.parametrize("plugin", ["dialog", "mysql_clear_password"])
def test_no_password_is_shown_where_no_demand_is_given(
    zero: TempServer, certificates: Certificates, plugin: str
) -> None:
    options: dict[str, Any] = {"ssl": True, "auth_plugins": ["mysql_native_password", plugin]}
    with in_the_middle(zero, certificates, (1, asks_for(plugin))) as proxy:
        with pytest.raises(OperationalError, match="packets out of order"):
            mariadb_py.connect(**account(proxy, "native"), **options)
        proxy.stop()
    assert proxy.encrypted[1:] == [b""]


def test_an_expired_certificate_is_refused_before_the_login(zero: TempServer, certificates: Certificates) -> None:
    with in_the_middle(zero, certificates, shown="expired") as proxy:
        with pytest.raises(OperationalError, match="the server's certificate has expired"):
            mariadb_py.connect(**account(proxy, "native"), ssl_verify_cert=True)
        proxy.stop()
    assert proxy.encrypted == []
    assert [len(payload) for payload in proxy.plain] == [32, 32]  # two wishes for TLS
