"""The sequences of commands behind a connection's methods, against byte scripts."""

from __future__ import annotations

import gc

import pytest

from mariadb_protocol import ParameterError, State
from mariadb_protocol.constants import Capability, Status
from mariadb_protocol.handshake import WANTED
from mariadb_py.core import sqlmode
from mariadb_py.core.connection import ConnectionCore
from mariadb_py.core.cursor import CursorCore
from mariadb_py.core.many import execute_many
from mariadb_py.core.options import ConnectOptions
from mariadb_py.exceptions import (
    Error,
    IntegrityError,
    InterfaceError,
    LostConnectionError,
    OperationalError,
    ProgrammingError,
)
from tests.support.script_fields import handshake_fields, payloads
from tests.support.scripts import (
    HANGS_UP,
    Peer,
    client,
    column,
    drive,
    end,
    err,
    greeting,
    lenenc,
    ok,
    packets,
    ready_session,
    result,
    row,
    server,
    text,
    tracked,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mariadb_protocol.events import Command
    from tests.support.scripts import Step

AUTO = Status.AUTOCOMMIT
TRACKED = Status.SESSION_STATE_CHANGED
SET_NAMES = b"\x03SET NAMES utf8mb4"
ONE = column(b"a", 3, 63)
SERVER_IS_UTF8MB4 = tracked(
    *((0, text(b"character_set_" + name) + text(b"utf8mb4")) for name in (b"client", b"connection", b"results"))
)


def core(**keywords: Any) -> ConnectionCore:
    made = ConnectionCore(ConnectOptions.from_keywords(keywords), no_file)
    made.renew({"_client_name": "test"})
    return made


def no_file(name: bytes) -> Iterator[bytes]:
    raise AssertionError(name)


def ready(status: int = 0, **keywords: Any) -> ConnectionCore:
    """A connection as after open()."""
    made = core(**keywords)
    session = ready_session()
    made.session.greeting, made.session.capabilities = session.greeting, session.capabilities
    made.session.state = session.state
    made.session.status = status
    return made


def play(operation: Command[Any], *steps: Step) -> Any:
    """Run an operation against a server that keeps to the steps, all of which must be played."""
    peer = Peer(steps)
    try:
        return drive(operation, peer, 1000)
    finally:
        assert not peer.left


def logs_in(**expected: Any) -> Step:
    def accepts(data: bytes) -> bool:
        fields = handshake_fields(payloads(data)[0][1])
        return {name: fields.get(name) for name in expected} == expected

    return "client", accepts


GREETS = server(greeting(), sequence=0)


def rows_of(*values: bytes, status: int = 0, sequence: int = 1) -> bytes:
    return result([ONE], [row(value) for value in values], end(status), sequence=sequence)


# Beginning


@pytest.mark.parametrize(
    ("keywords", "status", "tail", "statements"),
    [
        ({}, AUTO, b"", [SET_NAMES + b",autocommit=0"]),
        ({}, 0, b"", [SET_NAMES]),
        ({"autocommit": True}, AUTO, b"", [SET_NAMES]),
        ({"autocommit": True}, 0, b"", [SET_NAMES + b",autocommit=1"]),
        ({}, AUTO | TRACKED, SERVER_IS_UTF8MB4, [b"\x03SET autocommit=0"]),
        ({}, TRACKED, SERVER_IS_UTF8MB4, []),
        ({"init_command": "SET @a='\u6e2c'"}, 0, b"", ["\x03SET @a='\u6e2c'".encode(), SET_NAMES]),
        ({"init_command": "X", "autocommit": True}, AUTO | TRACKED, SERVER_IS_UTF8MB4, [b"\x03X"]),
    ],
)
def test_open_sends_only_what_is_needed(
    keywords: dict[str, Any], status: int, tail: bytes, statements: list[bytes]
) -> None:
    made = core(user="u", database="d", **keywords)
    steps = [GREETS, logs_in(user=b"u", database=b"d"), server(ok(status=status, tail=tail), sequence=2)]
    for statement in statements:
        steps += [client(statement), server(ok(status=status))]
    play(made.open(), *steps)
    assert made.idle
    assert made.session.greeting is not None
    assert made.session.greeting.version_info == (10, 11, 6)
    assert made.session.schema == "d"


@pytest.mark.parametrize(
    ("init_command", "status", "names"),
    [
        ("SET sql_mode=''", 0, b"SET NAMES utf8mb4,sql_mode=@@sql_mode"),
        ("CALL p()", Status.ANSI_QUOTES, b"SET NAMES utf8mb4,sql_mode=@@sql_mode"),
        ("CALL p()", 0, b"SET NAMES utf8mb4"),
    ],
)
def test_open_does_not_believe_what_init_command_made_of_sql_mode(init_command: str, status: int, names: bytes) -> None:
    made = core(init_command=init_command, autocommit=False)
    play(
        made.open(),
        *(GREETS, logs_in(), server(ok(status=0), sequence=2)),
        *(client(b"\x03" + init_command.encode()), server(ok(status=status))),
        *(client(b"\x03" + names), server(ok(status=0))),
    )
    assert (made.statements.mode.flags, made.statements.mode.uncertain) == (0, False)


@pytest.mark.parametrize("capabilities", [WANTED, WANTED & ~Capability.SESSION_TRACK])
def test_mysql_is_asked_to_track_sql_mode(capabilities: int) -> None:
    made = core(user="u")
    tracks = bool(capabilities & Capability.SESSION_TRACK)
    assignments = [sqlmode.TRACK] * tracks + [b"NAMES utf8mb4", b"autocommit=0"] + [sqlmode.REPORT] * tracks
    tail = tracked((0, text(b"sql_mode") + text(b"ANSI_QUOTES"))) if tracks else b""
    play(
        made.open(),
        *(server(greeting(b"9.4.0", capabilities | Capability.MYSQL), sequence=0), logs_in(user=b"u")),
        *(server(ok(status=AUTO), sequence=2), client(b"\x03SET " + b",".join(assignments))),
        server(ok(status=TRACKED if tracks else 0, tail=tail)),
    )
    assert made.statements.mode.flags == (Status.ANSI_QUOTES if tracks else None)
    assert not made.statements.mode.uncertain


def test_a_sql_mode_that_is_reported_anew_is_asked_for() -> None:
    made = ready()
    cursor = CursorCore(made, True, None)
    asks = client(b"\x03SET sql_mode=@@sql_mode"), server(ok(status=0))
    play(cursor.execute("DO f()", None), client(b"\x03DO f()"), server(ok(status=Status.NO_BACKSLASH_ESCAPES)))
    play(cursor.execute("DO 1", None), client(b"\x03DO 1"), server(ok(status=Status.NO_BACKSLASH_ESCAPES)))
    sets = client(b"\x03SET @a = '\\\\'"), server(ok(status=0))
    play(cursor.execute("SET @a = ?", ("\\",)), *asks, *sets)
    play(cursor.execute("SET @a = ?", ("\\",)), *sets)
    play(cursor.execute("SET sql_mode=''", None), client(b"\x03SET sql_mode=''"), server(ok(status=0)))
    play(execute_many(cursor, "DO 1", [(), ()]), *asks, *(client(b"\x03DO 1"), server(ok(status=0))) * 2)


def test_init_command_comes_before_what_must_hold_after_it() -> None:
    """It may change the mode itself, and what the user asked for is then made true again."""
    made = core(init_command="SET autocommit=1")
    play(
        made.open(),
        GREETS,
        logs_in(),
        server(ok(), sequence=2),
        client(b"\x03SET autocommit=1"),
        server(ok(status=AUTO)),
        client(SET_NAMES + b",autocommit=0"),
        server(ok(status=0)),
    )
    assert not made.autocommit


def test_init_command_may_have_results() -> None:
    made = core(init_command="SELECT 1")
    play(
        made.open(),
        GREETS,
        logs_in(),
        server(ok(), sequence=2),
        client(b"\x03SELECT 1"),
        ("server", rows_of(b"1", status=Status.MORE_RESULTS_EXISTS) + packets(5, ok(status=0))),
        client(SET_NAMES),
        server(ok(status=0)),
    )
    assert made.idle


@pytest.mark.parametrize(
    ("packet", "kind", "errno"),
    [
        (err(1040, b"Too many connections", None), OperationalError, 1040),
        (err(1130, b"Host is not allowed", None), OperationalError, 1130),
    ],
)
def test_a_greeting_that_is_an_error(packet: bytes, kind: type[Error], errno: int) -> None:
    made = core()
    with pytest.raises(kind) as caught:
        play(made.open(), server(packet, sequence=0))
    assert (caught.value.errno, caught.value.sqlstate) == (errno, "HY000")
    assert made.session.broken


def test_a_refused_login() -> None:
    made = core(user="u", password="wrong")
    with pytest.raises(OperationalError, match=r"^Access denied$") as caught:
        play(made.open(), GREETS, logs_in(user=b"u"), server(err(1045, b"Access denied", b"28000"), sequence=2))
    assert (caught.value.errno, caught.value.sqlstate) == (1045, "28000")
    assert made.session.broken


@pytest.mark.parametrize("failing", [0, 1])
def test_a_session_that_cannot_be_set_up_is_not_used(failing: int) -> None:
    made = core(init_command="X")
    statements: list[Step] = []
    for index, statement in enumerate((b"\x03X", SET_NAMES)[: failing + 1]):
        statements += [client(statement), server(err(1064, b"no") if index == failing else ok(status=0))]
    with pytest.raises(ProgrammingError, match=r"^no$") as caught:
        play(made.open(), GREETS, logs_in(), server(ok(status=0), sequence=2), *statements)
    assert made.session.broken
    assert made.session.cause == str(caught.value)


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        (b"5.5.5-10.11.19-MariaDB-0+deb12u1", (10, 11, 19)),
        (b"11.8.6-MariaDB", (11, 8, 6)),
        (b"8.0.36", (8, 0, 36)),
        (b"10.11", (0, 0, 0)),
        (b"", (0, 0, 0)),
        (b"a.b.c", (0, 0, 0)),
        (b"10.11.99999999999999999999", (0, 0, 0)),
    ],
)
def test_server_version(version: bytes, numbers: tuple[int, int, int]) -> None:
    made = core()
    answered = [logs_in(), server(ok(status=0), sequence=2), client(SET_NAMES), server(ok(status=0))]
    play(made.open(), server(greeting(version), sequence=0), *answered)
    greeted = made.session.greeting
    assert greeted is not None
    assert greeted.version_info == numbers
    assert greeted.version_number == numbers[0] * 10000 + numbers[1] * 100 + numbers[2]


