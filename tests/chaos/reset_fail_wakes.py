"""T13. A connection that died while it was borrowed is closed: whoever waits for it gets another one at once."""

from __future__ import annotations

import threading
import time

import mariadb_py
from mariadb_py import ConnectionPool
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, execute, kill, main, prove, value, wait_until

SERVED = 1.0  # seconds
ACQUIRE_TIMEOUT = 8.0
WAYS = {"deferred": {}, "waited for": {"pipeline_reset": False}, "off": {"pool_reset_session": False}}


def program(form: Form) -> str:
    rounds = form.pick(50, 5)
    slowest = 0.0
    with temp_server() as server, mariadb_py.connect(**server.connect_args, autocommit=True) as administrator:
        for how, keywords in WAYS.items():
            options = {"pool_size": 1, "acquire_timeout": ACQUIRE_TIMEOUT, **keywords, **server.connect_args}
            with ConnectionPool(pool_name="t13", **options) as pool:
                for number in range(rounds):
                    took = _round(pool, administrator, in_transaction=bool(number % 2))
                    bound = form.bound(SERVED)
                    prove(took <= bound, f"reset {how}: the waiter was served after {took:.2f} s, not {bound:g}")
                    slowest = max(slowest, took)
                figures = pool.stats()
            prove(figures["timeouts"] == 0, f"reset {how}: somebody waited in vain")
    return f"{3 * rounds} dead connections were returned; waiters served {slowest:.3f} s later (bound {bound:g})"


def _round(pool: ConnectionPool, administrator: mariadb_py.Connection, in_transaction: bool) -> float:
    """Seconds from the return of a dead connection until who waits has one that works."""
    connection = pool.get_connection()
    if in_transaction:
        execute(connection, "START TRANSACTION")
    served: list[float] = []

    def wait() -> None:
        with pool.get_connection() as other:
            if value(other, "SELECT 1") == 1:
                served.append(time.monotonic())

    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    wait_until(lambda: pool.stats()["waiting"] == 1, "nobody waits")
    kill(administrator, connection.connection_id)
    closed = time.monotonic()
    connection.close()
    waiter.join(2 * ACQUIRE_TIMEOUT)
    prove(served, "the waiter hangs, or got an error")
    return served[0] - closed


if __name__ == "__main__":
    main(program)
