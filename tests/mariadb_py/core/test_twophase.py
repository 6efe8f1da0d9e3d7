"""The sequences of commands of distributed transactions, against byte scripts; what is in them is `test_tpc.py`'s."""

from __future__ import annotations

import pytest

from mariadb_protocol.constants import Status
from mariadb_py.core import twophase
from mariadb_py.core.connection import ConnectionCore
from mariadb_py.core.options import ConnectOptions
from mariadb_py.core.tpc import TpcState, Xid
from mariadb_py.exceptions import (
    CommitOutcomeUnknown,
    IntegrityError,
    InterfaceError,
    LostConnectionError,
    OperationalError,
    ProgrammingError,
)
from mariadb_py.io.localfile import read_file
from tests.support.scripts import HANGS_UP, Peer, client, column, drive, err, ok, ready_session, result, row, server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mariadb_protocol.events import Command
    from tests.support.scripts import Step

AUTO, OPEN = Status.AUTOCOMMIT, Status.IN_TRANS
XID = Xid(1, "a", "b")
KILLED = err(1317, b"Query execution was interrupted", b"70100")


def ready(status: int = 0, mariadb: bool = True) -> ConnectionCore:
    made = ConnectionCore(ConnectOptions.from_keywords({}), read_file)
    session = ready_session()
    made.session.greeting, made.session.capabilities = session.greeting, session.capabilities
    assert made.session.greeting is not None
    made.session.greeting.mariadb = mariadb
    made.session.state, made.session.status = session.state, status
    return made


def begun(*, prepared: bool = False, status: int = OPEN) -> ConnectionCore:
    """A connection with a transaction in progress."""
    made = ready(status)
    made.tpc.begun(XID)
    if prepared:
        list(made.tpc.prepare())
    return made


def play(operation: Command[Any], *steps: Step) -> Any:
    peer = Peer(steps)
    try:
        return drive(operation, peer, 1000)
    finally:
        assert not peer.left


def says(statement: bytes, *, of: bytes = b"") -> Step:
    return client(b"\x03" + statement + of)


def xa(verb: bytes, reply: bytes, behind: bytes = b"") -> list[Step]:
    """A statement about the transaction, and what the server says to it."""
    return [says(b"XA " + verb + b" " + XID.sql + behind), server(reply)]


def cancels(made: ConnectionCore, statement: bytes) -> Step:
    """The client sends a statement, and while it waits the driver cancels the operation."""

    def heard(data: bytes) -> bool:
        made.session.stop = KeyboardInterrupt()
        return data == client(b"\x03" + statement)[1]

    return "client", heard


ON: list[Step] = [says(b"SET autocommit=1"), server(ok(status=AUTO))]
OFF: list[Step] = [says(b"SET autocommit=0"), server(ok(status=0))]


# The own transaction


def test_begin() -> None:
    made = ready()
    play(twophase.begin(made, XID), *xa(b"BEGIN", ok(status=OPEN)))
    assert (made.tpc.state, made.tpc.xid) == (TpcState.XID, XID)
    with pytest.raises(ProgrammingError):
        play(twophase.begin(made, XID))


def test_begin_that_is_refused() -> None:
    made = ready()
    with pytest.raises(IntegrityError, match=r"^XAER_OUTSIDE$"):
        play(twophase.begin(made, XID), *xa(b"BEGIN", err(1400, b"XAER_OUTSIDE", b"XAE09")))
    assert (made.tpc.state, made.idle) == (TpcState.NONE, True)


def test_prepare() -> None:
    made = begun()
    play(twophase.prepare(made), *xa(b"END", ok(status=OPEN)), *xa(b"PREPARE", ok(status=0)))
    assert made.tpc.state == TpcState.PREPARE
    with pytest.raises(ProgrammingError):
        play(twophase.prepare(made))


