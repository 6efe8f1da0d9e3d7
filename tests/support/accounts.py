"""A server with every authentication plugin that can be had for it, and accounts on it."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from pathlib import Path

import pytest

import mariadb_py
from mariadb_py.testing import temp_server
from mariadb_py.testing.server import text_literal
from tests.support.certificates import certificates
from tests.support.running import ask
from tests.support.server import plugin_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer

ASK_FOR = ("auth_ed25519", "auth_parsec", "auth_pam")  # libraries of MariaDB that are not loaded by themselves
# The client's name of a server's plugin, where that is another one.
CLIENT_NAMES = {"ed25519": "client_ed25519", "pam": "dialog"}
CHANNELS = {
    "TCP": "not encrypted",
    "socket": "unix socket, not encrypted",
    "socket, TLS": "unix socket, encrypted by {}",
    "unverified TLS": "encrypted by {}, server not verified",
    "verified TLS": "encrypted by {}, server verified by certificate fingerprint",
}


_numbers = itertools.count(1)


class Accounts:
    """Makes accounts on `server`, and connections as these.

    Attributes:
        plugins: names of the server's authentication plugins.
        fingerprint: of the server's certificate.
        public_key: path of MySQL's public key; None from MariaDB, which has none.
    """

    def __init__(self, server: TempServer) -> None:
        self.server = server
        self._count = 0
        for library in () if server.mysql else ASK_FOR:
            with contextlib.suppress(mariadb_py.Error):
                self.execute(f"INSTALL SONAME '{library}'")
        if server.mysql:
            self.execute("INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'")
        elif server.version < (11, 4):
            chain = server.inside(certificates(server.folder).chain("good"))
            server.options += (f"--ssl-cert={chain}", f"--ssl-key={chain}")
            server.restart()
        self.public_key = str(server.datadir / "public_key.pem") if server.mysql else None
        condition = "plugin_type = 'AUTHENTICATION' AND plugin_status = 'ACTIVE'"
        names = self.execute(f"SELECT GROUP_CONCAT(plugin_name) FROM information_schema.plugins WHERE {condition}")
        self.plugins = frozenset(names.split(","))
        with mariadb_py.connect(**server.connect_args, ssl=True, ssl_verify_cert=False) as connection:
            self.fingerprint = (connection.tls_peer_cert_info or {})["fingerprint"]

    def execute(self, sql: str) -> Any:
        """As an account that may do everything; returns the only value, if there is one."""
        with mariadb_py.connect(**self.server.connect_args, autocommit=True) as connection:
            return ask(connection, sql)

    def need(self, *plugins: str) -> None:
        """Skip the test where the server does not have all of these."""
        for plugin in plugins:
            if plugin not in self.plugins:
                version = ".".join(map(str, self.server.version))
                pytest.skip(f"this server ({version}) has no plugin {plugin}; `make servers` fetches those of MariaDB")

    def create(self, *ways: tuple[str, str | None], name: str = "", host: str = "%") -> str:
        """A new account; returns its name.

        Args:
            ways: (plugin, password) in the server's order; a password of None is for a plugin that has none.
            name: its name; one is made up if there is none.
            host: from where it may log in.
        """
        self._count += 1
        name = name or f"account_{self._count}"
        self.execute(f"DROP USER IF EXISTS '{name}'@'{host}'")  # the other face may have made it
        how = " OR ".join(self._way(*way) for way in ways)
        self.execute(f"CREATE USER '{name}'@'{host}' IDENTIFIED {'WITH' if self.server.mysql else 'VIA'} {how}")
        return name

    def _way(self, plugin: str, password: str | None) -> str:
        if password is None:
            return plugin
        literal = text_literal(password).replace("\0", "\\0")
        if plugin == "pam":
            return f"pam USING {literal}"
        return f"{plugin} BY {literal}" if self.server.mysql else f"{plugin} USING PASSWORD({literal})"

    def connect(self, user: str, password: Any, channel: str = "TCP", **keywords: Any) -> Connection:
        """Log in over one of `CHANNELS`."""
        return mariadb_py.connect(user=user, password=password, **{**self.channel(channel), **keywords})

    def channel(self, name: str) -> dict[str, Any]:
        """Keywords for one of `CHANNELS`."""
        tcp = {"host": self.server.host, "port": self.server.port}
        socket = {"unix_socket": self.server.unix_socket}
        channels: dict[str, dict[str, Any]] = {
            "TCP": tcp,
            "socket": socket,
            "socket, TLS": {**socket, "ssl": True},
            "unverified TLS": {**tcp, "ssl": True, "ssl_verify_cert": False},
            "verified TLS": {**tcp, "tls_peer_fp": self.fingerprint},
        }
        return channels[name]

    @property
    def trust(self) -> dict[str, Any]:
        """Keywords with which a password may travel over any channel that is not for bare ones."""
        return {} if self.public_key is None else {"server_public_key": self.public_key}


def denied(user: str, channel: str = "TCP", using: str = "YES") -> str:
    """The server's own words when it refuses a login; "using" is the server's idea of whether there was a password."""
    host = "localhost" if "socket" in channel else "127.0.0.1"
    return f"Access denied for user '{user}'@'{host}' (using password: {using})"


def secured(connection: Connection, channel: str, plugin: str) -> str:
    """What `connection.security` should say over one of `CHANNELS`, with a plugin by the server's name."""
    transport = CHANNELS[channel].format(f"{connection.tls_version} ({connection.tls_cipher})")
    return f"{transport}; authentication by {CLIENT_NAMES.get(plugin, plugin)}"


def whoami(connection: Connection) -> str:
    """Name of the account that is logged in."""
    name, _, _ = ask(connection, "SELECT CURRENT_USER()").rpartition("@")
    return str(name)


def use_cryptography(monkeypatch: pytest.MonkeyPatch, present: bool) -> None:
    """Let the driver find `cryptography`, or not: it looks for it anew at each login."""
    if present:
        pytest.importorskip("cryptography")
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "cryptography", None)


@contextlib.contextmanager
def account_server(options: Sequence[str] = ()) -> Iterator[Accounts]:
    """A server of its own with TLS, and accounts on it."""
    folder = plugin_dir()
    with temp_server(options=[*options, *([f"--plugin-dir={folder}"] if folder else [])]) as server:
        yield Accounts(server)


@contextlib.contextmanager
def pam_service(accounts: Accounts, lines: Sequence[str]) -> Iterator[str]:
    """A service of PAM, by its name; the test is skipped where there can be none.

    Args:
        accounts: a server with PAM.
        lines: its configuration, in which {folder} stands for that of the server.
    """
    accounts.need("pam")
    root = os.environ.get("MARIADB_PY_SERVER_ROOT", "").rstrip("/")
    folder = Path(f"{root}/etc/pam.d")
    if os.geteuid() != 0:
        pytest.skip("only root can add a service to PAM")
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}: PAM is not configured")
    server = accounts.server
    file = folder / f"mariadb_py_test_{os.getpid()}_{next(_numbers)}"
    text = "".join(f"{line}\n" for line in lines)
    try:
        file.write_text(text.replace("{folder}", server.inside(server.folder)), encoding="utf-8")
        yield file.name
    finally:
        file.unlink(missing_ok=True)
