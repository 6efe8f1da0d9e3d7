"""Cancellation at every await: afterwards the connection is right or closed, and the pool has all that it had.

The scenarios are those of `python -m tests.chaos.cancel_everywhere`, which prints how many suspensions they have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos import cancel_everywhere as scenarios

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mariadb_py.testing import TempServer

WHEN = pytest.mark.parametrize("when", scenarios.WHEN)


@pytest.fixture(scope="module")
def server() -> Iterator[TempServer]:
    with scenarios.lonely_server() as server:
        yield server


@WHEN
@pytest.mark.parametrize("name", scenarios.CONNECTING)
def test_connecting(server: TempServer, name: str, when: str) -> None:
    assert scenarios.connect(server, name, when) > 1


@WHEN
@pytest.mark.parametrize("kind", scenarios.KINDS)
@pytest.mark.parametrize("name", scenarios.USES)
def test_connections(server: TempServer, name: str, kind: str, when: str) -> None:
    assert scenarios.use(server, name, kind, when) > 0


@WHEN
@pytest.mark.parametrize("kind", scenarios.POOL_KINDS)
@pytest.mark.parametrize("name", scenarios.POOL_USES)
def test_pools(server: TempServer, name: str, kind: str, when: str) -> None:
    assert scenarios.use_pool(server, name, kind, when) > 0 or name in scenarios.NOTHING_TO_WAIT_FOR


def test_there_are_enough() -> None:
    assert len({*scenarios.CONNECTING, *scenarios.USES, *scenarios.POOL_USES}) >= scenarios.FEWEST
