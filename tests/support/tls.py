"""Real servers with TLS. Their certificates are where the server sees them, also one in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import mariadb_py
from mariadb_py import SecurityWarning
from tests.support.certificates import certificates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.support.certificates import Certificates

PROVES = (11, 4)  # the first release that proves to know the password


@contextlib.contextmanager
def server_certificates() -> Iterator[Certificates]:
    """Certificates for this run's servers."""
    folder = tempfile.mkdtemp(prefix="mariadb_py-", dir=f"{_root()}/tmp" if _root() else None)
    try:
        yield certificates(Path(folder))
    finally:
        shutil.rmtree(folder)


def server_options(certificates: Certificates, name: str) -> tuple[str, ...]:
    """Options of a server that has this certificate, and lets in clients that have one of the same authority."""
    chain, ca = certificates.chain(name)[len(_root()) :], certificates.ca[len(_root()) :]
    return f"--ssl-cert={chain}", f"--ssl-key={chain}", f"--ssl-ca={ca}"


def _root() -> str:
    return os.environ.get("MARIADB_PY_SERVER_ROOT", "").rstrip("/")


def proves(server: TempServer) -> bool:
    """The server proves to know the password."""
    return server.version >= PROVES


def local(server: TempServer) -> dict[str, Any]:
    """Keywords for `connect()`, over the unix socket."""
    arguments = {**server.connect_args, "unix_socket": server.unix_socket}
    del arguments["host"], arguments["port"]
    return arguments


def connect_quietly(**keywords: Any) -> tuple[Connection, list[str]]:
    """A connection, and the SecurityWarnings that it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        connection = mariadb_py.connect(**keywords)
    assert all(warning.category is SecurityWarning for warning in caught)
    return connection, [str(warning.message) for warning in caught]


def status(connection: Connection, name: str) -> str:
    """What the server says of this session."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE ?", (name,))
        ((_, value),) = cursor.fetchall()
        return str(value)


def resumed(connection: Connection) -> bool:
    """The TLS handshake was a short one."""
    link = connection._link
    assert link is not None
    assert link.tls is not None
    return link.tls.resumed
