"""core/cancel.py against byte scripts, and what operations leave behind when they are cancelled."""

from __future__ import annotations

import pytest

from mariadb_protocol.constants import Capability, Status
from mariadb_py.core.cancel import Fate, kill_query
from mariadb_py.core.connection import ConnectionCore
from mariadb_py.core.cursor import CursorCore
from mariadb_py.core.many import execute_many
from mariadb_py.core.options import ConnectOptions
from mariadb_py.exceptions import DataError, OperationalError
from mariadb_py.io.localfile import read_file
from tests.support.script_binary import prepared
from tests.support.scripts import Peer, client, column, drive, end, err, ok, ready_session, result, row, server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mariadb_protocol.events import Command
    from tests.support.scripts import Step

THEIRS, OURS = 17, 4711  # ids: of the connection whose statement it is, and of the one that ends it
PORTS = 50001, 50002
AUTO = Status.AUTOCOMMIT
KILLED = err(1317, b"Query execution was interrupted", b"70100")


def ready(status: int = 0) -> ConnectionCore:
    made = ConnectionCore(ConnectOptions.from_keywords({}), read_file)
    session = ready_session()
    made.session.greeting = session.greeting
    made.session.capabilities = session.capabilities | Capability.MARIADB_BULK
    made.session.state, made.session.status = session.state, status
    made.statements.mode.trust()
    return made


def play(operation: Command[Any], *steps: Step) -> Any:
    peer = Peer(steps)
    try:
        return drive(operation, peer, 1000)
    finally:
        assert not peer.left


# Whose statement it is


def shows(*rows: tuple[int, str, str, int]) -> tuple[Step, Step]:
    """The question about both connections, and what the server shows."""
    kinds = (8, 253, 253, 8)
    lines = [row(*(str(value).encode() for value in values)) for values in rows]
    question = (
        f"SELECT ID,HOST,COMMAND,CONNECTION_ID() FROM information_schema.PROCESSLIST WHERE ID IN ({THEIRS},{OURS})"
    )
    columns = [column(b"c", kind, 63 if kind == 8 else 45) for kind in kinds]
    return client(b"\x03" + question.encode()), ("server", result(columns, lines))


def both(doing: str, hosts: tuple[str, str] = ("db:50001", "db:50002"), asking: int = OURS) -> tuple[Step, Step]:
    return shows((THEIRS, hosts[0], doing, asking), (OURS, hosts[1], "Query", asking))


@pytest.mark.parametrize("doing", ["Query", "Execute", "Bulk_execute", "Fetch"])
@pytest.mark.parametrize(
    ("ports", "hosts"),
    [
        (PORTS, ("db:50001", "db:50002")),
        (PORTS, ("definer.example:50001", "::1:50002")),  # while a procedure of somebody else runs
        (None, ("localhost", "localhost")),
        (None, ("127.0.0.1", "localhost")),
    ],
)
def test_a_statement_is_ended(doing: str, ports: tuple[int, int] | None, hosts: tuple[str, str]) -> None:
    made = ready()
    fate = play(kill_query(made, THEIRS, ports), *both(doing, hosts), client(b"\x03KILL QUERY 17"), server(ok()))
    assert fate == Fate.KILLED


def test_a_statement_that_is_over() -> None:
    assert play(kill_query(ready(), THEIRS, PORTS), *both("Sleep")) == Fate.OVER


NOT_OURS: dict[str, tuple[Step, Step]] = {
    "logs in": both("Change user"),
    "says goodbye": both("Quit"),
    "another port": both("Query", ("db:50003", "db:50002")),
    "a proxy in between": both("Query", ("db:50001", "db:60000")),
    "no port": both("Query", ("localhost", "localhost")),
    "not there": shows((OURS, "db:50002", "Query", OURS)),
    "we are not there": shows((THEIRS, "db:50001", "Query", OURS)),
    "ids of a proxy": both("Query", asking=4712),
    "nothing": shows(),
}


@pytest.mark.parametrize("name", NOT_OURS)
def test_what_does_not_show_as_ours_is_left_alone(name: str) -> None:
    assert play(kill_query(ready(), THEIRS, PORTS), *NOT_OURS[name]) == Fate.NOTHING


