"""What several tests of the faces and drivers work with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.pool import Pools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mariadb_py.testing import TempServer


@pytest.fixture
def make_pool(server: TempServer) -> Iterator[Pools]:
    """Makes pools that are closed after the test."""
    pools = Pools(server)
    yield pools
    pools.close_all()
