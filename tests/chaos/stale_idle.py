"""T19. Connections die while they are idle, by KILL or by wait_timeout: no borrower sees an error.

Killed by KILL, the server ends the stream; expired, it resets the connection.
"""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import mariadb_py
from mariadb_py import ConnectionPool, create_pool
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, execute, kill, main, prove, value

if TYPE_CHECKING:
    from typing import Any

    from mariadb_py import Connection

SIZE = 20


def program(form: Form) -> str:
    borrows = form.pick(1000, 80)
    counts = {"killed": 0, "expired": 0, "about to expire": 0}
    with ExitStack() as stack:
        server = stack.enter_context(temp_server())
        administrator = stack.enter_context(mariadb_py.connect(**server.connect_args, autocommit=True))
        options: dict[str, Any] = {"pool_name": "t19", **server.connect_args}
        for share, keywords in ((0.35, {}), (0.7, {"acquire_timeout": 10.0})):
            with ConnectionPool(pool_size=SIZE, **keywords, **options) as pool:
                while counts["killed"] < borrows * share:
                    counts["killed"] += _killed(pool, administrator, counts["killed"])
        with ConnectionPool(pool_size=2 * SIZE, pool_reset_session=False, **options) as pool:
            while counts["expired"] < borrows * 0.2:
                counts["expired"] += _expired(pool)
        execute(administrator, "SET GLOBAL wait_timeout = 1")
        with create_pool(min_size=2 * SIZE, max_size=2 * SIZE, connect_concurrency=10, **options) as pool:
            while counts["about to expire"] < borrows * 0.1:
                counts["about to expire"] += _near_its_end(pool)
    prove(sum(counts.values()) >= borrows, f"only {counts} borrows")
    return f"{sum(counts.values())} borrows over dead idle connections, no error: {counts}"


def _killed(pool: ConnectionPool, administrator: Connection, seed: int) -> int:
    """Kill some idle connections, and borrow all; how many were borrowed."""
    ids = _borrow_all(pool)
    victims = random.Random(seed).sample(sorted(ids), 1 + seed % SIZE)
    kill(administrator, *victims)
    after = _borrow_all(pool)
    prove(not after & set(victims), "a killed connection answers")
    return len(after)


def _expired(pool: ConnectionPool) -> int:
    """Let the server hang up on all idle connections, and borrow all."""
    _borrow_all(pool, "SET wait_timeout = 1")
    time.sleep(1.5)
    return len(_borrow_all(pool))


def _near_its_end(pool: ConnectionPool) -> int:
    """As the server says when it will hang up, the pool replaces its connections before that."""
    pool.wait_ready()
    done = 0
    until = time.monotonic() + 2.2
    while time.monotonic() < until:
        done += len(_borrow_all(pool, size=SIZE))
        time.sleep(random.uniform(0.3, 1.1))
    return done


def _borrow_all(pool: ConnectionPool, statement: str = "", size: int = 0) -> set[int]:
    """Borrow all connections and use each; their ids."""
    connections = [pool.get_connection() for _ in range(size or pool.pool_size)]
    ids = {value(connection, "SELECT CONNECTION_ID()") for connection in connections}
    for connection in connections:
        if statement:
            execute(connection, statement)
        connection.close()
    prove(len(ids) == len(connections), "two borrowers have the same connection")
    return ids


if __name__ == "__main__":
    main(program)
