"""Transactions of a transaction manager (XA): PEP 249's two-phase commit."""

from __future__ import annotations

import pickle
import threading
import time

import pytest

from mariadb_py.constants import TPC_STATE
from mariadb_py.exceptions import Error, IntegrityError, OperationalError, ProgrammingError
from tests.support.listener import PATIENCE
from tests.support.running import ask, works
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mariadb_py import Connection
    from tests.support.server import Connector

STATES = (TPC_STATE.NONE, TPC_STATE.XID, TPC_STATE.PREPARE)
NONE, BEGUN, PREPARED = STATES


@pytest.fixture
def connection(connect: Connector) -> Iterator[Connection]:
    connection = connect()
    create(connection, "TABLE tpc (v INT)")
    connection.commit()
    yield connection
    # Prepared transactions outlive their connections, and their locks the tests.
    with connect(autocommit=True) as janitor:
        for xid in janitor.tpc_recover():
            janitor.tpc_rollback(xid)


def insert(connection: Connection, value: int) -> None:
    ask(connection, "INSERT INTO tpc VALUES (?)", (value,))


def stored(connect: Connector) -> list[int]:
    with connect().cursor() as cursor:
        cursor.execute("SELECT v FROM tpc ORDER BY v")
        return [value for (value,) in cursor.fetchall()]


def abandon(connect: Connector, connection: Connection) -> None:
    """End a connection, and wait until the server has noticed: its transaction belongs to nobody from then on."""
    connection_id = connection.connection_id
    connection.close()
    observer = connect()
    deadline = time.monotonic() + PATIENCE
    while ask(observer, "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?", (connection_id,)):
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("prepare", [True, False])
@pytest.mark.parametrize("named", [True, False])
def test_the_whole_way(connect: Connector, connection: Connection, commit: bool, prepare: bool, named: bool) -> None:
    for number in range(2):
        xid = connection.xid(1, f"global {number}", "branch")
        states = [connection.tpc_state]
        connection.tpc_begin(xid)
        states.append(connection.tpc_state)
        insert(connection, number)
        if prepare:
            connection.tpc_prepare()
            states.append(connection.tpc_state)
        finish = connection.tpc_commit if commit else connection.tpc_rollback
        finish(xid) if named else finish()
        states.append(connection.tpc_state)
        assert states == [NONE, BEGUN, *([PREPARED] if prepare else []), NONE]
        assert connection.autocommit is False
        assert works(connection)
        connection.rollback()  # ordinary transactions go on as before
    assert stored(connect) == ([0, 1] if commit else [])


# Identifiers

IDS: list[tuple[int, Any, Any]] = [
    (0, "a", "b"),
    (1, "a'b", "c\\d"),
    (5, "'", ""),
    (2**31 - 1, "x" * 64, "y" * 64),
    (7, "\u6e2c" * 21, "%s ? %(a)s"),
    (8, "\0\n\r'\"`;--", "\x1a"),
    (9, b"\xff\xfe", b"\xfe\0"),
]


