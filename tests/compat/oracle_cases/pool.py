"""Connection pools."""

from __future__ import annotations

import time

from tests.compat.oracle_cases import Cases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.compat.oracle_cases import Bench

cases = Cases("pool")


def make(o: Bench, **keywords: Any) -> Any:
    return o.m.ConnectionPool(**{"pool_name": "p", "pool_size": 2, **o.arguments, **keywords})


@cases
def facts(o: Bench) -> Any:
    pool = make(o)
    return pool.pool_name, pool.pool_size, pool.max_size, pool.connection_count, pool.pool_reset_connection


@cases
def default_size(o: Bench) -> Any:
    return o.m.ConnectionPool(pool_name="p", **o.arguments).pool_size


@cases
def registry(o: Bench) -> Any:
    pool = make(o)
    before = list(o.m._CONNECTION_POOLS), o.m._CONNECTION_POOLS["p"] is pool
    pool.close()
    return before, list(o.m._CONNECTION_POOLS)


for name, keywords in {
    "size_0": {"pool_size": 0},
    "size_65": {"pool_size": 65},
    "size_str": {"pool_size": "2"},
    "name_int": {"pool_name": 1},
    "name_none": {"pool_name": None},
    "name_empty": {"pool_name": ""},
    "unknown": {"nothing": 1},
    "password": {"password": "wrong"},
    "reset_int": {"pool_reset_connection": 1},
}.items():

    def keyword(o: Bench, keywords: dict[str, Any] = keywords) -> Any:
        result = o.attempt(make, o, **keywords)
        return str(result).split(" ")[:2] if isinstance(result, str) else result.pool_size, list(o.m._CONNECTION_POOLS)

    cases.add(f"keyword_{name}", keyword)


@cases
def no_name(o: Bench) -> Any:
    return o.attempt(o.m.ConnectionPool, **o.arguments)


@cases
def duplicate_name(o: Bench) -> Any:
    make(o)
    return o.attempt(make, o)


@cases
def exhausted(o: Bench) -> Any:
    pool = make(o)
    one, two = pool.get_connection(), pool.get_connection()
    failed = o.attempt(pool.get_connection)
    one.close()
    three = pool.get_connection()
    return failed, two.open, three.open, pool.connection_count


@cases
def unconfigured(o: Bench) -> Any:
    pool = o.m.ConnectionPool(pool_name="p")
    failed = pool.connection_count, o.attempt(pool.add_connection), o.attempt(pool.get_connection)
    pool.set_config(**o.arguments)
    pool.add_connection()
    return failed, pool.connection_count, pool.get_connection().open


@cases
def add_beyond_the_size(o: Bench) -> Any:
    return o.attempt(make(o).add_connection)


@cases
def add_something_else(o: Bench) -> Any:
    pool = o.m.ConnectionPool(pool_name="p", pool_size=1)
    pool.set_config(**o.arguments)
    return o.attempt(pool.add_connection, 1)


@cases
def add_a_connection_of_ones_own(o: Bench) -> Any:
    pool = o.m.ConnectionPool(pool_name="p", pool_size=1)
    pool.set_config(**o.arguments)
    own = o.connect()
    identity = own.connection_id
    pool.add_connection(own)
    return pool.get_connection().connection_id == identity


@cases
def connect_by_name(o: Bench) -> Any:
    one = o.m.connect(pool_name="p", pool_size=2, **o.arguments)
    two = o.m.connect(pool_name="p")
    failed = o.attempt(o.m.connect, pool_name="p")
    return one.connection_id != two.connection_id, failed, o.m._CONNECTION_POOLS["p"].pool_size


@cases
def closing_twice(o: Bench) -> Any:
    connection = make(o).get_connection()
    connection.close()
    return o.attempt(connection.close)


@cases
def least_recently_used(o: Bench) -> Any:
    pool = make(o, pool_size=3)
    ids = []
    for _ in range(7):
        connection = pool.get_connection()
        ids.append(connection.connection_id)
        connection.close()
    return [ids.index(number) for number in ids]


@cases
def used_counts(o: Bench) -> Any:
    pool = make(o, pool_size=3)
    for _ in range(9):
        pool.get_connection().close()
    return [connection._used for connection in (pool.get_connection(), pool.get_connection(), pool.get_connection())]


@cases
def reset_forgets_variables(o: Bench) -> Any:
    pool = make(o, pool_size=1)
    connection = pool.get_connection()
    connection.cursor().execute("SET @a = 1")
    connection.close()
    cursor = pool.get_connection().cursor()
    cursor.execute("SELECT @a")
    return cursor.fetchall()


@cases
def without_reset_variables_stay(o: Bench) -> Any:
    pool = make(o, pool_size=1, pool_reset_connection=False)
    connection = pool.get_connection()
    connection.cursor().execute("SET @a = 1")
    connection.close()
    cursor = pool.get_connection().cursor()
    cursor.execute("SELECT @a")
    return cursor.fetchall()


@cases
def without_reset_a_transaction_is_rolled_back(o: Bench) -> Any:
    o.table("a INT")
    pool = make(o, pool_size=1, pool_reset_connection=False)
    connection = pool.get_connection()
    connection.cursor().execute("INSERT INTO t VALUES (1)")
    connection.close()
    connection = pool.get_connection()
    connection.commit()
    return o.rows("SELECT * FROM t")


@cases
def autocommit_of_a_reset_connection(o: Bench) -> Any:
    pool = make(o, pool_size=1)
    pool.get_connection().close()
    cursor = pool.get_connection().cursor()
    cursor.execute("SELECT @@autocommit")
    return cursor.fetchall()


@cases
def killed_connections_are_replaced(o: Bench) -> Any:
    pool = make(o, pool_validation_interval=0)
    connections = [pool.get_connection(), pool.get_connection()]
    ids = [connection.connection_id for connection in connections]
    for connection in connections:
        connection.close()
    killer = o.connect()
    for identity in ids:
        killer.kill(identity)
    time.sleep(0.3)
    fresh = pool.get_connection()
    return fresh.connection_id in ids, fresh.open, pool.connection_count


@cases
def one_that_died_while_out(o: Bench) -> Any:
    pool = make(o, pool_size=1)
    connection = pool.get_connection()
    o.connect().kill(connection.connection_id)
    time.sleep(0.3)
    closed = o.attempt(connection.close)

    def again() -> Any:
        return pool.get_connection().open

    return closed, o.attempt(again)


@cases
def set_reset_connection(o: Bench) -> Any:
    pool = make(o)
    pool.pool_reset_connection = False
    return pool.pool_reset_connection


@cases
def a_closed_pool(o: Bench) -> Any:
    pool = make(o)
    pool.close()
    return o.attempt(pool.get_connection), pool.connection_count


@cases
def a_pool_closed_twice(o: Bench) -> Any:
    pool = make(o)
    pool.close()
    return o.attempt(pool.close)


@cases
def a_connection_behind_its_pool(o: Bench) -> Any:
    pool = make(o)
    connection = pool.get_connection()
    pool.close()
    return o.attempt(lambda: connection.open)


@cases
def with_block(o: Bench) -> Any:
    pool = make(o, pool_size=1)
    with pool.get_connection() as connection:
        first = connection.connection_id
    return pool.get_connection().connection_id == first


@cases
def cursor_of_a_returned_connection(o: Bench) -> Any:
    connection = make(o).get_connection()
    cursor = connection.cursor()
    connection.close()
    return o.attempt(cursor.execute, "SELECT 1"), cursor.closed