def test_prepare_that_is_refused_can_be_rolled_back() -> None:
    made = begun()
    with pytest.raises(OperationalError, match=r"^no$"):
        play(twophase.prepare(made), *xa(b"END", ok(status=OPEN)), *xa(b"PREPARE", err(1614, b"no", b"XA102")))
    assert made.tpc.state == TpcState.XID
    play(twophase.finish(made, False, None), *xa(b"ROLLBACK", ok(status=0)))
    assert made.tpc.state == TpcState.NONE


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("commit", "verb", "behind"), [(True, b"COMMIT", b" ONE PHASE"), (False, b"ROLLBACK", b"")])
def test_one_phase(commit: bool, verb: bytes, behind: bytes, named: bool) -> None:
    """Autocommit stays what it is, also where the transaction is named."""
    made = begun()
    steps = [*xa(b"END", ok(status=OPEN)), *xa(verb, ok(status=0), behind)]
    play(twophase.finish(made, commit, XID if named else None), *steps)
    assert (made.tpc.state, made.unsettled) == (TpcState.NONE, False)


@pytest.mark.parametrize(("commit", "verb"), [(True, b"COMMIT"), (False, b"ROLLBACK")])
def test_two_phases(commit: bool, verb: bytes) -> None:
    made = begun(prepared=True)
    play(twophase.finish(made, commit, None), *xa(verb, ok(status=0)))
    assert made.tpc.state == TpcState.NONE


def test_rollback_of_what_the_server_has_ended_already() -> None:
    made = begun()
    steps = [*xa(b"END", err(1614, b"XA_RBDEADLOCK", b"XA102")), *xa(b"ROLLBACK", ok(status=0))]
    play(twophase.finish(made, False, None), *steps)
    assert made.tpc.state == TpcState.NONE


def test_commit_of_what_the_server_has_ended_already() -> None:
    made = begun()
    with pytest.raises(OperationalError, match=r"^XA_RBDEADLOCK$"):
        play(twophase.finish(made, True, None), *xa(b"END", err(1614, b"XA_RBDEADLOCK", b"XA102")))
    assert (made.tpc.state, made.idle) == (TpcState.XID, True)


@pytest.mark.parametrize("prepared", [True, False])
def test_a_loss_behind_the_commit(prepared: bool) -> None:
    made = begun(prepared=prepared)
    steps = [] if prepared else xa(b"END", ok(status=OPEN))
    last = says(b"XA COMMIT " + XID.sql, of=b"" if prepared else b" ONE PHASE")
    with pytest.raises(CommitOutcomeUnknown):
        play(twophase.finish(made, True, None), *steps, last, HANGS_UP)
    assert made.session.broken


def test_a_loss_before_the_commit() -> None:
    made = begun()
    with pytest.raises(Exception, match="closed the connection") as caught:
        play(twophase.finish(made, True, None), says(b"XA END " + XID.sql), HANGS_UP)
    assert not isinstance(caught.value, CommitOutcomeUnknown)


# One that was recovered


@pytest.mark.parametrize(("commit", "verb"), [(True, b"COMMIT"), (False, b"ROLLBACK")])
def test_finish_in_autocommit_mode(commit: bool, verb: bytes) -> None:
    made = ready(AUTO)
    play(twophase.finish(made, commit, XID), *xa(verb, ok(status=AUTO)))
    assert (made.autocommit, made.unsettled) == (True, False)


@pytest.mark.parametrize(("commit", "verb"), [(True, b"COMMIT"), (False, b"ROLLBACK")])
def test_finish_for_which_autocommit_is_switched(commit: bool, verb: bytes) -> None:
    made = ready()
    play(twophase.finish(made, commit, XID), *ON, *xa(verb, ok(status=AUTO)), *OFF)
    assert (made.autocommit, made.unsettled) == (False, False)


def test_finish_of_one_that_is_unknown() -> None:
    made = ready()
    with pytest.raises(OperationalError, match=r"^XAER_NOTA$"):
        play(twophase.finish(made, True, XID), *ON, *xa(b"COMMIT", err(1397, b"XAER_NOTA", b"XAE04")), *OFF)
    assert (made.autocommit, made.unsettled, made.idle) == (False, False, True)


@pytest.mark.parametrize("reply", [ok(status=AUTO), KILLED])
def test_finish_that_is_cancelled(reply: bytes) -> None:
    """Nothing ends what brings autocommit back."""
    made = ready()
    statement = b"XA COMMIT " + XID.sql
    steps = [*ON, cancels(made, statement), server(reply), *OFF]
    if reply == KILLED:
        with pytest.raises(OperationalError):
            play(twophase.finish(made, True, XID), *steps)
    else:
        play(twophase.finish(made, True, XID), *steps)
    assert (made.autocommit, made.idle, made.session.stop, made.unsettled) == (False, True, None, False)


