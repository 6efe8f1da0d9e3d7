"""examples/asgi_app.py against a real server: its lifespan, requests side by side, and clients that go away.

Starlette and httpx come with the extra `frameworks`; without them these tests are skipped.
"""

from __future__ import annotations

import asyncio
import json
import runpy
from pathlib import Path

import pytest

import mariadb_py.aio
from tests.compat.test_frameworks import needs
from tests.support.aio import ask, run_alone, until

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, MutableMapping
    from typing import Any

    import httpx

    from mariadb_py.aio import AsyncConnection, AsyncConnectionPool
    from mariadb_py.testing import TempServer

    Message = MutableMapping[str, Any]
    Work = Callable[["Site"], Awaitable[None]]

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "asgi_app.py"
WAITS = (
    "SELECT COUNT(*) FROM information_schema.processlist WHERE command != 'Sleep' AND info LIKE 'INSERT INTO person%'"
)


@pytest.fixture
def app(server: TempServer, connect: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The application, for a server with its table."""
    arguments = server.connect_args
    assert arguments["database"] == "test"
    for name in ("host", "port", "user", "password"):
        monkeypatch.setenv(f"MARIADB_{name.upper()}", str(arguments[name]))
    with connect(autocommit=True).cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS person")
        cursor.execute("CREATE TABLE person (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(700) UNIQUE)")
        yield runpy.run_path(str(EXAMPLE))["app"]
        cursor.execute("DROP TABLE person")


class Lifespan:
    """What a server does with an application when it begins, and in the end."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._said: asyncio.Queue[Message] = asyncio.Queue()

    async def __aenter__(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.ensure_future(self._app(scope, self._told.get, self._said.put))
        await self._ask("startup")

    async def __aexit__(self, *details: object) -> None:
        await self._ask("shutdown")
        await self._task

    async def _ask(self, phase: str) -> None:
        await self._told.put({"type": f"lifespan.{phase}"})
        assert await self._said.get() == {"type": f"lifespan.{phase}.complete"}


class Site:
    """The running application, a client of it, and a connection past it."""

    def __init__(self, app: Any, client: httpx.AsyncClient, observer: AsyncConnection) -> None:
        self.app, self.client, self.observer = app, client, observer

    @property
    def pool(self) -> AsyncConnectionPool:
        pool: AsyncConnectionPool = self.app.state.pool
        return pool

    async def names(self, *names: str) -> list[Any]:
        """Add people."""
        answers = [await self.client.post("/people", json={"name": name}) for name in names]
        assert [answer.status_code for answer in answers] == [201] * len(names)
        return [answer.json()["id"] for answer in answers]

    async def at_rest(self) -> None:
        """Nothing is borrowed, and the server does not work for anyone."""
        await until(lambda: self.pool.stats()["active"] == 0)
        assert await ask(self.observer, WAITS) == 0


def visit(server: TempServer, app: Any, work: Work) -> AsyncConnectionPool:
    """Run the application, and `work` as its client; the pool, behind the end of the application."""
    import httpx

    async def main() -> AsyncConnectionPool:
        async with await mariadb_py.aio.connect(**server.connect_args, autocommit=True) as observer, Lifespan(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60) as client:
                site = Site(app, client, observer)
                await work(site)
                await site.at_rest()
        return site.pool

    pool: AsyncConnectionPool = run_alone(main)
    return pool


def test_the_documentation_shows_the_example() -> None:
    text = (ROOT / "docs" / "asyncio.md").read_text(encoding="utf-8")
    assert f"```python\n{EXAMPLE.read_text(encoding='utf-8')}```\n" in text


@needs("starlette")
@needs("httpx")
def test_requests(server: TempServer, app: Any) -> None:
    async def work(site: Site) -> None:
        first, second = await site.names("Ada", "Zoë")
        assert (await site.client.get(f"/people/{second}")).json() == {"name": "Zoë"}
        assert (await site.client.get(f"/people/{second + 10}")).status_code == 404
        again = await site.client.post("/people", json={"name": "Ada"})
        assert (again.status_code, again.text) == (409, "there is one of that name")
        export = await site.client.get("/people.jsonl")
        assert list(map(json.loads, export.text.splitlines())) == [[first, "Ada"], [second, "Zoë"]]

    visit(server, app, work)


@needs("starlette")
@needs("httpx")
def test_lifespan_opens_and_closes_the_pool(server: TempServer, app: Any) -> None:
    async def work(site: Site) -> None:
        await site.names("Ada")
        assert site.pool.stats()["size"] > 0

    assert not hasattr(app.state, "pool")
    pool = visit(server, app, work)
    assert pool.stats()["size"] == 0

    async def borrow() -> None:
        await pool.get_connection()

    with pytest.raises(mariadb_py.PoolError):
        asyncio.run(borrow())


@needs("starlette")
@needs("httpx")
def test_requests_side_by_side(server: TempServer, app: Any) -> None:
    count = 60

    async def work(site: Site) -> None:
        await asyncio.gather(*(site.names(f"n{number}") for number in range(count)))
        ids = dict(map(reversed, await _export(site)))  # type: ignore[arg-type]
        assert sorted(ids) == sorted(f"n{number}" for number in range(count))
        answers = await asyncio.gather(*(site.client.get(f"/people/{number}") for number in ids.values()))
        assert [answer.json()["name"] for answer in answers] == list(ids)
        assert 1 < site.pool.stats()["size"] <= 10

    visit(server, app, work)


@needs("starlette")
@needs("httpx")
def test_too_many_requests_are_told_to_try_later(server: TempServer, app: Any) -> None:
    async def work(site: Site) -> None:
        await site.names("Ada")
        site.pool.set_config(acquire_timeout=0.05)
        held = [await site.pool.get_connection(timeout=60) for _ in range(10)]
        answer = await site.client.get("/people/1")
        assert (answer.status_code, answer.json()) == (503, {"detail": "try again later"})
        for connection in held:
            await connection.close()
        assert (await site.client.get("/people/1")).json() == {"name": "Ada"}

    visit(server, app, work)


async def _export(site: Site) -> list[list[Any]]:
    return [json.loads(line) for line in (await site.client.get("/people.jsonl")).text.splitlines()]


@needs("starlette")
@needs("httpx")
def test_a_client_goes_away_while_its_statement_runs(server: TempServer, app: Any) -> None:
    """The statement is ended, and nothing of it stays."""

    async def work(site: Site) -> None:
        await site.names("Ada")
        async with await mariadb_py.aio.connect(**server.connect_args) as other:
            await ask(other, "INSERT INTO person (name) VALUES ('Eve')")  # whoever adds another Eve has to wait
            request = asyncio.ensure_future(site.client.post("/people", json={"name": "Eve"}))

            async def waits() -> bool:
                return bool(await ask(site.observer, WAITS) == 1)

            await until(waits)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            await site.at_rest()
            await other.rollback()
        discards = site.pool.stats()["discards"]
        assert sum(discards.values()) == 0, discards
        assert [name for _, name in await _export(site)] == ["Ada"]
        await site.names("Eve")

    visit(server, app, work)


@needs("starlette")
@needs("httpx")
@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
def test_a_client_goes_away_in_the_middle_of_an_answer(server: TempServer, app: Any, spec_version: str) -> None:
    """The server says so by a message (2.3), or by an error of what the application sends (2.4)."""
    sent: list[int] = []

    async def work(site: Site) -> None:
        await ask(site.observer, "INSERT INTO person (name) SELECT CONCAT(seq, REPEAT('x', 600)) FROM seq_1_to_20000")
        gone = asyncio.Event()

        async def receive() -> Message:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(len(message.get("body", b"")))
            if len(sent) == 4:  # the head, and three parts
                gone.set()
                if spec_version == "2.4":
                    raise OSError("the client has gone")
                await asyncio.sleep(60)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": spec_version},
            "http_version": "1.1",
            "method": "GET",
            "path": "/people.jsonl",
            "query_string": b"",
            "headers": [],
        }
        outcome = await asyncio.gather(app(scope, receive, send), return_exceptions=True)
        assert outcome == [None] or type(outcome[0]).__name__ == "ClientDisconnect"
        await site.at_rest()
        assert len(await _export(site)) == 20000

    visit(server, app, work)
    assert sent[0] == 0 and len(sent) == 4
    assert min(sent[1:]) > 60_000
