"""A web application with a pool, on Starlette; FastAPI takes the same `lifespan`. `uvicorn asgi_app:app` serves it."""

import contextlib
import json
import os

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from mariadb_py import IntegrityError, PoolTimeout, aio


@contextlib.asynccontextmanager
async def lifespan(app):
    app.state.pool = await aio.create_pool(
        max_size=10,
        acquire_timeout=5,  # seconds that a request waits for a connection
        host=os.environ.get("MARIADB_HOST", "127.0.0.1"),
        port=int(os.environ.get("MARIADB_PORT", "3306")),
        user=os.environ.get("MARIADB_USER", "example_user"),
        password=os.environ["MARIADB_PASSWORD"],
        database="test",
    )
    try:
        yield
    finally:
        await app.state.pool.close(timeout=5)  # requests that are still running have that long


class Rows(StreamingResponse):
    """Ends the generator, and gives its connection back, when the client goes away; else the collector does, later."""

    async def stream_response(self, send):
        try:
            await super().stream_response(send)
        finally:
            await self.body_iterator.aclose()


async def add(request):
    person = await request.json()
    try:
        async with request.app.state.pool.connection() as connection, connection.cursor() as cursor:
            await cursor.execute("INSERT INTO person (name) VALUES (?)", (person["name"],))
    except IntegrityError as error:
        raise HTTPException(409, "there is one of that name") from error
    return JSONResponse({"id": cursor.lastrowid}, 201)


async def show(request):
    async with request.app.state.pool.connection() as connection, connection.cursor() as cursor:
        await cursor.execute("SELECT name FROM person WHERE id = ?", (request.path_params["id"],))
        row = await cursor.fetchone()
    if row is None:
        raise HTTPException(404)
    return JSONResponse({"name": row[0]})


async def export(request):
    async def lines():
        async with request.app.state.pool.connection() as connection, connection.cursor(buffered=False) as cursor:
            await cursor.execute("SELECT id, name FROM person ORDER BY id")
            while rows := await cursor.fetchmany(100):
                yield "".join(json.dumps(row) + "\n" for row in rows)

    return Rows(lines(), media_type="application/jsonl")


async def busy(request, error):
    return JSONResponse({"detail": "try again later"}, 503)


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/people", add, methods=["POST"]),
        Route("/people/{id:int}", show),
        Route("/people.jsonl", export),
    ],
    exception_handlers={PoolTimeout: busy},
)
