"""T14. A server that comes back is not flooded: few logins at a time, and ends of life that are far from each other.

A proxy counts the logins that are going on when a pool of 50 connections finds all of them dead. The ends of life are
those of PoolCore with a clock that is made up.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from mariadb_py import Error, create_pool
from mariadb_py.core.pool.actions import Check, Close, Open
from mariadb_py.core.pool.core import PoolCore
from mariadb_py.core.pool.options import PoolOptions
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, fetch, main, prove, together, wait_until
from tests.chaos.proxy import proxied

if TYPE_CHECKING:
    from mariadb_py import ConnectionPool
    from mariadb_py.core.pool.actions import Action

SIZE = 50
CONCURRENCIES = (1, 2, 5)
LOGIN = 0.01  # seconds that one takes at least, so that they can be seen together
MANY = 1000  # connections whose ends of life are counted
LIFETIME = 1800.0
WINDOW, SHARE = 0.01, 0.15  # of the lifetime; of the reconnects


def program(form: Form) -> str:
    peaks = {}
    size = form.pick(SIZE, 20)
    for concurrency in form.pick(CONCURRENCIES, (2,)):
        with temp_server() as server, proxied(server, login_delay=LOGIN) as proxy:
            options = {"min_size": size, "max_size": size, "connect_concurrency": concurrency, "acquire_timeout": 30.0}
            with create_pool(**options, **proxy.connect_args) as pool:
                pool.wait_ready()
                proxy.peak = 0
                server.restart()
                together(size, lambda _, pool=pool: _work(pool))
                pool.wait_ready()
                wait_until(lambda pool=pool: pool.stats()["idle"] == size, "the pool is not full")
            peaks[concurrency] = proxy.peak
        prove(0 < proxy.peak <= concurrency, f"{proxy.peak} logins at a time, with connect_concurrency={concurrency}")
    share = _most_crowded(MANY, LIFETIME)
    prove(share <= SHARE, f"{share:.1%} of the reconnects are in one window, {SHARE:.0%} are allowed")
    return (
        f"{size} connections died: logins at a time {peaks}, by connect_concurrency; the fullest {WINDOW:.0%} of the "
        f"lifetime sees {share:.1%} of {MANY} reconnects (bound {SHARE:.0%})"
    )


def _work(pool: ConnectionPool) -> None:
    """Borrow until it is of use."""
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        try:
            with pool.get_connection() as connection:
                fetch(connection, "SELECT SLEEP(0.05)")
                return
        except Error:
            time.sleep(0.01)
    prove(False, "no connection is of use")


def _most_crowded(size: int, lifetime: float) -> float:
    """Share of the reconnects that are in the fullest window, when all connections were opened at the same time."""
    options = PoolOptions({"min_size": size, "max_size": size, "max_lifetime": lifetime}, service=True)
    core = PoolCore(options, random.Random(1).random)
    _carry_out(core, core.start(0.0), 0.0)
    for _ in range(size):
        _carry_out(core, core.tick(0.0), 0.0)
    prove(core.open == size, f"{core.open} connections of {size} were opened")
    reconnects: list[float] = []
    step = lifetime * WINDOW / 20
    for number in range(int(lifetime * 1.05 / step)):
        now = number * step
        reconnects += [now] * _carry_out(core, core.tick(now), now)
    prove(len(reconnects) == size, f"{len(reconnects)} connections of {size} were replaced in one lifetime")
    width = lifetime * WINDOW
    return max(sum(start <= at < start + width for at in reconnects) for start in reconnects) / size


def _carry_out(core: PoolCore, actions: list[Action], now: float) -> int:
    """Do what the core asks for; how many connections were closed."""
    todo, closed = list(actions), 0
    while todo:
        action = todo.pop(0)
        if isinstance(action, Open):
            todo += core.opened(action.slot, object(), now)
        elif isinstance(action, Check):
            todo += core.checked(action.slot, True, now)
        closed += isinstance(action, Close)
    return closed


if __name__ == "__main__":
    main(program)