def test_a_proxy_with_ids_of_its_own_before_a_unix_socket() -> None:
    hosts = "localhost", "localhost"
    assert play(kill_query(ready(), THEIRS, None), *both("Query", hosts, asking=4712)) == Fate.NOTHING


@pytest.mark.parametrize(
    "reply",
    [
        server(ok()),
        server(err(1142, b"no", b"42000")),
        ("server", result([column(b"c", 8, 63)], [row(b"17"), row(b"4711")])),
    ],
)
def test_an_answer_that_shows_nothing(reply: Step) -> None:
    assert play(kill_query(ready(), THEIRS, PORTS), both("Query")[0], reply) == Fate.NOTHING


def test_a_server_that_refuses() -> None:
    steps = *both("Query"), client(b"\x03KILL QUERY 17"), server(err(1095, b"You are not owner of thread 17"))
    with pytest.raises(OperationalError, match=r"^You are not owner of thread 17$"):
        play(kill_query(ready(), THEIRS, PORTS), *steps)


# What is left behind


def cancels(made: ConnectionCore, statement: bytes) -> Step:
    """The client sends a statement, and while it waits the driver cancels the operation."""

    def heard(data: bytes) -> bool:
        made.session.stop = KeyboardInterrupt()
        return data == client(b"\x03" + statement)[1]

    return "client", heard


def says(statement: bytes) -> Step:
    return client(b"\x03" + statement)


BULK = ("client", lambda data: data[4] == 0xFA)
PREPARES: tuple[Step, ...] = (client(b"\x16UPDATE t SET a=?"), server(prepared(7, 0, 1), column(b"a", 3, 63)))
OFF: tuple[Step, ...] = (says(b"SET autocommit=0"), server(ok(status=0)))
ON: tuple[Step, ...] = (says(b"SET autocommit=1"), server(ok(status=AUTO)))
COMMIT, ROLLBACK = b"COMMIT AND NO CHAIN NO RELEASE", b"ROLLBACK AND NO CHAIN NO RELEASE"


def updates(made: ConnectionCore) -> Command[None]:
    return execute_many(CursorCore(made, True, None), "UPDATE t SET a=?", [(1,), (2,)])


@pytest.mark.parametrize("last", [ok(status=0), KILLED])
def test_the_last_commit_of_a_bulk_is_cancelled(last: bytes) -> None:
    made = ready(AUTO)
    steps = [*PREPARES, *OFF, BULK, server(ok(2, status=0)), cancels(made, COMMIT), server(last)]
    if last == KILLED:
        with pytest.raises(OperationalError):
            play(updates(made), *steps, says(ROLLBACK), server(ok(status=0)), *ON)
    else:
        play(updates(made), *steps, *ON)
    assert (made.autocommit, made.idle) == (True, True)


def test_the_rollback_of_a_bulk_is_cancelled() -> None:
    made = ready(AUTO)
    steps = [*PREPARES, *OFF, BULK, server(err(1264, b"out of range", b"22003"))]
    steps += [cancels(made, ROLLBACK), server(ok(status=0)), *ON]
    with pytest.raises(DataError, match=r"^out of range$"):
        play(updates(made), *steps)
    assert (made.autocommit, made.idle) == (True, True)


def test_a_bulk_that_cannot_be_rolled_back() -> None:
    """With autocommit it would be committed: the driver has to give the session up."""
    made = ready(AUTO)
    steps = [*PREPARES, *OFF, BULK, server(err(1264, b"out of range", b"22003"))]
    steps += [says(ROLLBACK), server(err(1205, b"no", b"HY000"))]
    with pytest.raises(OperationalError, match=r"^no$"):
        play(updates(made), *steps)
    assert made.unsettled


def test_abandon_lets_the_cancelling_hit_nothing_else() -> None:
    made = ready()
    play(made.abandon(), says(b"DO 0"), server(KILLED))
    assert made.idle


def test_abandon_gives_up_what_is_left() -> None:
    made = ready()
    cursor = CursorCore(made, False, None)
    head = ("server", result([column(b"a", 3, 63)], [row(b"1")], end(8)))
    play(cursor.execute("SELECT a", None), says(b"SELECT a"), head)
    rest = ("server", result([column(b"a", 3, 63)], [row(b"2")], end(0), sequence=5))
    play(made.abandon(), rest, says(b"DO 0"), server(ok()))
    assert made.idle
