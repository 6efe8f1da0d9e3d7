"""commit() returns, says that nothing was committed, or says that nobody knows: never a guess."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

import mariadb_py
from mariadb_py.exceptions import CommitOutcomeUnknown, IntegrityError, LostConnectionError, OperationalError
from tests.support.listener import PATIENCE, listening
from tests.support.running import ask, works
from tests.support.scripts import err, ok, packets
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.listener import Caller
    from tests.support.server import Connector

COMMIT = b"\x03COMMIT"

# What happens behind a COMMIT that the server has got.
UNKNOWN: dict[str, Callable[[Caller], object]] = {
    "hangs up": lambda caller: None,
    "in the middle of the answer": lambda caller: caller.raw(packets(1, ok())[:6]),
    "wrong sequence id": lambda caller: caller.raw(packets(7, ok())),
    "no packet": lambda caller: caller.raw(b"\xff" * 64),
    "killed": lambda caller: caller.send(err(1927, b"Connection was killed", b"70100"), sequence=0),
    "silence": lambda caller: caller.until_closed(),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_connection_that_is_lost_behind_commit(name: str) -> None:
    def conversation(caller: Caller) -> None:
        caller.log_in(answer=True)
        assert caller.packet() == COMMIT
        UNKNOWN[name](caller)

    with listening(conversation) as server:
        connection = mariadb_py.connect(**server.connect_args, read_timeout=0.5)
        with pytest.raises(CommitOutcomeUnknown, match="whether it was done is not known") as caught:
            connection.commit()
        assert isinstance(caught.value, OperationalError)
        assert caught.value.errno == 2013
        with pytest.raises(LostConnectionError) as caught_later:
            connection.commit()
        assert type(caught_later.value) is LostConnectionError
        connection.close()


def test_an_answer_is_known() -> None:
    def conversation(caller: Caller) -> None:
        caller.log_in(answer=True)
        assert caller.packet() == COMMIT
        caller.send(err(1213, b"Deadlock found", b"40001"))
        assert caller.packet() == COMMIT
        caller.send(ok())
        caller.until_closed()

    with listening(conversation) as server:
        connection = mariadb_py.connect(**server.connect_args)
        with pytest.raises(OperationalError) as caught:
            connection.commit()
        assert (type(caught.value), caught.value.errno) == (OperationalError, 1213)
        connection.commit()
        connection.close()


@pytest.mark.parametrize("farewell", [b"", packets(0, err(1927, b"Connection was killed", b"70100"))])
def test_what_was_lost_before_is_not_committed(farewell: bytes) -> None:
    """Nothing is sent to a server that has hung up already."""
    gone = threading.Event()

    def conversation(caller: Caller) -> None:
        caller.log_in(answer=True)
        caller.raw(farewell)
        caller.sock.close()
        gone.set()

    with listening(conversation) as server:
        connection = mariadb_py.connect(**server.connect_args)
        assert gone.wait(PATIENCE)
        with pytest.raises(LostConnectionError) as caught:
            connection.commit()
        assert type(caught.value) is LostConnectionError
        connection.close()


def test_a_killed_connection(connect: Connector) -> None:
    connection, observer = connect(), connect()
    create(connection, "TABLE committed (v INT)")
    ask(connection, "INSERT INTO committed VALUES (1)")
    observer.kill(connection.connection_id)
    with pytest.raises(LostConnectionError):
        connection.commit()
    assert ask(observer, "SELECT COUNT(*) FROM committed") == 0
    assert works(observer)


def test_a_prepared_transaction_survives(connect: Connector) -> None:
    connection, observer = connect(), connect()
    create(connection, "TABLE prepared_rows (v INT)")
    xid = connection.xid(0, "outcome", "")
    connection.tpc_begin(xid)
    ask(connection, "INSERT INTO prepared_rows VALUES (1)")
    connection.tpc_prepare()
    observer.kill(connection.connection_id)
    with pytest.raises(LostConnectionError):
        connection.tpc_commit()
    deadline = time.monotonic() + PATIENCE
    while xid in observer.tpc_recover():  # until the server has let go of it
        assert time.monotonic() < deadline
        with contextlib.suppress(OperationalError, IntegrityError):
            observer.tpc_commit(xid)
    assert ask(observer, "SELECT COUNT(*) FROM prepared_rows") == 1
