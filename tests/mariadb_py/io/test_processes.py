"""The end of a process that has pools: it says goodbye to the server, prints nothing, and hangs nowhere.

What a fork does is in tests/mariadb_py/test_pool_fork.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_py.testing import temp_server
from tests.support.pool import PATIENCE, ids, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer

ROOTS = [os.path.dirname(os.path.dirname(mariadb_py.__file__))]
ROOTS.append(os.path.join(ROOTS[0], "protocol"))

BEGIN = """
import json, sys, threading, time
import mariadb_py
from mariadb_py import ConnectionPool, create_pool
arguments = json.loads(sys.argv[1])
def use(pool):
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 42")
        cursor.fetchall()
"""

PROGRAMS = {
    "idle": "pool = ConnectionPool(pool_name='p', pool_size=3, **arguments)\nuse(pool)",
    "idle, without a reset": "pool = ConnectionPool(pool_name='p', pool_reset_session=False, **arguments)\nuse(pool)",
    "a service": "pool = create_pool(**arguments)\nuse(pool)",
    "a service that is coming up": "pool = create_pool(**arguments)",
    "a service that is kept alive": """
pool = create_pool(keepalive=0.01, **arguments)
pool.wait_ready()
time.sleep(0.1)
""",
    "a service without a server": """
pool = create_pool(**{**arguments, "port": 1})
try:
    pool.get_connection(0.1)
except mariadb_py.PoolTimeout:
    pass
""",
    "a pool that nobody has": "ConnectionPool(pool_name='p', pool_size=2, **arguments)\ncreate_pool(**arguments)",
    "closed": "with ConnectionPool(pool_name='p', **arguments) as pool:\n    use(pool)",
    "borrowed": """
pool = ConnectionPool(pool_name='p', pool_size=3, **arguments)
connection = pool.get_connection()
cursor = connection.cursor()
cursor.execute("SELECT 42")
""",
    "borrowed, in a cycle": """
pool = create_pool(**arguments)
class Holder: pass
holder = Holder()
holder.connection, holder.holder = pool.get_connection(), holder
""",
    "daemon threads that borrow": """
pool = create_pool(max_size=2, **arguments)
def work():
    while True:
        use(pool)
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
use(pool)
time.sleep(0.2)
""",
    "daemon threads that wait": """
pool = create_pool(max_size=1, **arguments)
connection = pool.get_connection()
for _ in range(3):
    threading.Thread(target=use, args=(pool,), daemon=True).start()
while pool.stats()["waiting"] < 3:
    time.sleep(0.01)
connection.close()
""",
    "a daemon thread in the middle of a statement": """
pool = create_pool(max_size=2, **arguments)
began = threading.Event()
def work():
    with pool.connection() as connection, connection.cursor() as cursor:
        began.set()
        cursor.execute("SELECT SLEEP(60)")
threading.Thread(target=work, daemon=True).start()
began.wait()
time.sleep(0.1)
""",
}

# Where nothing is borrowed at the end.
CLEAN = [name for name in PROGRAMS if "borrow" not in name and "daemon" not in name]


@pytest.fixture(scope="module")
def own() -> Iterator[TempServer]:
    """A server whose counters only these tests move."""
    with temp_server() as server:
        yield server


@pytest.fixture
def administrator(own: TempServer) -> Iterator[Connection]:
    with closing(mariadb_py.connect(**own.connect_args, autocommit=True)) as connection:
        yield connection


def aborted(administrator: Connection) -> int:
    with administrator.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")
        return int(cursor.fetchone()[1])


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_end_of_a_process(own: TempServer, administrator: Connection, name: str) -> None:
    lost = aborted(administrator)
    program = BEGIN + PROGRAMS[name]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", program, json.dumps(own.connect_args)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(ROOTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.stdout.decode(), done.returncode) == ("", 0)
    if name != "a daemon thread in the middle of a statement":  # the server notices late that nobody wants the answer
        wait_for(lambda: ids(administrator) == {administrator.connection_id})
    if name in CLEAN:
        assert aborted(administrator) == lost