# Reset and change of user


def test_reset_brings_back_what_the_server_forgets() -> None:
    made = ready(init_command="X")
    made.session.variables["character_set_client"] = "latin1"
    play(
        made.reset(),
        client(b"\x1f"),
        server(ok(status=AUTO)),
        client(b"\x03X"),
        server(ok(status=AUTO)),
        client(SET_NAMES + b",autocommit=0"),
        server(ok(status=0)),
    )
    assert made.idle
    assert not made.autocommit
    assert made.session.variables == {}


@pytest.mark.parametrize("failing", [1, 2])
def test_a_reset_that_fails_half_way_ends_the_connection(failing: int) -> None:
    made = ready(init_command="X")
    steps = [client(b"\x1f"), server(ok(status=AUTO)), client(b"\x03X"), server(ok(status=AUTO))]
    steps += [client(SET_NAMES + b",autocommit=0"), server(ok(status=0))]
    steps[2 * failing + 1 :] = [server(err(1064, b"no"))]
    with pytest.raises(ProgrammingError, match=r"^no$"):
        play(made.reset(), *steps)
    assert made.session.broken
    with pytest.raises(LostConnectionError, match=r"^Server has gone away \(no\)$"):
        play(made.ping())


def test_change_user_sets_the_session_up_and_is_remembered() -> None:
    made = ready(database="d")
    made.session.schema = "d"
    sends: Step = "client", lambda data: data[4:].startswith(b"\x11other\0")
    play(made.change_user("other", None, None), sends, server(ok()), client(SET_NAMES + b",autocommit=0"), server(ok()))
    assert made.user_changed
    assert made.session.schema is None


