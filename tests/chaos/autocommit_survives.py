"""T1. The autocommit mode that was asked for is there at every borrow, and what is rolled back is gone.

COM_RESET_CONNECTION brings back the server's default, which is 1.
"""

from __future__ import annotations

import mariadb_py
from mariadb_py import ConnectionPool
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, execute, main, prove, value

HOW = {"deferred": {}, "waited for": {"pipeline_reset": False}, "rollback only": {"pool_reset_session": False}}


def program(form: Form) -> str:
    rounds = form.pick(1000, 100)
    with temp_server() as server, mariadb_py.connect(**server.connect_args, autocommit=True) as administrator:
        execute(administrator, "CREATE TABLE t (n INT)")
        for how, keywords in HOW.items():
            for mode in (False, True):
                options = {"pool_name": "t1", "pool_size": 3, "autocommit": mode, **keywords}
                with ConnectionPool(**options, **server.connect_args) as pool:
                    wrong = sum(_cycle(pool, number) != mode for number in range(rounds))
                prove(not wrong, f"reset {how}: {wrong} of {rounds} borrowers did not find autocommit={mode}")
                rows = value(administrator, "SELECT COUNT(*) FROM t")
                prove(rows == (rounds if mode else 0), f"reset {how}, autocommit={mode}: {rows} rows are left")
                execute(administrator, "TRUNCATE TABLE t")
    return f"{rounds} borrows of each kind, all in the mode that was asked for, no row behind a rollback"


def _cycle(pool: ConnectionPool, number: int) -> bool:
    with pool.get_connection() as connection:
        mode = bool(value(connection, "SELECT @@autocommit"))
        execute(connection, f"INSERT INTO t VALUES ({number})")
        connection.rollback()
        return mode


if __name__ == "__main__":
    main(program)