@pytest.mark.parametrize(("format_id", "gtrid", "bqual"), IDS)
@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("autocommit", [True, False])
def test_recovery_from_a_fresh_connection(
    connect: Connector, connection: Connection, format_id: int, gtrid: Any, bqual: Any, commit: bool, autocommit: bool
) -> None:
    xid = connection.xid(format_id, gtrid, bqual)
    assert (xid, xid.format_id, xid.gtrid, xid.bqual) == ((format_id, gtrid, bqual), format_id, gtrid, bqual)
    assert pickle.loads(pickle.dumps(xid)) == xid
    connection.tpc_begin(xid)
    insert(connection, 5)
    connection.tpc_prepare()
    abandon(connect, connection)
    fresh = connect(autocommit=autocommit)
    assert fresh.tpc_recover() == [xid]
    assert [type(found) for found in fresh.tpc_recover()] == [type(xid)]
    (fresh.tpc_commit if commit else fresh.tpc_rollback)(fresh.tpc_recover()[0])
    assert fresh.tpc_recover() == []
    assert (fresh.autocommit, fresh.tpc_state) == (autocommit, NONE)
    assert stored(connect) == ([5] if commit else [])


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ((-1, "a", "b"), ProgrammingError),
        ((2**31, "a", "b"), ProgrammingError),
        ((1, "x" * 65, "b"), ProgrammingError),
        ((1, "a", "\u6e2c" * 22), ProgrammingError),
        (("1", "a", "b"), TypeError),
        ((True, "a", "b"), TypeError),
        ((1, 2, "b"), TypeError),
        ((1, "a", None), TypeError),
    ],
)
def test_parts_that_make_no_identifier(connection: Connection, parts: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        connection.xid(*parts)


@pytest.mark.parametrize("method", ["tpc_begin", "tpc_commit", "tpc_rollback"])
@pytest.mark.parametrize("xid", ["a", (1, "a", "b"), 5])
def test_only_what_xid_makes_names_a_transaction(connection: Connection, method: str, xid: Any) -> None:
    with pytest.raises(TypeError, match=r"what xid\(\) makes"):
        getattr(connection, method)(xid)


# What is refused


def test_commit_and_rollback_are_refused_meanwhile(connect: Connector, connection: Connection) -> None:
    xid = connection.xid(1, "a", "b")
    connection.tpc_begin(xid)
    insert(connection, 1)
    for state in (BEGUN, PREPARED):
        for call in (connection.commit, connection.rollback, lambda: connection.tpc_begin(xid)):
            with pytest.raises(ProgrammingError, match=r"Xid\(1, 'a', 'b'\)|Xid\(\(1, 'a', 'b'\)\)"):
                call()
            assert connection.tpc_state == state
        if state == BEGUN:
            connection.tpc_prepare()
    with pytest.raises(ProgrammingError, match="prepared already"):
        connection.tpc_prepare()
    connection.tpc_commit()
    connection.commit()
    assert stored(connect) == [1]


@pytest.mark.parametrize("method", ["tpc_prepare", "tpc_commit", "tpc_rollback"])
def test_nothing_to_finish(connection: Connection, method: str) -> None:
    with pytest.raises(ProgrammingError, match="Transaction not started"):
        getattr(connection, method)()
    assert works(connection)


def test_not_inside_of_an_ordinary_transaction(connect: Connector, connection: Connection) -> None:
    insert(connection, 1)
    with pytest.raises(IntegrityError) as caught:
        connection.tpc_begin(connection.xid(1, "a", "b"))
    assert (caught.value.errno, connection.tpc_state) == (1400, NONE)
    connection.commit()
    assert stored(connect) == [1]


def test_an_identifier_that_is_taken(connect: Connector, connection: Connection) -> None:
    xid = connection.xid(1, "a", "b")
    connection.tpc_begin(xid)
    other = connect()
    with pytest.raises(Error) as caught:
        other.tpc_begin(xid)
    assert (caught.value.errno, other.tpc_state) == (1440, NONE)
    connection.tpc_rollback()
    other.tpc_begin(xid)
    assert other.tpc_state == BEGUN
    other.tpc_rollback()


def test_a_recovered_transaction_that_is_not_there(connection: Connection) -> None:
    for method in (connection.tpc_commit, connection.tpc_rollback):
        with pytest.raises(Error) as caught:
            method(connection.xid(1, "nobody", "knows"))
        assert caught.value.errno == 1397
        assert (connection.tpc_state, connection.autocommit) == (NONE, False)
    assert works(connection)


def test_a_recovered_transaction_while_another_one_is_open(connect: Connector, connection: Connection) -> None:
    xid = connection.xid(1, "a", "b")
    connection.tpc_begin(connection.xid(1, "mine", ""))
    for method in (connection.tpc_commit, connection.tpc_rollback):
        with pytest.raises(ProgrammingError):
            method(xid)
        assert connection.tpc_state == BEGUN
    connection.tpc_rollback()
    insert(connection, 1)
    for method in (connection.tpc_commit, connection.tpc_rollback):
        with pytest.raises(ProgrammingError, match="while a transaction is open"):
            method(xid)
    connection.commit()
    assert stored(connect) == [1]


# What goes wrong on the way


def test_rollback_behind_a_phase_that_failed(connect: Connector, connection: Connection) -> None:
    xid = connection.xid(1, "a", "b")
    connection.tpc_begin(xid)
    insert(connection, 1)
    ask(connection, "XA END 'a','b',1")  # behind the driver's back, so that its own fails
    for method in (connection.tpc_prepare, connection.tpc_commit):
        with pytest.raises(Error) as caught:
            method()
        assert (caught.value.errno, connection.tpc_state) == (1399, BEGUN)
    connection.tpc_rollback()
    assert (connection.tpc_state, stored(connect)) == (NONE, [])
    assert works(connection)


def test_rollback_behind_a_deadlock(connect: Connector, connection: Connection) -> None:
    create(connection, "TABLE locked (id INT PRIMARY KEY, v INT)")
    ask(connection, "INSERT INTO locked VALUES (1, 0), (2, 0)")
    connection.commit()
    other = connect()
    connection.tpc_begin(connection.xid(1, "a", "b"))
    ask(connection, "UPDATE locked SET v = 1 WHERE id = 1")
    # The heavier transaction wins.
    ask(other, "INSERT INTO locked SELECT seq + 10, 0 FROM seq_1_to_100")
    ask(other, "UPDATE locked SET v = 2 WHERE id = 2")
    thread = threading.Thread(target=ask, args=(other, "UPDATE locked SET v = 2 WHERE id = 1"))
    thread.start()
    with pytest.raises(OperationalError) as caught:
        ask(connection, "UPDATE locked SET v = 1 WHERE id = 2")
    thread.join(PATIENCE)
    assert caught.value.errno == 1213
    with pytest.raises(Error) as caught_too:
        connection.tpc_commit()
    assert caught_too.value.errno == (1614 if connect.server.mysql else 1399)  # only a rollback is allowed
    connection.tpc_rollback()
    assert connection.tpc_state == NONE
    other.rollback()
    assert works(connection)


@pytest.mark.parametrize("way", ["reset", "reconnect"])
def test_a_new_session_is_in_no_transaction(connect: Connector, connection: Connection, way: str) -> None:
    connection.tpc_begin(connection.xid(1, "a", "b"))
    insert(connection, 1)
    getattr(connection, way)()
    assert connection.tpc_state == NONE
    connection.tpc_begin(connection.xid(1, "c", "d"))
    connection.tpc_rollback()
    assert stored(connect) == []
