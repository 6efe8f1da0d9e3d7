"""T15. 50 threads come at once, connecting takes 150 ms, and the work 2 ms: they are served by what is there.

As psycopg's and HikariCP's tests have it: a pool that opens a connection for each who waits would open 45 in vain.
"""

from __future__ import annotations

import threading
import time

from mariadb_py import ConnectionPool, create_pool
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, main, prove, together, value, wait_until
from tests.chaos.proxy import proxied

THREADS, IDLE = 50, 5
LOGIN, WORK = 0.150, 0.002  # seconds
DONE = 0.200
EXTRA = 6  # connections


def program(form: Form) -> str:
    rounds = form.pick(10, 2)
    slowest, extra = 0.0, 0
    with temp_server() as server, proxied(server, login_delay=LOGIN) as proxy:
        options = {"min_size": IDLE, "max_size": THREADS, "acquire_timeout": 10.0, **proxy.connect_args}
        for _ in range(rounds):
            with create_pool(**options) as pool:
                pool.wait_ready()
                wait_until(lambda pool=pool: pool.stats()["idle"] == IDLE, "there are no idle connections")
                slowest = max(slowest, _spike(pool))
                wait_until(lambda pool=pool: pool.stats()["connecting"] == 0, "connections are still being opened")
                extra = max(extra, pool.stats()["connects"] - IDLE)
    bound = form.bound(DONE)
    prove(slowest <= bound, f"all were done after {slowest * 1000:.0f} ms, {bound * 1000:g} are allowed")
    prove(extra <= EXTRA, f"{extra} connections were opened, {EXTRA} are allowed")
    return (
        f"{rounds} spikes of {THREADS} threads: done after {slowest * 1000:.0f} ms (bound {bound * 1000:g}), "
        f"{extra} further connections (bound {EXTRA})"
    )


def _spike(pool: ConnectionPool) -> float:
    """Seconds until all threads are done."""
    gate = threading.Barrier(THREADS)

    def work(number: int) -> tuple[float, float]:
        gate.wait()
        began = time.monotonic()
        with pool.get_connection() as connection:
            prove(value(connection, "SELECT ?", (number,)) == number, "a strange answer")
            time.sleep(WORK)
        return began, time.monotonic()

    times = together(THREADS, work)
    return max(end for _, end in times) - min(began for began, _ in times)


if __name__ == "__main__":
    main(program)
