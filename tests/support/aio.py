"""Coroutine functions as tests: asyncio.run() in debug mode, after which nothing may be left in the loop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import time
from typing import TYPE_CHECKING

import mariadb_py.aio
from tests.support.listener import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Any

    from mariadb_py.aio import AsyncConnection
    from mariadb_py.testing import TempServer


class AsyncConnector:
    """Opens connections that `runs` closes behind the test; see `tests.support.server.Connector`."""

    def __init__(self, server: TempServer) -> None:
        self.server = server
        self.opened: list[AsyncConnection] = []

    async def __call__(self, **keywords: Any) -> AsyncConnection:
        arguments = self.server.connect_args
        if "unix_socket" in keywords:
            del arguments["host"], arguments["port"]
        connection = await mariadb_py.aio.connect(**{**arguments, **keywords})
        self.opened.append(connection)
        return connection

    async def close_all(self) -> None:
        """Close what is still open, whatever state the test left it in."""
        while self.opened:
            with contextlib.suppress(mariadb_py.Error):
                await self.opened.pop().close()


def runs(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A coroutine function as a test: no task, no exception and no warning may be left of it."""

    @functools.wraps(test)
    def run(*arguments: Any, **keywords: Any) -> None:
        connectors = [value for value in keywords.values() if isinstance(value, AsyncConnector)]
        run_alone(lambda: test(*arguments, **keywords), connectors)

    return run


def run_alone(work: Callable[[], Coroutine[Any, Any, Any]], connectors: list[AsyncConnector] | None = None) -> Any:
    """What a coroutine function returns in a loop of its own, with the checks of `runs`."""
    complaints: list[dict[str, Any]] = []

    async def main() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        try:
            return await work()
        finally:
            for connector in connectors or ():
                await connector.close_all()
            await asyncio.sleep(0)
            gc.collect()
            await asyncio.sleep(0)
            left = asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]
            assert left == set()

    result = asyncio.run(main(), debug=True)
    assert complaints == []
    return result


async def ask(connection: AsyncConnection, sql: str, data: Any = None) -> Any:
    """The only value that a statement returns; None without a result set."""
    async with connection.cursor() as cursor:
        await cursor.execute(sql, data)
        if cursor.description is None:
            return None
        ((value,),) = await cursor.fetchall()
        return value


async def works(connection: AsyncConnection) -> bool:
    return bool(await ask(connection, "SELECT ?", ("it works",)) == "it works")


async def until(condition: Callable[[], Any]) -> None:
    """Until `condition`, a function or coroutine function, is true."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if hasattr(value, "__await__"):
            value = await value
        if value:
            return
        assert time.monotonic() < deadline, "does not happen"
        await asyncio.sleep(0.005)


async def begun(work: Awaitable[Any]) -> asyncio.Future[Any]:
    """A task for `work` that waits for the network."""
    task = asyncio.ensure_future(work)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def outcome(work: Awaitable[Any]) -> Any:
    """What `work` returns or raises; also a cancellation, if that is its own."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task})
    if task.cancelled():
        return asyncio.CancelledError()
    return task.exception() or task.result()
