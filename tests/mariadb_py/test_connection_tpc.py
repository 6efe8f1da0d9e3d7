"""Connection: transactions of a transaction manager (XA), against the real server."""

from __future__ import annotations

import pytest

from mariadb_py.constants import TPC_STATE
from mariadb_py.exceptions import ProgrammingError
from tests.support.pool import kill
from tests.support.running import ask, works

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mariadb_py import Connection
    from tests.support.server import Connector

COUNT = "SELECT COUNT(*) FROM t"


@pytest.fixture
def table(connect: Connector) -> Iterator[Connection]:
    """A connection that commits by itself and sees what is in the table `t`, one INT column."""
    observer = connect(autocommit=True)
    ask(observer, "CREATE OR REPLACE TABLE t (a INT)")
    yield observer
    ask(observer, "DROP TABLE t")


def test_two_phases(connect: Connector, table: Connection) -> None:
    connection = connect()
    xid = connection.xid(7, "a'b", "c")
    assert (connection.tpc_state, table.tpc_recover()) == (TPC_STATE.NONE, [])
    connection.tpc_begin(xid)
    assert connection.tpc_state == TPC_STATE.XID
    ask(connection, "INSERT INTO t VALUES (1)")
    for call in (connection.commit, connection.rollback):
        with pytest.raises(ProgrammingError, match=r"is in progress: use tpc_commit\(\) or tpc_rollback\(\)$"):
            call()
    connection.tpc_prepare()
    assert (connection.tpc_state, table.tpc_recover()) == (TPC_STATE.PREPARE, [xid])
    connection.tpc_commit()
    assert (connection.tpc_state, table.tpc_recover(), ask(table, COUNT)) == (TPC_STATE.NONE, [], 1)
    ask(connection, "INSERT INTO t VALUES (2)")
    connection.commit()
    assert ask(table, COUNT) == 2


@pytest.mark.parametrize(("commit", "count"), [(True, 1), (False, 0)])
@pytest.mark.parametrize("prepared", [True, False])
def test_the_end_of_a_transaction(
    connect: Connector, table: Connection, prepared: bool, commit: bool, count: int
) -> None:
    connection = connect()
    xid = connection.xid(1, "global", "branch")
    connection.tpc_begin(xid)
    ask(connection, "INSERT INTO t VALUES (1)")
    if prepared:
        connection.tpc_prepare()
    (connection.tpc_commit if commit else connection.tpc_rollback)(xid)
    assert (connection.tpc_state, connection.autocommit, ask(table, COUNT)) == (TPC_STATE.NONE, False, count)


@pytest.mark.parametrize(("commit", "count"), [(True, 1), (False, 0)])
def test_a_prepared_transaction_outlives_its_connection(
    connect: Connector, table: Connection, commit: bool, count: int
) -> None:
    connection, heir = connect(), connect()
    xid = connection.xid(1, b"\xff", "")
    connection.tpc_begin(xid)
    ask(connection, "INSERT INTO t VALUES (1)")
    connection.tpc_prepare()
    kill(table, connection.connection_id)
    (found,) = heir.tpc_recover()
    assert found == xid
    (heir.tpc_commit if commit else heir.tpc_rollback)(found)
    assert (heir.tpc_recover(), heir.autocommit, ask(table, COUNT)) == ([], False, count)


@pytest.mark.parametrize("name", ["tpc_begin", "tpc_commit", "tpc_rollback"])
@pytest.mark.parametrize("xid", ["xid", (1, "a", "b"), 1])
def test_what_is_no_xid(connect: Connector, name: str, xid: Any) -> None:
    connection = connect()
    message = f"^a transaction is named by what xid\\(\\) makes, not by a {type(xid).__name__}$"
    with pytest.raises(TypeError, match=message):
        getattr(connection, name)(xid)
    assert works(connection)
