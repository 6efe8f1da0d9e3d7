"""Fixtures of the tests with await."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mariadb_py.testing import TempServer
    from tests.support.aio import AsyncConnector


@pytest.fixture
def connect_async(server: TempServer) -> AsyncConnector:
    """Opens asyncio connections, which `tests.support.aio.runs` closes behind the test."""
    from tests.support.aio import AsyncConnector

    return AsyncConnector(server)
