"""What a pool knows and is told without waiting."""

from __future__ import annotations

import _thread
import gc
from typing import TYPE_CHECKING

import pytest

from mariadb_py import ProgrammingError
from tests.support.pool import PATIENCE, Pools, ids, value, wait_for

if TYPE_CHECKING:
    from typing import Any

    from mariadb_py import Connection
    from tests.support.server import Connector


def test_none_takes_a_hook_away(make_pool: Pools) -> None:
    seen: list[int] = []

    def note(connection: Connection) -> None:
        seen.append(connection.connection_id)

    pool = make_pool(pool_size=1, check=note, on_reset=note, max_waiting=3)
    pool.get_connection().close()
    assert len(seen) == 2
    pool.set_config(check=None)
    pool.get_connection().close()
    assert len(seen) == 3
    pool.set_config(on_reset=None, max_waiting=None, pool_name=None)  # only hooks can be None
    pool.get_connection().close()
    assert (len(seen), pool._own.max_waiting) == (3, 3)


def test_none_changes_nothing_else(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1)
    options = pool._options
    pool.set_config(password=None, host=None)
    assert pool._options is options


def test_several_pools_in_one_text(make_pool: Pools) -> None:
    first, second, third = (make_pool(pool_size=size) for size in (1, 2, 3))
    lines = first.prometheus(second, third).splitlines()
    types = [line for line in lines if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    sizes = {line for line in lines if line.startswith("mariadb_pool_size")}
    assert sizes == {
        f'mariadb_pool_size{{pool="{pool.pool_name}"}} {size}' for pool, size in ((first, 1), (second, 2), (third, 3))
    }
    # What belongs to a metric stands together.
    names = [line.split("{")[0] for line in lines if line.startswith(("mariadb_pool_size", "mariadb_pool_idle"))]
    assert names == ["mariadb_pool_size"] * 3 + ["mariadb_pool_idle"] * 3


def test_pools_in_one_text_need_names(make_pool: Pools) -> None:
    named, unnamed = make_pool(), make_pool.service()
    assert 'pool=""' in named.prometheus(unnamed)
    for pools in ((unnamed, unnamed), (named, named), (named, unnamed, make_pool.service())):
        with pytest.raises(ProgrammingError, match=r"^pools in the same text need names to tell them apart$"):
            pools[0].prometheus(*pools[1:])


def test_a_pool_that_is_dropped_is_told_of(make_pool: Pools, connect: Connector) -> None:
    before = ids(administrator := connect())
    pool = make_pool.service(pool_size=2, min_size=2)
    pool.wait_ready()
    make_pool.made.remove(pool)
    assert len(ids(administrator) - before) == 2
    with pytest.warns(ResourceWarning, match=r"^unclosed <mariadb_py\.ServicePool '' size=2 idle=2 at "):
        del pool
        gc.collect()
    wait_for(lambda: ids(administrator) <= before)


def test_the_keepers_of_dropped_pools_go(make_pool: Pools) -> None:
    before = _thread._count()
    for _ in range(10):
        pool = make_pool.service(pool_size=1, keepalive=PATIENCE)
        pool.wait_ready()
        wait_for(pool._keeping.locked)
        make_pool.made.remove(pool)
        with pytest.warns(ResourceWarning, match=r"^unclosed "):
            del pool
            gc.collect()
    wait_for(lambda: _thread._count() <= before)


@pytest.mark.parametrize("keywords", [{}, {"min_size": 0}])
def test_a_pool_that_has_nothing_is_dropped_quietly(make_pool: Pools, keywords: dict[str, Any]) -> None:
    pool = make_pool.service(**keywords)
    if not keywords:
        with pool.get_connection() as connection:
            assert value(connection, "SELECT 1") == 1
        pool.close()
    make_pool.made.remove(pool)
    del pool
    gc.collect()
