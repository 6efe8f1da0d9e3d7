"""Fixtures of the compatibility tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mariadb_py.testing import temp_server
from tests.compat.rows import database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mariadb_py.testing import TempServer
    from tests.compat.rows import Database
    from tests.support.revocation import Revoking


@pytest.fixture
def db(server: TempServer) -> Iterator[Database]:
    """Ways to the server; connections and pools are closed behind the test."""
    with database(server) as ways:
        yield ways


@pytest.fixture(scope="session")
def revoking(tmp_path_factory: pytest.TempPathFactory) -> Revoking:
    """Certificates of an authority that can revoke them."""
    pytest.importorskip("cryptography")
    from tests.support.revocation import Revoking

    return Revoking(tmp_path_factory.mktemp("revoking"))


@pytest.fixture(scope="session")
def tls_server(revoking: Revoking) -> Iterator[TempServer]:
    """A server with TLS, to whose clients the authority may have given certificates."""
    options = (f"--ssl-cert={revoking.kept}", f"--ssl-key={revoking.kept}", f"--ssl-ca={revoking.ca}")
    with temp_server(options=options) as server:
        yield server


@pytest.fixture
def tls_db(tls_server: TempServer) -> Iterator[Database]:
    """Ways to a server with TLS."""
    with database(tls_server) as ways:
        yield ways
