"""Encrypted connections at work: what each of them does in plain text, it does by TLS 1.2 and 1.3."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("cryptography")

from cryptography.hazmat.primitives import serialization

import mariadb_py
from mariadb_py.exceptions import LostConnectionError, OperationalError, QueryTimeout
from mariadb_py.io import tls
from mariadb_py.testing import temp_server
from tests.support.listener import PATIENCE
from tests.support.running import ask, wait_until_running, works
from tests.support.tls import connect_quietly, proves, resumed, server_certificates, server_options, status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.support.certificates import Certificates

pytestmark = pytest.mark.mariadb("the server and its accounts are set up as MariaDB's")

VERSIONS = ("TLSv1.2", "TLSv1.3")
BIG = 64 << 20  # bytes
OPTIONS = ("--max-allowed-packet=256M", "--local-infile=ON")
# Account -> what it requires.
ACCOUNTS = {
    "tls_only": "SSL",
    "tls_x509": "X509",
    "tls_subject": "SUBJECT '/CN=client'",
    "tls_other_subject": "SUBJECT '/CN=somebody'",
}
PASSWORD = "of these accounts"


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    with server_certificates() as made:
        yield made


@pytest.fixture(scope="module")
def tls_server(server: TempServer, certificates: Certificates) -> Iterator[TempServer]:
    if server.mysql:
        pytest.skip("MariaDB's options")  # before the mark, which comes with the single test
    with temp_server(options=(*OPTIONS, *server_options(certificates, "good"))) as server:
        with mariadb_py.connect(**server.connect_args, autocommit=True) as admin:
            for name, required in ACCOUNTS.items():
                ask(admin, f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}' REQUIRE {required}")
                ask(admin, f"GRANT ALL ON test.* TO {name}@'127.0.0.1'")
        yield server


@pytest.fixture
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither contexts nor sessions of other tests."""
    monkeypatch.setattr(tls, "_contexts", {})
    monkeypatch.setattr(tls, "_sessions", {})


@pytest.fixture(params=VERSIONS)
def arguments(request: pytest.FixtureRequest, tls_server: TempServer, certificates: Certificates) -> dict[str, Any]:
    """Keywords for `connect()`, for the user of tests and one version of TLS."""
    return {**tls_server.connect_args, "ssl_ca": certificates.ca, "tls_version": request.param}


@pytest.fixture
def connection(arguments: dict[str, Any]) -> Iterator[Connection]:
    with mariadb_py.connect(**arguments) as made:
        assert made.tls_version == arguments["tls_version"]
        yield made


@pytest.fixture
def observer(tls_server: TempServer) -> Iterator[Connection]:
    with mariadb_py.connect(**tls_server.connect_args, autocommit=True) as made:
        yield made


def as_user(arguments: dict[str, Any], name: str, **more: Any) -> dict[str, Any]:
    return {**arguments, "user": name, "password": PASSWORD, **more}


# Client certificates


@pytest.mark.parametrize("account", ["tls_only", "tls_x509", "tls_subject"])
def test_a_certificate_of_the_client(arguments: dict[str, Any], certificates: Certificates, account: str) -> None:
    with mariadb_py.connect(**as_user(arguments, account, ssl_cert=certificates.chain("client"))) as connection:
        assert ask(connection, "SELECT CURRENT_USER()") == f"{account}@127.0.0.1"


@pytest.mark.parametrize(
    ("account", "certificate"),
    [("tls_x509", None), ("tls_subject", None), ("tls_subject", "good"), ("tls_other_subject", "client")],
)
def test_a_certificate_that_does_not_do(
    arguments: dict[str, Any], certificates: Certificates, account: str, certificate: str | None
) -> None:
    chain = None if certificate is None else certificates.chain(certificate)
    with pytest.raises(OperationalError) as caught:
        mariadb_py.connect(**as_user(arguments, account, ssl_cert=chain))
    assert caught.value.errno == 1045


def test_an_account_that_requires_tls(tls_server: TempServer) -> None:
    with pytest.raises(OperationalError) as caught:
        mariadb_py.connect(**as_user(tls_server.connect_args, "tls_only"))
    assert caught.value.errno == 1045


def test_the_key_of_the_client_is_encrypted(
    arguments: dict[str, Any], certificates: Certificates, tmp_path: Path
) -> None:
    with open(certificates.chain("client"), "rb") as file:
        key = serialization.load_pem_private_key(file.read().partition(b"-----END CERTIFICATE-----")[2].strip(), None)
    path = tmp_path / "key.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )
    options = as_user(arguments, "tls_x509", ssl_cert=certificates.chain("client"), ssl_key=str(path))
    with mariadb_py.connect(**options, ssl_passphrase="open sesame") as connection:
        assert works(connection)
    for wrong in (None, "open barley"):
        with pytest.raises(OperationalError) as caught:
            mariadb_py.connect(**options, ssl_passphrase=wrong)
        assert caught.value.errno == 2026


# Contexts and sessions


