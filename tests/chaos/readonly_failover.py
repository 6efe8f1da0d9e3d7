"""T18. A server that takes no writes any more, as after a failover: the connection that found out is not lent again."""

from __future__ import annotations

import mariadb_py
from mariadb_py import ConnectionPool
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, errno, execute, main, prove, value


def program(form: Form) -> str:
    rounds = form.pick(100, 10)
    with temp_server() as server, mariadb_py.connect(**server.connect_args, autocommit=True) as administrator:
        execute(
            administrator,
            "CREATE TABLE t (n INT)",
            "CREATE USER app@'127.0.0.1' IDENTIFIED BY 'secret'",  # it may not write while read_only is set
            "GRANT SELECT, INSERT ON test.* TO app@'127.0.0.1'",
        )
        options = {**server.connect_args, "user": "app", "password": "secret", "pool_size": 1}
        for how, keywords in {"plain": {}, "waited for": {"pipeline_reset": False}}.items():
            with ConnectionPool(pool_name="t18", **options, **keywords) as pool:
                for number in range(rounds):
                    _failover(pool, administrator, how, prepared=bool(number % 2))
                figures = pool.stats()
            prove(figures["discards"]["evicted"] == rounds, f"{how}: given up were {figures['discards']}")
        execute(administrator, "SET GLOBAL read_only = 0")
        rows = value(administrator, "SELECT COUNT(*) FROM t")
    prove(rows == 2 * rounds, f"{rows} rows are there, not {2 * rounds}")
    return f"{2 * rounds} errors 1290: each time the next borrower had another connection, and could write again"


def _failover(pool: ConnectionPool, administrator: mariadb_py.Connection, how: str, prepared: bool) -> None:
    execute(administrator, "SET GLOBAL read_only = 1")
    with pool.get_connection() as connection:
        first = connection.connection_id

        def write() -> None:
            with connection.cursor(prepared=prepared) as cursor:
                cursor.execute("INSERT INTO t VALUES (?)", (1,))

        number = errno(write)
        prove(number == 1290, f"{how}: a write gives error {number}, not 1290")
    execute(administrator, "SET GLOBAL read_only = 0")
    with pool.get_connection() as connection:
        prove(connection.connection_id != first, f"{how}: the connection was lent again")
        write()
        connection.commit()
        second = connection.connection_id
    with pool.get_connection() as connection:
        prove(connection.connection_id == second, f"{how}: a connection that can write was given up")


if __name__ == "__main__":
    main(program)
