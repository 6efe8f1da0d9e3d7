"""What a session is restored by, against byte scripts."""

from __future__ import annotations

import pytest

from mariadb_protocol import LocalProtocolError, State, ping
from mariadb_protocol.constants import Capability, Status
from mariadb_protocol.handshake import WANTED
from mariadb_py.core import sqlmode
from mariadb_py.core.connection import ConnectionCore
from mariadb_py.core.cursor import CursorCore
from mariadb_py.core.options import ConnectOptions
from mariadb_py.core.restore import finish_restore, is_pending, learn, restore, send_restore
from mariadb_py.core.tpc import TpcState
from mariadb_py.exceptions import InterfaceError, LostConnectionError, ProgrammingError
from tests.support.script_binary import prepared
from tests.support.scripts import (
    Peer,
    client,
    column,
    drive,
    end,
    err,
    lenenc,
    ok,
    packets,
    ready_session,
    result,
    row,
    server,
    text,
    tracked,
    uint,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_protocol.events import Command
    from tests.support.scripts import Step

AUTO, IN_TRANS, TRACKED = Status.AUTOCOMMIT, Status.IN_TRANS, Status.SESSION_STATE_CHANGED
LEARNS = client(b"\x03SELECT @@wait_timeout,CURRENT_ROLE()")
CHARSETS = tuple(b"character_set_" + name for name in (b"client", b"connection", b"results"))
UTF8MB4 = tuple((0, text(name) + text(b"utf8mb4")) for name in CHARSETS)
NO = err(1064, b"no")
SET_NAMES = b"\x03SET NAMES utf8mb4,autocommit=0"


def no_file(name: bytes) -> Iterator[bytes]:
    raise AssertionError(name)


def ready(status: int = AUTO, mysql: bool = False, capabilities: int = WANTED, **keywords: Any) -> ConnectionCore:
    """A connection as after open(): with the database of its options."""
    made = ConnectionCore(ConnectOptions.from_keywords(keywords), no_file)
    session = ready_session(capabilities)
    assert session.greeting is not None
    session.greeting.mariadb = not mysql
    made.session.greeting, made.session.capabilities = session.greeting, session.capabilities
    made.session.state = session.state
    made.session.status = status
    made.session.schema = made.options.database
    return made


def play(operation: Command[Any], *steps: Step) -> Any:
    """Run an operation against a server that keeps to the steps, all of which must be played."""
    peer = Peer(steps)
    try:
        return drive(operation, peer, 1000)
    finally:
        assert not peer.left


def batch(*payloads: bytes) -> Step:
    """The client sends these commands in one write."""
    return "client", b"".join(packets(0, payload) for payload in payloads)


def answers(*payloads: bytes) -> Step:
    return "server", b"".join(packets(1, payload) for payload in payloads)


def reports(*entries: tuple[int, bytes], status: int = 0) -> bytes:
    """An OK payload that reports changes of the session."""
    return ok(status=status | TRACKED, tail=tracked(*entries))


def set_answer(status: int, *entries: tuple[int, bytes]) -> bytes:
    """The answer to SET NAMES."""
    return reports(*UTF8MB4, *entries, status=status)


# What a pool has to know


@pytest.mark.parametrize(
    ("mysql", "timeout", "role", "learnt"),
    [
        (False, b"28800", None, (28800, b"NONE")),
        (False, b"1", b"reader", (1, b"`reader`")),
        (False, b"1", b"re`ad``er", (1, b"`re``ad````er`")),
        (False, b"1", "\u6e2c \u8a66".encode(), (1, "`\u6e2c \u8a66`".encode())),
        (False, b"1", b"`reader`", (1, b"```reader```")),
        (False, b"1", b"`", (1, b"````")),
        (False, b"1", b"", (1, b"``")),
        (True, b"28800", b"NONE", (28800, b"NONE")),
        (True, b"31536000", b"`r`@`%`", (31536000, b"`r`@`%`")),
        (True, b"1", b"`a``b`@`%`,`c`@`localhost`", (1, b"`a``b`@`%`,`c`@`localhost`")),
        (True, b"28800", None, (28800, b"NONE")),
    ],
)
def test_learn(mysql: bool, timeout: bytes, role: bytes | None, learnt: tuple[int, bytes]) -> None:
    made = ready(mysql=mysql)
    reply = result([column(b"a", 8, 63), column(b"b")], [row(timeout, role)])
    assert play(learn(made), LEARNS, ("server", reply)) == learnt
    assert made.idle


TWO = [column(b"a", 8, 63), column(b"b")]


@pytest.mark.parametrize(
    "reply",
    [
        packets(1, err(1064, b"no")),
        packets(1, ok()),
        result(TWO, []),
        result(TWO, [row(b"1", b"r")] * 2),
        result(TWO[:1], [row(b"1")]),
        result([*TWO, column(b"c")], [row(b"1", b"r", b"x")]),
        result(TWO, [row(None, b"r")]),
        result([column(b"a"), column(b"b")], [row(b"soon", b"r")]),
        result([column(b"a", 8, 63), column(b"b", 8, 63)], [row(b"1", b"2")]),
    ],
    ids=[
        *("err", "ok", "no row", "two rows", "one column", "three columns"),
        *("no number", "a word", "a number as a role"),
    ],
)
def test_learn_makes_nothing_of_an_odd_answer(reply: bytes) -> None:
    made = ready()
    assert play(learn(made), LEARNS, ("server", reply)) == (0, None)
    assert made.idle


# One command after the other


@pytest.mark.parametrize(
    ("wanted", "present", "selects"),
    [("d", "d", True), ("d", "other", True), ("d", None, True), (None, None, False)],
)
def test_restore_selects_the_database(wanted: str | None, present: str | None, selects: bool) -> None:
    made = ready(database=wanted, init_command="X")
    made.session.schema = present
    steps = [client(b"\x1f"), server(ok(status=0))]
    steps += [client(b"\x02d"), server(ok(status=0))] if selects else []
    # Last, as in a login: init_command may need the database.
    steps += [client(b"\x03X"), server(ok(status=0)), client(b"\x03SET NAMES utf8mb4"), server(ok(status=0))]
    play(restore(made), *steps)
    assert made.session.schema == wanted


def test_restore_cannot_unset_a_database() -> None:
    made = ready()
    made.session.schema = "stays"
    steps = [client(b"\x1f"), server(ok(status=0))]
    with pytest.raises(InterfaceError, match=r"^a default database cannot be unset: 'stays' stays selected$"):
        play(restore(made), *steps)


@pytest.mark.parametrize("role", [b"NONE", b"`r`@`%`"])
def test_restore_sets_the_role_where_it_is_known(role: bytes) -> None:
    made = ready(database="d")
    made.role = role
    play(
        restore(made),
        *(client(b"\x1f"), server(ok(status=AUTO)), client(b"\x03SET ROLE " + role), server(ok(status=AUTO))),
        *(client(b"\x02d"), server(ok(status=AUTO)), client(SET_NAMES), server(set_answer(0))),
    )
    assert made.idle
    assert made.role == role


RESTORES = [(b"\x1f", AUTO), (b"\x03SET ROLE NONE", AUTO), (b"\x02d", AUTO), (b"\x03X", AUTO), (SET_NAMES, 0)]


@pytest.mark.parametrize("failing", range(5))
def test_a_restore_that_fails_is_an_error(failing: int) -> None:
    made = ready(database="d", init_command="X")
    made.role = b"NONE"
    steps: list[Step] = []
    for number, (sent, status) in enumerate(RESTORES[: failing + 1]):
        steps += [client(sent), server(NO if number == failing else ok(status=status))]
    with pytest.raises(ProgrammingError, match=r"^no$"):
        play(restore(made), *steps)


@pytest.mark.parametrize("operation", [restore, send_restore])
def test_a_lost_connection_stays_lost(operation: Callable[[ConnectionCore], Command[Any]]) -> None:
    made = ready()
    made.session.fail(ValueError("why"))
    with pytest.raises(LostConnectionError, match=r"^Server has gone away \(why\)$") as caught:
        play(operation(made))
    assert caught.value.errno == 2006


# In one write

MYSQL_SET = b"\x03SET %b,NAMES utf8mb4,autocommit=%b,%b"
MYSQL_SETS = MYSQL_SET % (sqlmode.TRACK, b"0", sqlmode.REPORT)
MYSQL_READS = MYSQL_SET % (sqlmode.TRACK, b"1,transaction_read_only=1", sqlmode.REPORT)
SENT: list[tuple[dict[str, Any], bytes | None, list[bytes]]] = [
    ({}, None, [SET_NAMES]),
    ({"autocommit": True}, None, [b"\x03SET NAMES utf8mb4,autocommit=1"]),
    ({"database": "\u6e2c`;"}, None, ["\x02\u6e2c`;".encode(), SET_NAMES]),
    ({"database": "d"}, b"NONE", [b"\x03SET ROLE NONE", b"\x02d", SET_NAMES]),
    ({}, b"`r`@`%`", [b"\x03SET ROLE `r`@`%`", SET_NAMES]),
    ({"init_command": "SET @a='\u6e2c'"}, None, ["\x03SET @a='\u6e2c'".encode(), SET_NAMES]),
    (
        {"init_command": "SET sql_mode=''", "database": "d"},
        b"`r`",
        [b"\x03SET ROLE `r`", b"\x02d", b"\x03SET sql_mode=''", SET_NAMES + b",sql_mode=@@sql_mode"],
    ),
    ({"read_only": True}, None, [SET_NAMES + b",tx_read_only=1"]),
    (
        {"reconnect": True},
        None,
        [SET_NAMES + b",session_track_state_change=1,session_track_transaction_info='CHARACTERISTICS'"],
    ),
    ({"mysql": True}, b"NONE", [b"\x03SET ROLE NONE", MYSQL_SETS]),
    ({"mysql": True, "autocommit": True, "read_only": True}, None, [MYSQL_READS]),
    ({"mysql": True, "capabilities": WANTED & ~Capability.SESSION_TRACK}, None, [SET_NAMES]),
]


@pytest.mark.parametrize("status", [0, AUTO, IN_TRANS])
@pytest.mark.parametrize(("keywords", "role", "payloads"), SENT)
def test_what_is_sent(keywords: dict[str, Any], role: bytes | None, payloads: list[bytes], status: int) -> None:
    """All of it, whatever is known: the user can switch off what reports it."""
    made = ready(status, **keywords)
    made.role = role
    made.session.variables.update({name.decode(): "utf8mb4" for name in CHARSETS})
    assert not is_pending(made)
    assert play(send_restore(made), batch(b"\x1f", *payloads)) is True
    assert is_pending(made)
    assert made.session.state == State.BATCH_SENT
    assert made.session.variables == {}
    assert len(made.session.unanswered) == 1 + len(payloads)


def test_nothing_is_sent_where_a_database_would_stay() -> None:
    made = ready()
    made.session.schema = "stays"
    made.session.variables["a"] = "1"
    generation = made.statements.generation
    assert play(send_restore(made)) is False
    assert made.idle
    assert not is_pending(made)
    assert (made.session.variables, made.statements.generation) == ({"a": "1"}, generation)


def test_another_cursors_rows_are_not_thrown_away() -> None:
    made = ready()
    cursor = CursorCore(made, False, None)
    arrived = packets(1, lenenc(1), column(b"a", 3, 63), row(b"1"))
    play(cursor.execute("SELECT a", None), client(b"\x03SELECT a"), ("server", arrived))
    with pytest.raises(InterfaceError, match="the unbuffered result of 'SELECT a' is not read to its end"):
        play(send_restore(made))
    cursor.clear()
    play(send_restore(made), ("server", packets(4, row(b"2"), end())), batch(b"\x1f", SET_NAMES))
    assert is_pending(made)


def test_no_other_command_may_come_between() -> None:
    made = ready()
    play(send_restore(made), batch(b"\x1f", SET_NAMES))
    with pytest.raises(LocalProtocolError, match=r"the session is waiting for the answers to several commands$"):
        play(ping(made.session))
    assert is_pending(made)
    play(finish_restore(made), answers(ok(), set_answer(0)))
    assert not is_pending(made)
    play(made.ping(), client(b"\x0e"), server(ok()))


def sent(role: bytes | None = None, **keywords: Any) -> ConnectionCore:
    """A connection that waits for the answers to what it has sent."""
    made = ready(**keywords)
    made.role = role
    play(send_restore(made), ("client", lambda data: True))
    return made


def test_finish_restore() -> None:
    made = sent(b"NONE", database="d", init_command="SET sql_mode='ANSI_QUOTES'")
    made.statements.mode.suspect = True
    assert made.statements.asked
    mode = Status.ANSI_QUOTES
    play(
        finish_restore(made),
        answers(ok(), ok(), ok(), ok(status=AUTO | mode), set_answer(mode, (2, text(b"1")))),
    )
    assert made.idle
    assert not made.autocommit
    assert made.has_charset(False)
    assert (made.statements.mode.flags, made.statements.mode.uncertain) == (mode, False)
    assert not (made.session.changed or made.statements.asked or made.statements.untracked)
    assert made.would_lose() is None


@pytest.mark.parametrize("autocommit", [True, False])
def test_the_mode_that_was_asked_for(autocommit: bool) -> None:
    made = sent(autocommit=autocommit)
    play(finish_restore(made), answers(ok(status=0 if autocommit else AUTO), set_answer(AUTO * autocommit)))
    assert made.autocommit is autocommit


D, OTHER = ((1, text(name)) for name in (b"d", b"other"))


@pytest.mark.parametrize(
    ("database", "present", "replies", "schema"),
    [
        ("d", "d", [ok(), ok()], "d"),
        ("d", "other", [ok(), reports(D)], "d"),
        ("d", "other", [ok(), ok()], "d"),
        ("d", None, [ok(), ok()], "d"),
        ("d", "other", [reports(OTHER), reports(D)], "d"),
        (None, None, [ok()], None),
    ],
)
def test_the_database_afterwards(
    database: str | None, present: str | None, replies: list[bytes], schema: str | None
) -> None:
    """The one of the options; the server need not report it."""
    made = ready(database=database)
    made.session.schema = present
    play(send_restore(made), ("client", lambda data: True))
    play(finish_restore(made), answers(*replies, set_answer(0)))
    assert made.session.schema == schema


def test_the_database_that_init_command_uses() -> None:
    """As behind open() and `restore`."""
    opened = ready(database="d", init_command="USE other")
    play(
        restore(opened),
        *(client(b"\x1f"), server(ok()), client(b"\x02d"), server(reports(D))),
        *(client(b"\x03USE other"), server(reports(OTHER)), client(b"\x03SET NAMES utf8mb4"), server(set_answer(0))),
    )
    made = sent(database="d", init_command="USE other")
    play(finish_restore(made), answers(ok(), reports(D), reports(OTHER), set_answer(0)))
    assert (opened.session.schema, made.session.schema) == ("other", "other")


@pytest.mark.parametrize("failing", range(5))
def test_a_command_that_fails(failing: int) -> None:
    """All answers are read, and the session is not to be used: nobody knows what it is like."""
    made = sent(b"NONE", database="d", init_command="X")
    replies = [ok(), ok(), ok(), ok(), set_answer(0)]
    replies[failing] = NO
    with pytest.raises(ProgrammingError, match=r"^no$"):
        play(finish_restore(made), answers(*replies))
    assert made.session.state == State.BROKEN


def test_the_first_error_is_the_reason() -> None:
    made = sent(database="d")
    with pytest.raises(ProgrammingError, match=r"^Unknown database 'd'$") as caught:
        play(finish_restore(made), answers(ok(), err(1049, b"Unknown database 'd'"), NO))
    assert caught.value.errno == 1049


@pytest.mark.parametrize("init_command", [None, "X"])
@pytest.mark.parametrize("autocommit", [True, False])
def test_the_wrong_autocommit_mode(autocommit: bool, init_command: str | None) -> None:
    made = sent(autocommit=autocommit, init_command=init_command)
    replies = [ok()] * (2 if init_command else 1)
    with pytest.raises(
        InterfaceError, match=r"^behind a reset, the session is not in the autocommit mode that was asked for$"
    ):
        play(finish_restore(made), answers(*replies, set_answer(AUTO * (not autocommit))))


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_transaction_that_is_open_still(autocommit: bool) -> None:
    made = sent(autocommit=autocommit)
    with pytest.raises(InterfaceError, match=r"^behind a reset, the session is not in the autocommit mode"):
        play(finish_restore(made), answers(ok(), set_answer(AUTO * autocommit | IN_TRANS)))


def test_a_transaction_that_init_command_opens() -> None:
    made = sent(init_command="BEGIN")
    play(finish_restore(made), answers(ok(), ok(status=AUTO | IN_TRANS), set_answer(IN_TRANS)))
    assert made.in_transaction


@pytest.mark.parametrize("number", range(3))
def test_another_character_set(number: int) -> None:
    """What was known before the reset says nothing."""
    made = ready()
    made.session.variables.update({name.decode(): "utf8mb4" for name in CHARSETS})
    play(send_restore(made), batch(b"\x1f", SET_NAMES))
    entries = list(UTF8MB4)
    entries[number] = (0, text(CHARSETS[number]) + text(b"latin1"))
    with pytest.raises(InterfaceError, match=r"^behind a reset, the session does not use utf8mb4$"):
        play(finish_restore(made), answers(ok(), reports(*entries)))
    assert made.session.state == State.BROKEN


@pytest.mark.parametrize("capabilities", [WANTED, WANTED & ~Capability.SESSION_TRACK])
def test_a_server_that_reports_no_variables(capabilities: int) -> None:
    """It was told, and has not objected."""
    made = sent(capabilities=capabilities)
    play(finish_restore(made), answers(ok(), ok(status=0)))
    assert (made.idle, made.has_charset(False), made.has_charset(True)) == (True, False, True)


def test_what_the_reset_has_ended_is_forgotten() -> None:
    """Statements that are kept, those that belong to somebody, and a transaction of a transaction manager."""
    made = ready(cache_prep_stmts=True)
    cursor = CursorCore(made, True, None)
    executes = b"\x17" + uint(7, 4) + b"\0" + uint(1, 4) + b"\0\1\x08\0" + uint(5, 8)
    prepares = client(b"\x16DO ?"), ("server", packets(1, prepared(7, 0, 1), column(b"?")))
    made.statements._pipeline = False
    play(cursor.execute("DO ?", (5,)), *prepares, client(executes), server(ok(status=AUTO)))
    owned = play(made.statements.prepare_own(b"DO 1"), client(b"\x16DO 1"), server(prepared(8, 0, 0)))
    made.tpc.state = TpcState.XID
    play(send_restore(made), batch(b"\x1f", SET_NAMES))
    assert made.tpc.state == TpcState.NONE
    play(finish_restore(made), answers(ok(), set_answer(0)))
    made.statements.close(owned)
    # Not closed, as the server has done that, and prepared anew.
    play(cursor.execute("DO ?", (5,)), *prepares, client(executes), server(ok(status=0)))


def test_what_was_to_be_closed_is_closed_first() -> None:
    made = ready()
    owned = play(made.statements.prepare_own(b"DO 1"), client(b"\x16DO 1"), server(prepared(8, 0, 0)))
    made.statements.close(owned)
    play(send_restore(made), batch(b"\x19" + uint(8, 4), b"\x1f", SET_NAMES))
    play(finish_restore(made), answers(ok(), set_answer(0)))
    assert made.idle
