"""T7. There is no server: who makes a pool, and who borrows, is told so, in time, and nothing spins meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import mariadb_py
from mariadb_py import ConnectionPool, OperationalError, PoolTimeout, create_pool
from mariadb_py.testing.server import free_port
from tests.chaos.program import Failed, Form, main, prove, together
from tests.support.listener import full_queue

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ACQUIRE_TIMEOUT, GRACE = 2.0, 0.25  # seconds
CPU = 0.2  # seconds
THREADS = 10
REFUSED = (2002, 2003)  # a server that cannot be connected to


def program(form: Form) -> str:
    nobody = {"host": "127.0.0.1", "port": free_port(), "user": "nobody"}
    _constructor(nobody)
    began = time.process_time()
    lates = [_pool(form, nobody)]
    cpu = time.process_time() - began
    prove(cpu < form.bound(CPU), f"{cpu:.2f} s of CPU were burned, {form.bound(CPU):g} are allowed")
    with full_queue() as silent:  # connecting there takes for ever
        lates.append(_pool(form, {**silent, "user": "nobody", "connect_timeout": 0.5}))
    return (
        f"{THREADS} borrowers are refused {max(lates):.2f} s at most behind acquire_timeout (bound "
        f"{form.bound(GRACE):g}), with the cause; {cpu:.3f} s of CPU (bound {form.bound(CPU):g})"
    )


def _constructor(nobody: dict[str, Any]) -> None:
    for keywords in ({}, {"acquire_timeout": 1.0}):
        for _ in range(2):  # its name is not taken
            error = _error(lambda keywords=keywords: ConnectionPool(pool_name="t7", **keywords, **nobody))
            prove(isinstance(error, OperationalError) and error.errno in REFUSED, f"ConnectionPool() raises {error!r}")
    prove("t7" not in mariadb_py._CONNECTION_POOLS, "a pool that could not be made is there")
    with ConnectionPool(pool_name="t7", min_size=0, max_size=2, **nobody) as pool:
        error = _error(pool.get_connection)
        prove(isinstance(error, OperationalError) and error.errno in REFUSED, f"acquire_timeout=0: raises {error!r}")


def _pool(form: Form, nobody: dict[str, Any]) -> float:
    """How far behind acquire_timeout a borrower was refused."""
    began = time.monotonic()
    timeout = form.pick(ACQUIRE_TIMEOUT, 1.0)
    with create_pool(acquire_timeout=timeout, **nobody) as pool:
        took = time.monotonic() - began
        prove(took < form.bound(GRACE), f"create_pool() took {took:.2f} s")
        began = time.monotonic()
        error = _error(lambda: pool.wait_ready(timeout))
        lates = [time.monotonic() - began - timeout]
        prove(_explained(error), f"wait_ready() raises {error!r}, because of {error.__cause__!r}")
        for late, error in together(THREADS, lambda _: _refused(pool, timeout)):
            prove(_explained(error), f"get_connection() raises {error!r}, because of {error.__cause__!r}")
            lates.append(late)
    bound = form.bound(GRACE)
    prove(min(lates) >= -0.05, f"somebody was refused {-min(lates):.2f} s before his time")
    prove(max(lates) <= bound, f"somebody was refused {max(lates):.2f} s behind his time, {bound:g} are allowed")
    return max(lates)


def _refused(pool: ConnectionPool, timeout: float) -> tuple[float, BaseException]:
    began = time.monotonic()
    error = _error(pool.get_connection)
    return time.monotonic() - began - timeout, error


def _explained(error: BaseException) -> bool:
    return isinstance(error, PoolTimeout) and isinstance(error.__cause__, OperationalError)


def _error(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except mariadb_py.Error as error:
        return error
    raise Failed("no error is raised")


if __name__ == "__main__":
    main(program)
