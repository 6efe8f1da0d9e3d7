"""The asyncio driver of pools, where its own parts are seen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mariadb_py.io.aio.pool import maybe
from tests.support.aio import runs

if TYPE_CHECKING:
    from typing import Any


@runs
async def test_maybe() -> None:
    async def seven() -> int:
        await asyncio.sleep(0)
        return 7

    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    future.set_result(8)
    values: list[Any] = [await maybe(value) for value in (6, seven(), future, None)]
    assert values == [6, 7, 8, None]
