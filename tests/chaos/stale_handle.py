"""T3. A handle that was closed is of no use any more, and closing it again does no harm.

Threads borrow more connections than there are, close each twice, and use it behind that; at no time do two of them have
the same connection.
"""

from __future__ import annotations

import threading
from collections import deque

from mariadb_py import Connection, ConnectionPool, ProgrammingError
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, main, prove, together, value

THREADS, SIZE = 8, 4
ASKED = 50  # each such borrow asks the server for the id


class Referee:
    """Knows who has which connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lent: set[int] = set()

    def lent(self, number: int) -> None:
        with self._lock:
            prove(number not in self._lent, f"two threads have connection {number}")
            self._lent.add(number)

    def back(self, number: int) -> None:
        with self._lock:
            self._lent.remove(number)


def program(form: Form) -> str:
    operations = form.pick(100_000, 4_000)
    referee = Referee()
    with temp_server() as server:
        options = {"pool_name": "t3", "pool_size": SIZE, "acquire_timeout": 30, **server.connect_args}
        with ConnectionPool(**options) as pool:
            together(THREADS, lambda _: _work(pool, referee, operations // THREADS), form.pick(400.0, 60.0))
            figures = pool.stats()
    prove(figures["borrows"] == operations, f"{figures['borrows']} borrows are counted, there were {operations}")
    prove(figures["connects"] == SIZE, f"{figures['connects']} connections were opened for {SIZE}")
    return f"{operations} borrows by {THREADS} threads of {SIZE} connections, each closed twice: none was shared"


def _work(pool: ConnectionPool, referee: Referee, operations: int) -> None:
    old: deque[Connection] = deque(maxlen=3)
    for number in range(operations):
        connection = pool.get_connection()
        server_id = connection.connection_id
        referee.lent(server_id)
        for handle in old:  # its connection may be the one that is borrowed here
            handle.close()
        if old:
            _refuses(old[number % len(old)])
        if not number % ASKED:
            prove(value(connection, "SELECT CONNECTION_ID()") == server_id, "the server knows it by another id")
        referee.back(server_id)
        connection.close()
        connection.close()
        old.append(connection)


def _refuses(handle: Connection) -> None:
    for use in (handle.cursor, handle.commit, handle.ping, lambda: handle.connection_id):
        try:
            use()
        except ProgrammingError:
            continue
        prove(False, "a closed handle can be used")


if __name__ == "__main__":
    main(program)
