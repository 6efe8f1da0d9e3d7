"""io/aio/cancel.py and what `Link` does with it: statements that a cancellation or timeout ends, on a real server."""

from __future__ import annotations

import asyncio
import time

import pytest

from mariadb_py.core.cancel import Fate
from mariadb_py.exceptions import LostConnectionError, QueryTimeout
from mariadb_py.io.aio import cancel
from tests.support.aio import ask, begun, outcome, run_alone, runs, until, works
from tests.support.listener import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from mariadb_py.aio import AsyncConnection
    from mariadb_py.io.aio.link import Link
    from tests.support.aio import AsyncConnector

SHORT = 0.1  # seconds
GENEROUS = 5.0  # seconds in which something that takes SHORT has ended

# What runs for longer than any test.
LONG: dict[str, Callable[[AsyncConnection], Awaitable[Any]]] = {
    "text": lambda connection: connection.cursor().execute("SELECT SLEEP(30)"),
    "no row": lambda connection: connection.cursor().execute("DO SLEEP(30)"),
    "parameter": lambda connection: connection.cursor().execute("SELECT SLEEP(?)", (30,)),
    "binary": lambda connection: connection.cursor(binary=True).execute("SELECT SLEEP(?)", (30,)),
    "prepared": lambda connection: connection.cursor(prepared=True).execute("SELECT SLEEP(?)", (30,)),
    "unbuffered": lambda connection: connection.cursor(buffered=False).execute("SELECT SLEEP(30)"),
    "server-side": lambda connection: connection.cursor(cursor_type=1).execute("SELECT SLEEP(30)"),
    "bulk": lambda connection: connection.cursor().executemany("DO SLEEP(?)", [(30,), (30,)]),
    "several results": lambda connection: connection.cursor().execute(
        "BEGIN NOT ATOMIC SELECT 1; SELECT SLEEP(30); SELECT 3; END"
    ),
}


async def waits(connection: AsyncConnection) -> None:
    """Until its statement has been sent, and most likely runs."""
    wire: Any = connection._link_or_raise()._transport  # type: ignore[attr-defined]
    await until(lambda: wire.waiting)
    await asyncio.sleep(0.02)


async def cancelled(connection: AsyncConnection, work: Awaitable[Any]) -> None:
    """Cancel `work` while the server is at it."""
    task = await begun(work)
    await waits(connection)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("socket", ["tcp", "unix", "compressed"])
@pytest.mark.parametrize("name", LONG)
def test_a_cancelled_statement_leaves_the_connection_usable(
    connect_async: AsyncConnector, name: str, socket: str
) -> None:
    where = {"tcp": {}, "unix": {"unix_socket": connect_async.server.unix_socket}, "compressed": {"compress": True}}

    async def test() -> None:
        connection, observer = await connect_async(autocommit=True, **where[socket]), await connect_async()
        number = connection.connection_id
        before = time.monotonic()
        await cancelled(connection, LONG[name](connection))
        assert time.monotonic() - before < GENEROUS
        for _ in range(3):
            assert await works(connection)
        assert connection.connection_id == number
        # The side connection has gone.
        count = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = ? AND id NOT IN (?, ?)"
        data = (connect_async.server.user, number, observer.connection_id)
        await until(lambda: none_left(observer, count, data))

    run_alone(test, [connect_async])


async def none_left(observer: AsyncConnection, sql: str, data: Any) -> bool:
    return not await ask(observer, sql, data)


@pytest.mark.parametrize("name", ["text", "bulk", "binary"])
def test_without_grace_the_connection_is_closed(connect_async: AsyncConnector, name: str) -> None:
    async def test() -> None:
        connection = await connect_async(cancel_grace=0)
        await cancelled(connection, LONG[name](connection))
        assert connection._link_or_raise().closed  # type: ignore[attr-defined]
        with pytest.raises(LostConnectionError):
            await works(connection)

    run_alone(test, [connect_async])


