"""Two-phase commit."""

from __future__ import annotations

import time

from tests.compat.oracle_cases import Cases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.compat.oracle_cases import Bench

cases = Cases("tpc")


def run(o: Bench, *steps: str, xid: tuple[Any, ...] = (1, "gtrid", "bqual")) -> Any:
    """Each step's result and the state behind it, and what is in the table in the end."""
    cursor = o.table("a INT")
    connection = cursor.connection
    found = []
    for step in steps:
        if step == "insert":
            result = o.attempt(cursor.execute, "INSERT INTO t VALUES (1)")
        elif step == "begin":
            result = o.attempt(lambda: connection.tpc_begin(connection.xid(*xid)))
        else:
            result = o.attempt(getattr(connection, step))
        found.append((step, result, connection.tpc_state))
    clean(o)
    return found, o.rows("SELECT * FROM t")


def clean(o: Bench) -> None:
    """Nothing stays prepared on the server, and nothing open on the connection."""
    for connection in o._opened:
        o.attempt(connection.close)
    cursor = o.connect(autocommit=True).cursor()
    for _ in range(100):  # the server notices a little later that a connection is closed
        cursor.execute("XA RECOVER FORMAT = 'SQL'")
        rows = cursor.fetchall()
        if not rows:
            return
        for row in rows:
            o.attempt(cursor.execute, f"XA ROLLBACK {row[3]}")
        time.sleep(0.01)


STEPS: dict[str, tuple[str, ...]] = {
    "two_phases": ("begin", "insert", "tpc_prepare", "tpc_commit"),
    "one_phase": ("begin", "insert", "tpc_commit"),
    "roll_back": ("begin", "insert", "tpc_rollback"),
    "roll_back_prepared": ("begin", "insert", "tpc_prepare", "tpc_rollback"),
    "twice": ("begin", "insert", "tpc_commit", "begin", "insert", "tpc_rollback"),
    "begin_twice": ("begin", "begin"),
    "commit_meanwhile": ("begin", "commit"),
    "rollback_meanwhile": ("begin", "rollback"),
    "commit_without_begin": ("tpc_commit",),
    "rollback_without_begin": ("tpc_rollback",),
    "prepare_without_begin": ("tpc_prepare",),
    "prepare_twice": ("begin", "tpc_prepare", "tpc_prepare"),
    "statement_when_prepared": ("begin", "insert", "tpc_prepare", "insert"),
    "inside_a_transaction": ("insert", "begin"),
    "nothing_done": ("begin", "tpc_prepare", "tpc_commit"),
}
for name, steps in STEPS.items():
    cases.add(name, lambda o, steps=steps: run(o, *steps))

for name, xid in {
    "format_0": (0, "a", "b"),
    "format_2": (2, "a", "b"),
    "quote": (1, "a'b", "c"),
    "empty": (1, "", ""),
    "not_ascii": (1, "é", "b"),
    "longest": (1, "x" * 64, "y" * 64),
    "too_long": (1, "x" * 65, "b"),
    "negative": (-1, "a", "b"),
    "str_format": ("1", "a", "b"),
    "int_id": (1, 2, "b"),
}.items():
    cases.add(f"xid_{name}", lambda o, xid=xid: run(o, "begin", "insert", "tpc_prepare", "tpc_commit", xid=xid))
    cases.add(f"xid_value_{name}", lambda o, xid=xid: tuple(o.connect().xid(*xid)))


@cases
def recover_nothing(o: Bench) -> Any:
    return o.connect().tpc_recover()


@cases
def recover_one(o: Bench) -> Any:
    connection = o.connect()
    connection.tpc_begin(connection.xid(5, "g", "b"))
    connection.tpc_prepare()
    found = o.connect().tpc_recover()
    clean(o)
    return found


@cases
def commit_what_was_recovered(o: Bench) -> Any:
    cursor = o.table("a INT")
    connection = cursor.connection
    connection.tpc_begin(connection.xid(5, "g", "b"))
    cursor.execute("INSERT INTO t VALUES (1)")
    connection.tpc_prepare()
    connection.close()
    other = o.connect()
    committed = o.attempt(lambda: other.tpc_commit(other.xid(5, "g", "b")))
    clean(o)
    return committed, o.rows("SELECT * FROM t")


@cases
def begin_with_a_tuple(o: Bench) -> Any:
    connection = o.connect()
    return str(o.attempt(connection.tpc_begin, (1, "a", "b")))


@cases
def begin_with_a_text(o: Bench) -> Any:
    return str(o.attempt(o.connect().tpc_begin, "a"))