def test_a_session_is_resumed(nothing_kept: None, arguments: dict[str, Any]) -> None:
    found = []
    for _ in range(3):
        with mariadb_py.connect(**arguments) as connection:
            assert "server verified by certificate chain" in connection.security
            assert connection.tls_peer_cert_info is not None
            assert connection.tls_peer_cert_info["subject"] == "/CN=good"
            assert works(connection)
            found.append(resumed(connection))
    assert found == [False, True, True]


@pytest.mark.parametrize("verify", [True, None])
def test_a_session_with_a_proof_is_resumed(nothing_kept: None, tls_server: TempServer, verify: bool | None) -> None:
    """The proof is one of the new login, and of the certificate of the old handshake."""
    if not proves(tls_server):
        pytest.skip("zero-configuration TLS came with MariaDB 11.4")
    found = []
    for _ in range(2):
        connection, warned = connect_quietly(**tls_server.connect_args, ssl=True, ssl_verify_cert=verify)
        with connection:
            assert "server verified by proof of the password" in connection.security
            assert warned == []
            found.append(resumed(connection))
    assert found == [False, True]


@pytest.mark.parametrize("other", ["tls_peer_fp", "ssl_verify_cert"])
def test_no_session_is_resumed_for_another_demand(
    nothing_kept: None, arguments: dict[str, Any], certificates: Certificates, other: str
) -> None:
    with mariadb_py.connect(**{**arguments, "ssl_ca": None, "ssl_verify_cert": False}, ssl=True):
        pass
    demand = {"tls_peer_fp": certificates.fingerprint("good").hex(), "ssl_verify_cert": True}[other]
    with mariadb_py.connect(**{**arguments, other: demand}) as connection:
        assert not resumed(connection)


def test_a_context_that_becomes_stricter_resumes_no_session(nothing_kept: None, tls_server: TempServer) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for again in (False, True):
        with mariadb_py.connect(**tls_server.connect_args, ssl=context) as connection:
            assert resumed(connection) == again
    context.verify_mode = ssl.CERT_REQUIRED
    with pytest.raises(OperationalError, match=r"certificate is refused: self[- ]signed certificate"):
        mariadb_py.connect(**tls_server.connect_args, ssl=context)


def test_a_context_is_made_once(nothing_kept: None, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]) -> None:
    made = []
    make = tls._make_context

    def note(*arguments: Any) -> ssl.SSLContext:
        made.append(make(*arguments))
        return made[-1]

    monkeypatch.setattr(tls, "_make_context", note)
    for _ in range(3):
        mariadb_py.connect(**arguments).close()
    with mariadb_py.ConnectionPool(**arguments, pool_name="contexts", pool_size=3) as pool, pool.get_connection():
        pass
    assert len(made) == 1


def test_a_renewed_file_counts_at_once(
    nothing_kept: None, arguments: dict[str, Any], certificates: Certificates, tmp_path: Path
) -> None:
    path = str(tmp_path / "ca.pem")
    options = {**arguments, "ssl_ca": path}
    for ca in (certificates.ca, certificates.other_ca, certificates.ca):
        shutil.copy(ca, path + ".new")
        os.replace(path + ".new", path)
        if ca == certificates.ca:
            with mariadb_py.connect(**options) as connection:
                assert works(connection)
        else:
            with pytest.raises(OperationalError, match="the server's certificate is refused"):
                mariadb_py.connect(**options)


def test_a_server_that_knows_the_session_no_more(nothing_kept: None, certificates: Certificates) -> None:
    with temp_server(options=server_options(certificates, "good")) as server:
        found = []
        for _ in range(2):
            with mariadb_py.connect(**server.connect_args, ssl_ca=certificates.ca) as connection:
                found.append(resumed(connection))
        server.kill()
        server.start()
        for _ in range(2):
            with mariadb_py.connect(**server.connect_args, ssl_ca=certificates.ca) as connection:
                found.append(resumed(connection))
    assert found == [False, True, False, True]


# Big data