def test_a_refused_change_of_user_ends_the_connection() -> None:
    made = ready()
    sends: Step = "client", lambda data: data[4:5] == b"\x11"
    with pytest.raises(OperationalError, match=r"^no$"):
        play(made.change_user("other", "pw", "d"), sends, server(err(1045, b"no", b"28000")))
    assert made.session.broken


# Small commands

SMALL: list[tuple[str, tuple[Any, ...], bytes]] = [
    ("ping", (), b"\x0e"),
    ("select_db", ("\u6e2c`;",), "\x02\u6e2c`;".encode()),
    ("kill", (17,), b"\x03KILL 17"),
    ("set_autocommit", (True,), b"\x03SET autocommit=1"),
    ("command", (b"BEGIN",), b"\x03BEGIN"),
]


@pytest.mark.parametrize(("name", "arguments", "sent"), SMALL)
def test_small_commands(name: str, arguments: tuple[Any, ...], sent: bytes) -> None:
    made = ready()
    play(getattr(made, name)(*arguments), client(sent), server(ok()))
    assert made.idle


@pytest.mark.parametrize(("name", "arguments", "sent"), SMALL)
def test_an_error_of_the_server_leaves_the_connection_usable(
    name: str, arguments: tuple[Any, ...], sent: bytes
) -> None:
    made = ready()
    with pytest.raises(IntegrityError, match=r"^no$"):
        play(getattr(made, name)(*arguments), client(sent), server(err(1062, b"no")))
    assert made.idle