def test_a_loss_when_it_is_committed_is_not_reported() -> None:
    """The next operation says so."""
    made = ready()
    play(twophase.finish(made, True, XID), *ON, *xa(b"COMMIT", ok(status=AUTO)), says(b"SET autocommit=0"), HANGS_UP)
    assert (made.session.broken, made.unsettled) == (True, False)
    with pytest.raises(LostConnectionError):
        play(made.command(b"DO 1"))


@pytest.mark.parametrize("refused", [err(1205, b"no", b"HY000"), KILLED])
def test_a_session_that_does_not_get_autocommit_back_is_unsettled(refused: bytes) -> None:
    """The driver has to give it up."""
    made = ready()
    steps = [*ON, *xa(b"COMMIT", ok(status=AUTO)), says(b"SET autocommit=0"), server(refused)]
    with pytest.raises(OperationalError):
        play(twophase.finish(made, True, XID), *steps)
    assert made.unsettled


def test_what_is_interrupted_between_two_steps_is_unsettled() -> None:
    """Though no command has been left half done."""
    made = ready()
    operation = twophase.finish(made, True, XID)
    peer = Peer([*ON, says(b"XA COMMIT " + XID.sql)])
    event = next(operation)
    assert isinstance(event, bytes)
    peer.hear(event)
    operation.send(peer.receive())
    with pytest.raises(KeyboardInterrupt):
        operation.throw(KeyboardInterrupt())
    assert made.unsettled


def test_finish_in_a_transaction() -> None:
    made = ready(OPEN)
    with pytest.raises(ProgrammingError, match=r"cannot be finished while a transaction is open$"):
        play(twophase.finish(made, True, XID))
    assert made.unsettled is False


# The list


QUESTION = {True: b"XA RECOVER", False: b"XA RECOVER CONVERT XID"}


def listed(mariadb: bool, *rows: tuple[bytes, ...]) -> tuple[Step, Step]:
    columns = [column(name, 8, 63) for name in (b"formatID", b"gtrid_length", b"bqual_length")] + [column(b"data")]
    return says(QUESTION[mariadb]), ("server", result(columns, [row(*values) for values in rows]))


@pytest.mark.parametrize(("mariadb", "data"), [(True, b"ab"), (False, b"0x6162")])
def test_recover(mariadb: bool, data: bytes) -> None:
    assert play(twophase.recover(ready(mariadb=mariadb)), *listed(mariadb, (b"1", b"1", b"1", data))) == [XID]
    assert play(twophase.recover(ready(mariadb=mariadb)), *listed(mariadb)) == []


def test_recover_that_is_refused() -> None:
    with pytest.raises(IntegrityError, match=r"^denied$"):
        play(twophase.recover(ready()), says(QUESTION[True]), server(err(1401, b"denied", b"XAE03")))


@pytest.mark.parametrize(
    ("mariadb", "values", "message"),
    [
        (True, (b"1", b"1", b"1"), "the server's answer to XA RECOVER is no list of transactions"),
        (False, (b"1", b"1", b"1"), "the server's answer to XA RECOVER is no list of transactions"),
        (False, (b"1", b"1", b"1", b"0xzz"), "the server describes a transaction by '0xzz'"),
    ],
)
def test_what_is_no_list_of_transactions(mariadb: bool, values: tuple[bytes, ...], message: str) -> None:
    columns = [column(b"c", 8, 63) for _ in values[:3]] + [column(b"data") for _ in values[3:]]
    made = ready(mariadb=mariadb)
    with pytest.raises(InterfaceError) as caught:
        play(twophase.recover(made), says(QUESTION[mariadb]), ("server", result(columns, [row(*values)])))
    assert str(caught.value) == message
    assert made.idle


def test_a_recover_that_is_answered_without_rows() -> None:
    assert play(twophase.recover(ready()), says(QUESTION[True]), server(ok())) == []
