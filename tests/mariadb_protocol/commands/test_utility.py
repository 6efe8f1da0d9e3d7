from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mariadb_protocol import RemoteProtocolError, Send, Session, State, quit_
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.scripts import (
    AUTOCOMMIT,
    COMMANDS,
    OLD,
    Script,
    call,
    client,
    column,
    end,
    eof,
    err,
    in_turn,
    ok,
    packets,
    ready_session,
    refuses_all,
    replay,
    replay_all_ways,
    row,
    server,
    text,
    tracked,
)

if TYPE_CHECKING:
    from mariadb_protocol.events import Command

DENIED = err(1044, b"Access denied", b"42000")
DENIED_SAYS = ("err", 1044, "42000", "Access denied")
# command -> its arguments, what it sends
SIMPLE: dict[str, tuple[tuple[Any, ...], bytes]] = {
    "ping": ((), b"\x0e"),
    "init_db": ((b"shop",), b"\x02shop"),
    "reset_connection": ((), b"\x1f"),
    "debug": ((), b"\x0d"),
}


def script(name: str, payload: bytes, answer: Any = None, **more: Any) -> Script:
    arguments, sent = SIMPLE[name]
    return Script(name, call(name, *arguments), [client(sent), server(payload)], answer, **more)


def old_session() -> Session:
    return ready_session(OLD)


SCRIPTS = [
    *(script(name, ok(status=0x102, warnings=3), ("ok", 0, 0, 0x102, 3, b"")) for name in SIMPLE),
    *(script(name, DENIED, DENIED_SAYS, session={"schema": None}) for name in SIMPLE),
    script("init_db", ok(), AUTOCOMMIT, session={"schema": "shop", "status": 2}),
    script("ping", ok(tail=b"info"), ("ok", 0, 0, 2, 0, b"info"), start=old_session),
    script(
        "reset_connection",
        ok(status=0x4000, tail=tracked((0, text(b"autocommit") + text(b"OFF")), (1, text(b"")))),
        ("ok", 0, 0, 0x4000, 0, b""),
        session={"variables": {"autocommit": "OFF"}, "schema": None, "status": 0x4000},
    ),
    # As servers answer it, without the session's status: that stays what it was.
    script("debug", eof(0), ("ok", 0, 0, 0, 0, b""), session={"status": 0}),
    script("debug", end(0), ("ok", 0, 0, 0, 0, b""), session={"status": 0}),
]


@pytest.mark.parametrize("script", SCRIPTS, ids=repr)
def test_simple_commands(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)
    assert flip_everywhere(script) == 8 * len(script.reply)


NEITHER = [b"", b"\x01", b"\xfb/etc/passwd", column()]


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        *((name, payload) for name in SIMPLE for payload in NEITHER),
        *((name, payload) for name in SIMPLE if name != "debug" for payload in (eof() + b"\0", end())),
    ],
)
def test_neither_ok_nor_err(name: str, payload: bytes) -> None:
    refused = script(name, payload, raises=RemoteProtocolError)
    refused.match = f"expected OK or ERR, the server sent {len(payload)} bytes that begin with b'"
    replay_all_ways(refused)


def test_debug_is_answered_by_eof_and_says_nothing_of_the_status() -> None:
    both = in_turn(call("ping"), call("debug"))
    steps = [client(b"\x0e"), server(ok(status=0x22)), client(b"\x0d"), server(end(0))]
    script = Script("debug", both, steps, [("ok", 0, 0, 0x22, 0, b""), ("ok", 0, 0, 0, 0, b"")])
    script.session = {"status": 0x22}
    replay_all_ways(script)


def test_the_database_name_is_sent_as_it_is() -> None:
    steps = [client(b"\x02a`; DROP"), server(ok())]
    replay(Script("name", call("init_db", b"a`; DROP"), steps, AUTOCOMMIT, session={"schema": "a`; DROP"}))


def test_reset_connection_keeps_the_database() -> None:
    both = in_turn(call("init_db", b"shop"), call("reset_connection"))
    steps = [client(b"\x02shop"), server(ok()), client(b"\x1f"), server(ok())]
    replay_all_ways(Script("reset", both, steps, [AUTOCOMMIT, AUTOCOMMIT], session={"schema": "shop"}))


def test_every_command_begins_with_sequence_id_0() -> None:
    steps = [client(b"\x0e"), server(ok())] * 3
    replay_all_ways(Script("pings", in_turn(*[call("ping")] * 3), steps, [AUTOCOMMIT] * 3))


# COM_QUIT

FIRST = [b"\x01", column(), row(b"1")]
LEFT = [
    ("streaming", 1, None, packets(1, *FIRST, row(b"2"))[:-1]),
    ("more results", -1, ("ok", 0, 0, 0xA, 0, b""), packets(1, *FIRST, end(status=0xA), b"\x01", column())),
]


@pytest.mark.parametrize(("name", "minimum", "last", "reply"), LEFT, ids=[name for name, *_ in LEFT])
def test_quit_leaves_rows_behind(name: str, minimum: int, last: Any, reply: bytes) -> None:
    steps = [client(b"\x03SELECT 1"), ("server", reply), client(b"\x01")]
    seen = []

    def query_and_quit(session: Session) -> Command[Any]:
        answer = yield from COMMANDS.query(session, b"SELECT 1", minimum)
        seen.append(session.state)
        return [answer, (yield from COMMANDS.quit(session))]

    answers = [("rows", ["c"], [("1",)], last), None]
    replay_all_ways(Script(name, query_and_quit, steps, answers, state=State.CLOSED))
    assert set(seen) == {name}


def test_quit_waits_for_nothing() -> None:
    session = ready_session()
    quitting = quit_(session)
    event = next(quitting)
    assert isinstance(event, Send)
    assert event.data == packets(0, b"\x01")
    with pytest.raises(StopIteration):
        quitting.send(None)
    assert session.state == State.CLOSED
    refuses_all(session)
