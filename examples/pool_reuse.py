"""What a pool does with its connections: it uses them again, replaces dead ones, and says when it has no more."""

import os

import mariadb_py

account = {
    "host": os.environ.get("MARIADB_HOST", "127.0.0.1"),
    "port": int(os.environ.get("MARIADB_PORT", "3306")),
    "user": os.environ.get("MARIADB_USER", "example_user"),
    "password": os.environ["MARIADB_PASSWORD"],
    "database": "test",
}

with mariadb_py.ConnectionPool(pool_name="reuse", pool_size=1, pool_invalidation_interval=0, **account) as pool:
    # The server's id of the connection tells which one it is.
    with pool.get_connection() as connection:
        first = connection.connection_id
        with connection.cursor() as cursor:
            cursor.execute("SET @secret = 42")
    with pool.get_connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @secret")
        print(f"Same connection again: {connection.connection_id == first}; what was left in it: {cursor.fetchone()}")

    with mariadb_py.connect(**account) as administrator:
        administrator.kill(first)
    with pool.get_connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 'at work'")
        print(f"Killed and replaced: {connection.connection_id != first}; the new one is {cursor.fetchone()[0]}")

    with pool.get_connection():
        try:
            pool.get_connection()
        except mariadb_py.PoolError as error:
            print(f"All borrowed: PoolError: {error}")
