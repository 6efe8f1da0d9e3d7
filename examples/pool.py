"""A connection pool: five connections, one of which is borrowed. `make demo` runs this against a private server."""

import os

import mariadb_py

pool = mariadb_py.ConnectionPool(
    pool_name="myfirstpool",
    pool_size=5,
    host=os.environ.get("MARIADB_HOST", "127.0.0.1"),
    port=int(os.environ.get("MARIADB_PORT", "3306")),
    user=os.environ.get("MARIADB_USER", "example_user"),
    password=os.environ["MARIADB_PASSWORD"],
    database="test",
)
print(f"Pool size of '{pool.pool_name}': {pool.pool_size}")

# The end of the block gives the connection back to the pool.
with pool.get_connection() as connection:
    print(f"Current database: {connection.database}")

pool.close()
