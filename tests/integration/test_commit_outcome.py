"""commit() returns, says that nothing was committed, or says that nobody knows: never a guess."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

import mariadb_py
from mariadb_py.exceptions import CommitOutcomeUnknown, IntegrityError, LostConnectionError, OperationalError
from tests.support.listener import PATIENCE, listening
from tests.support.proxy import CLIENT, Rule, close, proxied
from tests.support.running import ask, works
from tests.support.scripts import err, ok, packets
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mariadb_py import Connection
    from mariadb_py.core.tpc import Xid
    from mariadb_py.testing import TempServer
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


def inserts(connection: Connection) -> None:
    ask(connection, "INSERT INTO committed VALUES (1)")


def switches_autocommit_on(connection: Connection) -> None:
    connection.autocommit = True


def begins(connection: Connection) -> None:
    connection.begin()


def updates(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE committed SET v = v + ?", [(1,), (2,)])


def nothing(connection: Connection) -> None:
    pass


@contextlib.contextmanager
def hung_up(
    server: TempServer,
    statement: bytes,
    before: Callable[[Connection], None],
    call: Callable[[Connection], None],
    *,
    autocommit: bool = False,
) -> Iterator[Connection]:
    """A connection that is lost when the server has got the statement that `call` sends: behind `before`, not yet."""
    with proxied(server) as proxy:  # to see which packet it is
        with mariadb_py.connect(**proxy.connect_args, autocommit=autocommit) as connection:
            before(connection)
            call(connection)
        # The last one: the login may send the same.
        number = max(number for number, packet in enumerate(proxy.plain) if packet == b"\x03" + statement)
    with proxied(server, Rule(CLIENT, number, close)) as proxy:
        connection = mariadb_py.connect(**proxy.connect_args, autocommit=autocommit)
        before(connection)
        assert not proxy.edited
        yield connection
        assert proxy.edited
        assert proxy.plain[-1] == b"\x03" + statement
        with pytest.raises(LostConnectionError) as caught:
            works(connection)
        assert type(caught.value) is LostConnectionError
        connection.close()


AT_LAST = b"COMMIT AND NO CHAIN NO RELEASE"


@pytest.mark.parametrize(
    ("statement", "before", "call", "autocommit"),
    [
        (b"COMMIT", inserts, lambda connection: connection.commit(), False),
        (b"SET autocommit=1", inserts, switches_autocommit_on, False),
        (b"BEGIN", inserts, begins, False),
        pytest.param(AT_LAST, inserts, updates, True, marks=pytest.mark.mariadb("MySQL has no bulk")),
    ],
    ids=["commit", "autocommit", "begin", "executemany"],
)
def test_whatever_commits(
    server: TempServer,
    connect: Connector,
    statement: bytes,
    before: Callable[[Connection], None],
    call: Callable[[Connection], None],
    autocommit: bool,
) -> None:
    create(connect(), "TABLE committed (v INT)")
    with hung_up(server, statement, before, call, autocommit=autocommit) as connection:
        with pytest.raises(CommitOutcomeUnknown, match="whether it was done is not known") as caught:
            call(connection)
        assert caught.value.errno == 2013
        if call is updates:
            assert caught.value.rows_done == 0


@pytest.mark.parametrize(
    ("statement", "call"), [(b"SET autocommit=1", switches_autocommit_on), (b"BEGIN", begins)], ids=["on", "begin"]
)
def test_without_a_transaction_nothing_was_committed(
    server: TempServer, statement: bytes, call: Callable[[Connection], None]
) -> None:
    with hung_up(server, statement, nothing, call) as connection:
        with pytest.raises(LostConnectionError) as caught:
            call(connection)
        assert type(caught.value) is LostConnectionError


@pytest.mark.mariadb("MySQL has no bulk")
def test_a_loss_behind_the_last_commit_of_a_bulk(server: TempServer, connect: Connector) -> None:
    """All is done, and nothing is told but by what comes next."""
    observer = connect(autocommit=True)
    create(observer, "TABLE committed (v INT)")
    with hung_up(server, b"SET autocommit=1", inserts, updates, autocommit=True) as connection:
        ask(observer, "DELETE FROM committed")
        inserts(observer)
        updates(connection)
        assert ask(observer, "SELECT v FROM committed") == 4


@pytest.mark.parametrize("commit", [True, False])
def test_a_loss_behind_the_end_of_a_recovered_transaction(server: TempServer, connect: Connector, commit: bool) -> None:
    """Committed, or rolled back, it is."""
    observer = connect(autocommit=True)
    create(observer, "TABLE committed (v INT)")
    found: list[Xid] = []

    def leave(connection: Connection) -> None:
        """A prepared transaction whose connection is gone."""
        found[:] = [connection.xid(0, f"outcome {commit}", "")]
        with mariadb_py.connect(**server.connect_args) as other:
            other.tpc_begin(found[0])
            inserts(other)
            other.tpc_prepare()
            number = other.connection_id
        deadline = time.monotonic() + PATIENCE
        while ask(observer, "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?", (number,)):
            assert time.monotonic() < deadline

    def finish(connection: Connection) -> None:
        (connection.tpc_commit if commit else connection.tpc_rollback)(found[0])

    with hung_up(server, b"SET autocommit=0", leave, finish) as connection:
        finish(connection)
    assert observer.tpc_recover() == []
    assert ask(observer, "SELECT COUNT(*) FROM committed") == 2 * commit


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
