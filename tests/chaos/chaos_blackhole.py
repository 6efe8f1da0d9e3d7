"""T6. The network swallows everything: whoever borrows is told in time, and whoever has a healthy connection goes on.

A proxy holds back what is sent on the idle connections, and on new ones; five borrowed ones are spared. 20 threads
borrow meanwhile. Then the network is healed.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import mariadb_py
from mariadb_py import create_pool
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, main, prove, together, value, wait_until
from tests.chaos.proxy import proxied

if TYPE_CHECKING:
    from mariadb_py import Connection, ConnectionPool
    from tests.chaos.proxy import Proxy

BORROWERS, SPARED = 20, 5
ACQUIRE_TIMEOUT = 2.0
GRACE = 0.25  # seconds, behind acquire_timeout
RECOVERED = 2.0  # seconds
UNAFFECTED = 0.25  # seconds that a statement on a healthy connection may take
PORT = "SELECT SUBSTRING_INDEX(host, ':', -1) + 0 FROM information_schema.processlist WHERE id = CONNECTION_ID()"


def program(form: Form) -> str:
    rounds = form.pick(5, 1)
    size = BORROWERS + SPARED
    with temp_server() as server, proxied(server) as proxy:
        options = {**proxy.connect_args, "max_size": size, "min_size": size, "acquire_timeout": ACQUIRE_TIMEOUT}
        with create_pool(**options) as pool:
            times = [_round(form, proxy, pool) for _ in range(rounds)]
            figures = pool.stats()
        prove(figures["active"] == 0, f"a slot is lost: {figures}")
    slowest, statement, recovery, refused = (max(values) for values in zip(*times))
    return (
        f"{rounds} rounds of {BORROWERS} borrowers, {refused} refused; slowest {slowest:.2f} s "
        f"(bound {form.bound(ACQUIRE_TIMEOUT + GRACE):g}), slowest statement of others {statement * 1000:.0f} ms "
        f"({form.bound(UNAFFECTED) * 1000:g}), recovered {recovery:.2f} s behind healing ({form.bound(RECOVERED):g})"
    )


def _round(form: Form, proxy: Proxy, pool: ConnectionPool) -> tuple[float, float, float, int]:
    pool.wait_ready(30.0)
    spared = [pool.get_connection() for _ in range(SPARED)]
    ports = {int(value(connection, PORT)) for connection in spared}
    time.sleep(0.6)  # behind pool_invalidation_interval
    stop = threading.Event()
    slowest = [0.0] * SPARED
    healthy = [
        threading.Thread(target=_use, args=(connection, stop, slowest, number), daemon=True)
        for number, connection in enumerate(spared)
    ]
    for thread in healthy:
        thread.start()
    proxy.hold(ports)
    outcomes = together(BORROWERS, lambda _: _borrow(pool), form.bound(ACQUIRE_TIMEOUT + GRACE) + 5)
    stop.set()
    for thread in healthy:
        thread.join(10.0)
    prove(not any(thread.is_alive() for thread in healthy), "a healthy connection hangs")
    late, most = max(seconds for seconds, _ in outcomes), form.bound(ACQUIRE_TIMEOUT + GRACE)
    prove(late <= most, f"a borrower was told behind {late:.2f} s, {most:g} are allowed")
    for connection in spared:
        connection.close()
    most = form.bound(UNAFFECTED)
    prove(max(slowest) <= most, f"a statement on a healthy connection took {max(slowest):.2f} s, {most:g} are allowed")
    proxy.heal()
    recovery = wait_until(lambda: not _borrow(pool)[1], "nobody can borrow", form.bound(RECOVERED))
    return late, max(slowest), recovery, sum(refused for _, refused in outcomes)


def _use(connection: Connection, stop: threading.Event, slowest: list[float], number: int) -> None:
    while not stop.is_set():
        began = time.monotonic()
        try:
            right = value(connection, "SELECT ?", (number,)) == number
        except mariadb_py.Error:
            right = False
        slowest[number] = max(slowest[number], time.monotonic() - began if right else float("inf"))
        time.sleep(0.005)


def _borrow(pool: ConnectionPool) -> tuple[float, bool]:
    """How long it took, and whether it was refused."""
    began = time.monotonic()
    try:
        connection = pool.get_connection()
    except mariadb_py.Error:
        return time.monotonic() - began, True
    took = time.monotonic() - began
    connection.close()
    return took, False


if __name__ == "__main__":
    main(program)