@runs
async def test_cancelled_many_times_in_a_row(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    number = connection.connection_id
    for _ in range(20):
        await cancelled(connection, LONG["text"](connection))
        assert await works(connection)
    assert connection.connection_id == number


@runs
async def test_a_transaction_goes_on_behind_a_cancellation(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    await ask(connection, "CREATE OR REPLACE TABLE async_kept (v INT)")
    await ask(connection, "INSERT INTO async_kept VALUES (1)")
    await cancelled(connection, ask(connection, "INSERT INTO async_kept SELECT SLEEP(30)"))
    await ask(connection, "INSERT INTO async_kept VALUES (2)")
    await connection.commit()
    assert await ask(connection, "SELECT GROUP_CONCAT(v ORDER BY v) FROM async_kept") == "1,2"


@runs
async def test_a_chunk_that_is_cancelled_is_undone(connect_async: AsyncConnector) -> None:
    """autocommit, which was off meanwhile, has to come back."""
    connection = await connect_async(autocommit=True)
    await ask(connection, "CREATE OR REPLACE TABLE async_undone (id INT, n INT)")
    cursor = connection.cursor()
    await cursor.executemany("INSERT INTO async_undone VALUES (?, 0)", [(1,), (2,)])
    update = "UPDATE async_undone SET n = 1 + SLEEP(?) WHERE id = ?"
    await cancelled(connection, cursor.executemany(update, [(0, 1), (30, 2)]))
    assert connection.autocommit is True
    assert await ask(connection, "SELECT SUM(n) FROM async_undone") == 0


@runs
async def test_cancelled_while_rows_are_fetched(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    cursor = connection.cursor(buffered=False)
    rows: list[Any] = []

    async def fetch() -> None:
        await cursor.execute("SELECT seq, SLEEP(IF(seq > 5000, 30, 0)) FROM seq_1_to_10000")
        async for row in cursor:
            rows.append(row)

    task = await begun(fetch())
    await until(lambda: rows)
    await waits(connection)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rows == [(number, 0) for number in range(1, len(rows) + 1)]
    assert await works(connection)


@runs
async def test_cancelled_twice(connect_async: AsyncConnector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time ends the waiting for the first: the connection is closed, at once."""
    connection = await connect_async(cancel_grace=PATIENCE)
    entered = asyncio.Event()

    async def hangs(link: Link, deadline: float) -> str:
        entered.set()
        await asyncio.sleep(PATIENCE)
        return Fate.KILLED

    monkeypatch.setattr(cancel, "kill_query", hangs)
    task = await begun(ask(connection, "SELECT SLEEP(3)"))
    await waits(connection)
    before = time.monotonic()
    task.cancel()
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - before < GENEROUS
    with pytest.raises(LostConnectionError):
        await works(connection)


@runs
async def test_cancelled_twice_at_every_moment(connect_async: AsyncConnector) -> None:
    """Whenever the second one comes: right answers, or a closed connection."""
    closed = 0
    for turns in range(0, 60, 2):
        connection = await connect_async()
        task = await begun(ask(connection, "SELECT SLEEP(30)"))
        await waits(connection)
        task.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if connection._link_or_raise().closed:  # type: ignore[attr-defined]
            closed += 1
            with pytest.raises(LostConnectionError):
                await works(connection)
        else:
            value = await outcome(works(connection))
            assert value is True or isinstance(value, LostConnectionError)
    assert closed > 0


@runs
async def test_wait_for_and_gather(connect_async: AsyncConnector) -> None:
    connection, other = await connect_async(), await connect_async()
    with pytest.raises((asyncio.TimeoutError, TimeoutError)):
        await asyncio.wait_for(ask(connection, "SELECT SLEEP(30)"), SHORT)
    assert await works(connection)

    async def fails() -> None:
        await asyncio.sleep(SHORT)
        raise ValueError("mine")

    sleeping = asyncio.ensure_future(ask(other, "SELECT SLEEP(30)"))
    with pytest.raises(ValueError, match=r"^mine$"):
        await asyncio.gather(sleeping, fails())
    sleeping.cancel()
    assert isinstance(await outcome(sleeping), asyncio.CancelledError)
    assert await works(other)


@runs
async def test_cancelled_when_it_was_done_already(connect_async: AsyncConnector) -> None:
    """The answer came before the task that waits for it was resumed."""
    connection = await connect_async(autocommit=True)
    await ask(connection, "CREATE OR REPLACE TABLE async_late (v INT)")
    link: Any = connection._link_or_raise()
    finish = type(link._transport)._finish
    task: asyncio.Future[Any]

    def finish_and_cancel(wire: Any, value: Any, error: BaseException | None) -> None:
        finish(wire, value, error)
        if wire is link._transport:
            task.cancel()

    with pytest.MonkeyPatch.context() as patch:
        task = asyncio.ensure_future(ask(connection, "INSERT INTO async_late VALUES (1)"))
        patch.setattr(type(link._transport), "_finish", finish_and_cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await ask(connection, "SELECT COUNT(*) FROM async_late") == 1


@runs
async def test_a_statement_that_was_done_in_the_last_moment(
    connect_async: AsyncConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timeout is forgotten then, as nothing was sent that could end another one; a cancellation is not."""
    connection = await connect_async(autocommit=True, cancel_grace=PATIENCE)
    await ask(connection, "CREATE OR REPLACE TABLE async_late (v INT)")
    kill = cancel.kill_query

    async def too_late(link: Link, deadline: float) -> str:
        await until(lambda: link._transport is None or link._transport.operation is None)
        return await kill(link, deadline)

    monkeypatch.setattr(cancel, "kill_query", too_late)
    cursor = connection.cursor()
    await cursor.execute("INSERT INTO async_late SELECT SLEEP(?)", (0.5,), timeout=SHORT)
    assert cursor.rowcount == 1
    await cancelled(connection, ask(connection, "INSERT INTO async_late SELECT SLEEP(0.3)"))
    assert await works(connection)
    assert await ask(connection, "SELECT COUNT(*) FROM async_late") == 2


@runs
async def test_a_write_that_is_cancelled(connect_async: AsyncConnector) -> None:
    """Half a statement cannot be taken back: the connection is closed."""
    connection, observer = await connect_async(), await connect_async()
    await ask(observer, "SET GLOBAL max_allowed_packet = 64 << 20")
    try:
        connection = await connect_async()
        task = asyncio.ensure_future(ask(connection, "SELECT LENGTH(?)", ("x" * (60 << 20),)))
        await asyncio.sleep(0)
        link: Any = connection._link_or_raise()
        await until(lambda: link._transport._full)
        assert link._transport.waiting is False
        task.cancel()
        assert isinstance(await outcome(task), asyncio.CancelledError)
        assert link.closed
    finally:
        await ask(observer, "SET GLOBAL max_allowed_packet = DEFAULT")
    with pytest.raises(LostConnectionError):
        await works(connection)


# Whose connection it is


@pytest.mark.parametrize("lie", ["another port", "another id", "change_user", "no socket"])
def test_a_connection_that_does_not_show_as_ours_is_left_alone(
    connect_async: AsyncConnector, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    async def test() -> None:
        connection, other = await connect_async(host="127.0.0.1"), await connect_async()
        link: Any = connection._link_or_raise()
        names, greeting, real = link.names(), link.core.session.greeting, type(link).names
        if lie == "another port":
            names.own = (names.own[0], names.own[1] ^ 1)
            monkeypatch.setattr(type(link), "names", lambda self: names if self is link else real(self))
        elif lie == "another id":  # as behind a proxy: the id is that of somebody else's connection
            monkeypatch.setattr(greeting, "connection_id", other.connection_id)
        elif lie == "change_user":
            link.core.user_changed = True
        else:
            monkeypatch.setattr(type(link), "names", lambda self: None)
        task = await begun(ask(other, "SELECT SLEEP(0.3)"))
        await waits(other)
        assert await cancel.kill_query(link, time.monotonic() + PATIENCE) == Fate.NOTHING
        assert await task == 0
        assert await works(connection)

    run_alone(test, [connect_async])


@runs
async def test_kill_query_when_nothing_runs(connect_async: AsyncConnector) -> None:
    link: Any = (await connect_async())._link_or_raise()
    assert await cancel.kill_query(link, time.monotonic() + PATIENCE) == Fate.OVER


@runs
async def test_a_server_that_takes_no_second_connection(
    connect_async: AsyncConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    for strike in ("timeout", "cancel"):
        connection = await connect_async()
        monkeypatch.setattr(connection._core, "password", "changed meanwhile")
        before = time.monotonic()
        if strike == "timeout":
            with pytest.raises(QueryTimeout):
                await connection.cursor().execute("DO SLEEP(30)", timeout=SHORT)
        else:
            await cancelled(connection, LONG["text"](connection))
        assert time.monotonic() - before < GENEROUS
        with pytest.raises(LostConnectionError):
            await works(connection)