@pytest.mark.parametrize(("name", "arguments", "sent"), [*SMALL, ("reset", (), b"")])
def test_a_lost_connection_stays_lost(name: str, arguments: tuple[Any, ...], sent: bytes) -> None:
    made = ready()
    made.session.fail(ValueError("why"))
    with pytest.raises(LostConnectionError, match=r"^Server has gone away \(why\)$") as caught:
        play(getattr(made, name)(*arguments))
    assert caught.value.errno == 2006


def test_what_is_so_already_is_not_sent() -> None:
    made = ready(AUTO)
    play(made.set_autocommit(True))
    play(made.end_transaction())
    assert made.autocommit
    assert not made.in_transaction


def test_an_open_transaction_is_ended() -> None:
    made = ready(Status.IN_TRANS)
    assert made.in_transaction
    play(made.end_transaction(), client(b"\x03ROLLBACK"), server(ok(status=0)))
    assert not made.in_transaction


def test_quit() -> None:
    made = ready()
    play(made.quit(), client(b"\x01"), HANGS_UP)
    assert made.session.state == State.CLOSED


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_names_that_cannot_be_sent(name: str) -> None:
    made = ready()
    with pytest.raises((ProgrammingError, ParameterError)):
        play(made.select_db(name))
    assert made.idle


# Whose rows are they?


def streaming(made: ConnectionCore, statement: str = "SELECT a", rows: tuple[bytes, ...] = (b"1",)) -> CursorCore:
    """A cursor of which `rows` have arrived, and the end has not."""
    cursor = CursorCore(made, False, None)
    arrived = packets(1, lenenc(1), ONE, *map(row, rows))
    play(cursor.execute(statement, None), client(b"\x03" + statement.encode()), ("server", arrived))
    assert made.session.state == State.STREAMING
    return cursor


def test_another_cursors_rows_are_not_thrown_away() -> None:
    made = ready()
    cursor = streaming(made, "SELECT a")
    for owner in (None, CursorCore(made, True, None)):
        with pytest.raises(
            InterfaceError, match="the unbuffered result of 'SELECT a' is not read to its end"
        ) as caught:
            play(made.claim(owner))
        assert caught.value.errno == 2014
    assert made.occupied
    play(cursor.fill(-1), ("server", packets(4, row(b"2"), end(0))))
    assert cursor.take(-1) == [(1,), (2,)]
    play(made.ping(), client(b"\x0e"), server(ok()))


@pytest.mark.parametrize("how", ["own", "collected", "given up"])
def test_rows_that_nobody_will_read_are_thrown_away(how: str) -> None:
    made = ready()
    cursor: CursorCore | None = streaming(made)
    owner = cursor if how == "own" else None
    if how == "collected":
        cursor = owner = None
        gc.collect()  # where references are not counted
    elif how == "given up" and cursor is not None:
        cursor.clear()
    more = packets(4, row(b"2"), end(Status.MORE_RESULTS_EXISTS), err(1317, b"interrupted"))
    play(made.claim(owner), ("server", more))
    assert made.idle
    assert not made.occupied


def test_a_session_between_two_results_is_claimed() -> None:
    """As an exception that struck between them leaves it."""
    made = ready()
    made.session.state = State.MORE_RESULTS
    made.session.stream.sequence = 5
    play(made.ping(), ("server", packets(5, ok())), client(b"\x0e"), server(ok()))
    assert made.idle
