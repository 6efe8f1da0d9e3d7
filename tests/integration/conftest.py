"""Fixtures of the tests that need more of a server than the suite's common one offers."""

from __future__ import annotations

import pytest

from mariadb_py.testing import temp_server
from tests.support.server import LIKE_MARIADB, Connector, prepare_mysql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mariadb_py.testing import TempServer


@pytest.fixture(autouse=True)
def _over_both_faces(face_under_test: object) -> None:
    """Every test, but for what `tests.support.one_face` says."""


@pytest.fixture(scope="session")
def own_server() -> Iterator[TempServer]:
    """A server whose global variables these tests may set, with performance_schema; not to be stopped."""
    with temp_server(options=(*LIKE_MARIADB, "--performance-schema=ON")) as server:
        if server.mysql:
            prepare_mysql(server)
        yield server


@pytest.fixture
def connect_own(own_server: TempServer) -> Iterator[Connector]:
    """Opens connections to `own_server` that are closed after the test."""
    connector = Connector(own_server)
    yield connector
    connector.close_all()