def test_big_data_both_ways(tls_server: TempServer, connection: Connection) -> None:
    """The server stops reading meanwhile."""
    data = "0123456789abcdef" * (BIG // 16)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(ask(connection, "SELECT ?", (data,))))
    os.kill(tls_server.pid, signal.SIGSTOP)
    try:
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    finally:
        os.kill(tls_server.pid, signal.SIGCONT)
    thread.join(PATIENCE)
    assert len(answers) == 1
    assert answers[0] == data
    assert works(connection)


@pytest.mark.parametrize("buffered", [True, False])
def test_many_rows(connection: Connection, buffered: bool) -> None:
    with connection.cursor(buffered=buffered) as cursor:
        cursor.execute("SELECT seq, REPEAT('x', 100) FROM seq_1_to_100000")
        total = 0
        for number, text in cursor:
            total += number
            assert len(text) == 100
    assert total == 100_000 * 100_001 // 2
    assert works(connection)


def test_a_stream_is_left_in_the_middle(connection: Connection) -> None:
    with connection.cursor(buffered=False) as cursor:
        cursor.execute("SELECT seq, REPEAT('x', 100) FROM seq_1_to_100000")
        assert cursor.fetchone() == (1, "x" * 100)
    assert works(connection)


def test_compressed_and_encrypted(arguments: dict[str, Any]) -> None:
    with mariadb_py.connect(**arguments, compress=True) as connection:
        assert status(connection, "Compression") == "ON"
        assert status(connection, "Ssl_version") == arguments["tls_version"]
        text = "compressible " * 100_000
        assert ask(connection, "SELECT ?", (text,)) == text
        assert ask(connection, "SELECT REPEAT('y', 1000000)") == "y" * 1_000_000


def test_local_infile(arguments: dict[str, Any]) -> None:
    with mariadb_py.connect(**arguments, local_infile=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE loaded (a INT, b TEXT)")
        lines = b"".join(b"%d\t%s\n" % (number, b"z" * 100) for number in range(50_000))
        cursor.execute("LOAD DATA LOCAL INFILE 'lines' INTO TABLE loaded", local_infile=[lines[:999], lines[999:]])
        assert cursor.rowcount == 50_000
        assert ask(connection, "SELECT SUM(a) FROM loaded") == 49_999 * 25_000


# Sessions


def test_change_user(arguments: dict[str, Any], connection: Connection) -> None:
    before = connection.tls_cipher
    connection.change_user("tls_only", PASSWORD, "test")
    assert ask(connection, "SELECT CURRENT_USER()") == "tls_only@127.0.0.1"
    assert connection.tls_cipher == before
    assert "server verified by certificate chain" in connection.security


def test_silence(connection: Connection, observer: Connection) -> None:
    """Tickets that the server sends are no answer; the end of the stream is seen."""
    link = connection._link
    assert link is not None
    assert link.silent()
    assert works(connection)
    assert link.silent()
    ask(observer, f"KILL {connection.connection_id}")
    deadline = time.monotonic() + PATIENCE
    while link.silent():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    with pytest.raises(LostConnectionError):
        ask(connection, "DO 0")


def test_a_pool(arguments: dict[str, Any], observer: Connection) -> None:
    with mariadb_py.ConnectionPool(
        **arguments, pool_name=f"tls {arguments['tls_version']}", pool_size=1, pool_validation_interval=0
    ) as pool:
        ids = []
        for _ in range(3):
            with pool.get_connection() as borrowed:
                assert status(borrowed, "Ssl_version") == arguments["tls_version"]
                ids.append(borrowed.connection_id)
        assert ids == ids[:1] * 3
        ask(observer, f"KILL {ids[0]}")
        with pool.get_connection() as borrowed:
            assert borrowed.connection_id != ids[0]
            assert "server verified by certificate chain" in borrowed.security
            assert works(borrowed)


def test_reconnect_is_encrypted_too(connection: Connection, arguments: dict[str, Any]) -> None:
    connection.reconnect()
    assert status(connection, "Ssl_version") == arguments["tls_version"]
    assert "server verified by certificate chain" in connection.security


@pytest.mark.parametrize("when", ["idle", "running"])
def test_the_server_is_killed(certificates: Certificates, when: str) -> None:
    with temp_server(options=server_options(certificates, "good")) as server:
        plain, encrypted = server.connect_args, {**server.connect_args, "ssl_ca": certificates.ca}
        with mariadb_py.connect(**plain) as observer, mariadb_py.connect(**encrypted) as connection:
            killer = threading.Thread(target=kill, args=(server, observer, connection.connection_id, when))
            killer.start()
            if when == "idle":
                killer.join(PATIENCE)
            with pytest.raises(LostConnectionError):
                ask(connection, "DO SLEEP(30)")
            killer.join(PATIENCE)


def kill(server: TempServer, observer: Connection, connection_id: int, when: str) -> None:
    """End the server, once the connection is running a statement or at once."""
    if when == "running":
        wait_until_running(observer, connection_id)
    os.kill(server.pid, signal.SIGKILL)


# Cancelling


def test_a_timeout(arguments: dict[str, Any]) -> None:
    with mariadb_py.connect(**as_user(arguments, "tls_only")) as connection:
        with connection.cursor() as cursor, pytest.raises(QueryTimeout) as caught:
            cursor.execute("DO SLEEP(10)", timeout=0.3)
        assert caught.value.errno == 1969
        assert works(connection)


def test_ctrl_c(arguments: dict[str, Any], observer: Connection) -> None:
    """KILL QUERY comes by an encrypted connection, as the account allows no other one."""
    with mariadb_py.connect(**as_user(arguments, "tls_only")) as connection:
        number = connection.connection_id
        thread = threading.Thread(target=lambda: interrupt(observer, connection))
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            ask(connection, "DO SLEEP(30)")
        thread.join(PATIENCE)
        assert works(connection)
        assert connection.connection_id == number


def interrupt(observer: Connection, connection: Connection) -> None:
    """Ctrl-C, as soon as the connection waits for the server."""
    wait_until_running(observer, connection.connection_id)
    deadline = time.monotonic() + PATIENCE
    with contextlib.suppress(AttributeError):
        while not connection._link._transport.waiting:  # type: ignore[union-attr]
            assert time.monotonic() < deadline
            time.sleep(0.005)
    os.kill(os.getpid(), signal.SIGINT)
