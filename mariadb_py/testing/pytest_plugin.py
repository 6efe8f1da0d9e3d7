"""Fixtures for pytest. Opt in from a conftest.py: `pytest_plugins = ["mariadb_py.testing.pytest_plugin"]`.

`mariadb_server` is one private server for the whole session, `mariadb_connection` a connection for one test.
"""

from __future__ import annotations

import pytest

from .server import TempServer, temp_server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mariadb_py import Connection


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[TempServer]:
    """A private server for the session. Define a fixture of the same name to give `temp_server()` options."""
    with temp_server() as server:
        yield server


@pytest.fixture
def mariadb_connection(mariadb_server: TempServer) -> Iterator[Connection]:
    """A connection to the session's server. What the test does not commit is rolled back."""
    import mariadb_py

    with mariadb_py.connect(**mariadb_server.connect_args) as connection:
        yield connection
