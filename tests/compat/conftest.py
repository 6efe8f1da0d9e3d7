"""Fixtures of the compatibility tests."""

from __future__ import annotations

import contextlib

import pytest

import mariadb_py as mariadb
from tests.compat.rows import Database

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import Connector


@pytest.fixture
def db(connect: Connector) -> Iterator[Database]:
    """Ways to the server; connections and pools are closed behind the test."""
    yield Database(connect)
    connect.close_all()  # first, so that pools find their connections returned
    for pool in list(mariadb._CONNECTION_POOLS.values()):
        with contextlib.suppress(mariadb.Error):
            pool.close()
