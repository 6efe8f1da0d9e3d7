"""T21. The password changes on the server, and a callable knows the new one: the pool goes on serving."""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING

import mariadb_py
from mariadb_py import create_pool
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, execute, fetch, main, prove, together, wait_until

if TYPE_CHECKING:
    from mariadb_py import Connection, ConnectionPool

THREADS, SIZE = 8, 4


class Vault:
    """Has the current password."""

    def __init__(self, administrator: Connection) -> None:
        self._administrator = administrator
        self.password = ""
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        return self.password

    def rotate(self) -> None:
        new = secrets.token_urlsafe(12)
        execute(self._administrator, f"ALTER USER app@'127.0.0.1' IDENTIFIED BY '{new}'")
        self.password = new


def program(form: Form) -> str:
    rotations = form.pick(30, 3)
    stop = threading.Event()
    with temp_server() as server, mariadb_py.connect(**server.connect_args, autocommit=True) as administrator:
        execute(administrator, "CREATE USER app@'127.0.0.1'", "GRANT SELECT ON test.* TO app@'127.0.0.1'")
        vault = Vault(administrator)
        vault.rotate()
        options = {**server.connect_args, "user": "app", "password": vault, "min_size": SIZE, "max_size": SIZE}
        with create_pool(**options) as pool:
            pool.wait_ready()
            counts: list[list[int]] = []
            load = threading.Thread(
                target=lambda: counts.append(together(THREADS, lambda _: _work(pool, stop), 500.0)), daemon=True
            )
            load.start()
            for _ in range(rotations):
                _rotate(pool, vault)
            stop.set()
            load.join(30.0)
            prove(counts, "a thread hangs, or got an error")
            figures = pool.stats()
    prove(figures["connect_errors"] == 0, f"{figures['connect_errors']} logins failed")
    prove(vault.asked == figures["connects"], f"the vault was asked {vault.asked} times")
    return f"{rotations} rotations under {THREADS} threads: {sum(counts[0])} answers, no error, {vault.asked} logins"


def _rotate(pool: ConnectionPool, vault: Vault) -> None:
    """A new password, and only connections that were opened with it."""
    vault.rotate()
    before = pool.stats()
    pool.drain()
    wait_until(lambda: pool.stats()["connects"] >= before["connects"] + SIZE, "the connections are not replaced")
    wait_until(lambda: pool.stats()["connecting"] == 0, "connections are still being opened")
    prove(pool.stats()["discards"]["drained"] == before["discards"]["drained"] + SIZE, "an old connection is kept")
    time.sleep(0.02)


def _work(pool: ConnectionPool, stop: threading.Event) -> int:
    done = 0
    while not stop.is_set():
        with pool.get_connection() as connection:
            prove(fetch(connection, "SELECT ?", (done,)) == [(done,)], "a strange answer")
        done += 1
    return done


if __name__ == "__main__":
    main(program)
