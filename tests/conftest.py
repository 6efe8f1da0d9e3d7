"""Fixtures of the whole suite. Tests that ask for none of them need no server."""

from __future__ import annotations

import pytest

from mariadb_py.testing import TempServer, temp_server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tests.support.server import Connector


@pytest.fixture(scope="session")
def server() -> Iterator[TempServer]:
    """The suite's private server. A test that stops it or changes global state makes one of its own."""
    with temp_server() as server:
        yield server


@pytest.fixture
def connect_args(server: TempServer) -> dict[str, Any]:
    """Keywords for `mariadb_py.connect()`."""
    return server.connect_args


@pytest.fixture
def connect(server: TempServer) -> Iterator[Connector]:
    """Opens connections that are closed after the test."""
    from tests.support.server import Connector

    connector = Connector(server)
    yield connector
    connector.close_all()
