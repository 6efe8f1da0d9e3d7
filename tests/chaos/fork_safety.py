"""T10. Forked children use connections of their own, and their parent keeps his; over TLS, too.

The parent has four idle connections and a borrowed one. Eight children are forked, each runs 200 queries through the
pool, and tries to use what its parent has borrowed.
"""

from __future__ import annotations

import json
import os
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING

import mariadb_py
from mariadb_py import ConnectionPool
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, fetch, main, prove, value, wait_until
from tests.support.tls import server_certificates, server_options

if TYPE_CHECKING:
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer

CHILDREN, SIZE = 8, 5


def program(form: Form) -> str:
    queries = form.pick(200, 20)
    with ExitStack() as stack:
        certificates = stack.enter_context(server_certificates())
        server = stack.enter_context(temp_server(options=server_options(certificates, "good")))
        for name, tls in {"plain": {"ssl": False}, "TLS": {"ssl_ca": certificates.ca}}.items():
            for how, keywords in {"": {}, ", queueing": {"acquire_timeout": 10.0, "keepalive": 30.0}}.items():
                _family(name + how, server, queries, {**server.connect_args, **tls, **keywords})
    return (
        f"{CHILDREN} children with {queries} queries each, plain and over TLS: no connection is shared, the parent's "
        "are alive, what it has borrowed is of no use to them, Aborted_clients unchanged"
    )


def _family(name: str, server: TempServer, queries: int, options: dict[str, Any]) -> None:
    with mariadb_py.connect(**server.connect_args, autocommit=True) as other:
        aborted = _aborted(other)
        with ConnectionPool(pool_name="t10", pool_size=SIZE, **options) as pool:
            lent = pool.get_connection()
            prove(bool(_status(lent, "Ssl_version")) == name.startswith("TLS"), f"{name}: the connection is not")
            mine = _idle_ids(pool) | {lent.connection_id}
            stories = [_read(pipe) for pipe in [_fork(pool, lent, queries) for _ in range(CHILDREN)]]
            for story in stories:
                prove("error" not in story, f"{name}: a child failed: {story.get('error')}")
                shared = mine & set(story["ids"])
                prove(not shared, f"{name}: a child used connections {shared} of its parent")
                prove(story["lent"], f"{name}: a child could use what its parent has borrowed")
                prove(story["right"] == queries, f"{name}: {story['right']} of {queries} answers were right")
            strangers = [number for story in stories for number in set(story["ids"])]
            prove(len(strangers) == len(set(strangers)), f"{name}: two children used the same connection")
            prove(value(lent, "SELECT CONNECTION_ID()") in mine, f"{name}: the parent's borrowed connection is lost")
            prove(_idle_ids(pool) | {lent.connection_id} == mine, f"{name}: the parent's idle connections are lost")
            lent.close()
            prove(pool.stats()["connects"] == SIZE, f"{name}: the parent has opened further connections")
        prove(_aborted(other) == aborted, f"{name}: Aborted_clients went from {aborted} to {_aborted(other)}")


def _aborted(other: Connection) -> int:
    return int(fetch(other, "SHOW GLOBAL STATUS LIKE 'Aborted_clients'")[0][1])


def _status(connection: Connection, name: str) -> str:
    return str(fetch(connection, "SHOW STATUS LIKE ?", (name,))[0][1])


def _idle_ids(pool: ConnectionPool) -> set[int]:
    """Ids of all idle connections, as the server says."""
    connections = [pool.get_connection() for _ in range(SIZE - 1)]
    ids = {value(connection, "SELECT CONNECTION_ID()") for connection in connections}
    for connection in connections:
        connection.close()
    return ids


def _fork(pool: ConnectionPool, lent: Connection, queries: int) -> tuple[int, int]:
    """A child, and the pipe through which it will tell how it was."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 3.12 warns of other threads; the pool has one, and has to cope
        child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    try:
        story = _live(pool, lent, queries)
    except BaseException as error:
        story = {"error": repr(error)}
    os.write(writing, json.dumps(story).encode())
    os._exit(0)


def _live(pool: ConnectionPool, lent: Connection, queries: int) -> dict[str, Any]:
    """What a child does."""
    try:
        fetch(lent, "SELECT 1")
        useless = False
    except mariadb_py.Error:
        useless = True
    lent.close()
    ids, right = [], 0
    for number in range(queries):
        with pool.get_connection() as connection:
            ids.append(value(connection, "SELECT CONNECTION_ID()"))
            right += fetch(connection, "SELECT ?, ?", (os.getpid(), number)) == [(os.getpid(), number)]
    # A connection that is still being opened would be cut off by the end of this process.
    wait_until(lambda: pool.stats()["connecting"] == 0, "connections are still being opened")
    pool.close()
    return {"ids": ids, "right": right, "lent": useless}


def _read(pipe: tuple[int, int]) -> dict[str, Any]:
    child, reading = pipe
    with open(reading, "rb") as file:
        text = file.read()
    _, status = os.waitpid(child, 0)
    prove(not status and text, f"a child ended with status {status} and said {text!r}")
    return dict(json.loads(text))


if __name__ == "__main__":
    main(program)
