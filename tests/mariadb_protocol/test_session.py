"""session.py: the state table against what scripts reach, and what breaks a session."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, Callable

import pytest

from mariadb_protocol import (
    Credentials,
    Greeting,
    LocalProtocolError,
    OkPacket,
    Prepared,
    RemoteProtocolError,
    Session,
    State,
)
from mariadb_protocol.constants import Capability, Limits, Status
from mariadb_protocol.handshake import WANTED
from mariadb_protocol.rows import ResultMetadata
from mariadb_protocol.session import EVENTS_KEPT, TRANSITIONS
from tests.support.script_binary import prepared
from tests.support.scripts import (
    ARGUMENTS,
    AUTOCOMMIT,
    COMMANDS,
    REACHED,
    Script,
    call,
    client,
    column,
    end,
    eof,
    err,
    greeting,
    in_turn,
    ok,
    packets,
    ready_session,
    refuses_all,
    replay,
    result_set,
    row,
    server,
    text,
    tracked,
)

if TYPE_CHECKING:
    from mariadb_protocol.events import Command
    from tests.support.scripts import Step

STATES = sorted(value for name, value in vars(State).items() if name.isupper())
MORE = 2 | Status.MORE_RESULTS_EXISTS
FAREWELL = packets(0, err(1927, b"Connection was killed", b"70100"))
NUMBER = column(b"n", 3)
SELECT = client(b"\x03SELECT 1")

# The state table, as a test sees it


def test_the_table_names_every_command_and_every_state() -> None:
    assert set(TRANSITIONS) == set(ARGUMENTS)
    named = {state for before, after in TRANSITIONS.values() for state in before | after}
    assert named == set(STATES) - {State.BUSY, State.BROKEN}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", TRANSITIONS)
def test_where_a_command_may_begin(name: str, state: str) -> None:
    session = ready_session()
    session.state = state
    session.row_metadata = ResultMetadata((), session.limits)
    session.unanswered = [(1, 0)]
    command = getattr(COMMANDS, name)(session, *ARGUMENTS[name])
    if state in TRANSITIONS[name][0]:
        next(command)
        assert session.state == State.BUSY
        return
    with pytest.raises(LocalProtocolError, match=f"^{name} is not possible, the session is {state}$"):
        next(command)
    assert session.state == state


def reply(*payloads: bytes) -> bytes:
    return packets(1, *payloads)


def simple(name: str, code: bytes, *arguments: bytes) -> list[tuple[str, str, Any, list[Step]]]:
    """Roads of a command that one packet answers."""
    said = client(code + b"".join(arguments))
    run = call(name, *arguments)
    return [
        (name, State.READY, run, [said, server(ok())]),
        (name, State.READY, run, [said, server(err(1, b""))]),
    ]


def hears(data: bytes) -> bool:
    return True


def query_then(name: str, *arguments: Any, minimum: int = -1) -> Callable[[Session], Command[Any]]:
    return in_turn(call("query", b"SELECT 1", minimum), call(name, *arguments))


HEAD = [b"\x01", NUMBER]
ONE_ROW = [*HEAD, row(b"1")]
FIRST = [*HEAD, end(MORE)]
ROWLESS = result_set(["n"], [])
GREETS: list[Step] = [server(greeting(), sequence=0), ("client", hears)]
QUERY = call("query", b"SELECT 1")
STATEMENT = Prepared(7, 0, ResultMetadata((), Limits()))
BULK = call("send_bulk", STATEMENT, b"\3\0", b"\0\7\0\0\0", False)
BATCH = call("send_batch", [(0x0E, b""), (0x1F, b"")])
BATCH_SAID: Step = ("client", packets(0, b"\x0e") + packets(0, b"\x1f"))
# Command, the state that it leaves, commands to run, of which it is the last, and steps.
ROADS: list[tuple[str, str, Callable[[Session], Command[Any]], list[Step]]] = [
    ("login", State.READY, call("login", Credentials()), [*GREETS, server(ok(), sequence=2)]),
    ("login", State.CLOSED, call("login", Credentials()), [*GREETS, server(err(1045, b""), sequence=2)]),
    ("query", State.READY, QUERY, [SELECT, server(ok())]),
    ("query", State.READY, QUERY, [SELECT, server(*HEAD, end())]),
    ("query", State.READY, QUERY, [SELECT, server(*HEAD, row(b"1"), err(1, b""))]),
    ("query", State.STREAMING, call("query", b"SELECT 1", 1), [SELECT, server(*HEAD, row(b"1"))]),
    ("query", State.MORE_RESULTS, QUERY, [SELECT, server(ok(status=MORE))]),
    ("query", State.MORE_RESULTS, QUERY, [SELECT, server(*FIRST)]),
    ("read_rows", State.READY, query_then("read_rows", minimum=0), [SELECT, server(*HEAD), server(end(), sequence=3)]),
    *(
        ("read_rows", state, query_then("read_rows", 1, minimum=1), [SELECT, ("server", reply(*ONE_ROW) + last)])
        for state, last in (
            (State.READY, packets(4, end())),
            (State.STREAMING, packets(4, row(b"2"))),
            (State.MORE_RESULTS, packets(4, end(MORE))),
        )
    ),
    *(
        ("next_result", state, query_then("next_result", 1), [SELECT, ("server", reply(*FIRST) + last)])
        for state, last in (
            (State.READY, packets(4, ok())),
            (State.READY, packets(4, err(1, b""))),
            (State.STREAMING, packets(4, *HEAD, row(b"2"))),
            (State.MORE_RESULTS, packets(4, ok(status=MORE))),
        )
    ),
    *(
        (name, state, run, [("client", hears), ("server", known + reply(*parts))])
        for name, run, known in (
            ("execute", call("execute", STATEMENT, ()), b""),
            ("prepare_and_execute", call("prepare_and_execute", b"SELECT 1", (), 1), reply(prepared())),
        )
        for state, parts in (
            (State.READY, [ok()]),
            (State.MORE_RESULTS, [ok(status=MORE)]),
            (State.LOCAL_DATA, [b"\xfbfile"]),
        )
    ),
    ("execute", State.STREAMING, call("execute", STATEMENT, (), 0), [("client", hears), server(*HEAD)]),
    (
        "prepare_and_execute",
        State.STREAMING,
        call("prepare_and_execute", b"SELECT 1", (), 0),
        [("client", hears), ("server", reply(prepared()) + reply(*HEAD))],
    ),
    ("prepare", State.READY, call("prepare", b"SELECT 1"), [("client", hears), server(prepared())]),
    ("prepare", State.READY, call("prepare", b"SELECT 1"), [("client", hears), server(err(1, b""))]),
    ("fetch", State.READY, call("fetch", STATEMENT, 2), [("client", hears), server(end(2 | Status.LAST_ROW_SENT))]),
    ("reset_statement", State.READY, call("reset_statement", STATEMENT), [("client", hears), server(ok())]),
    ("send_long_data", State.READY, call("send_long_data", STATEMENT, 0, b""), [("client", hears)]),
    ("send_bulk", State.BULK_SENT, BULK, [("client", hears)]),
    *(
        ("read_bulk", state, in_turn(BULK, call("read_bulk")), [("client", hears), server(last)])
        for state, last in ((State.READY, ok()), (State.READY, err(1, b"")), (State.MORE_RESULTS, ok(status=MORE)))
    ),
    ("send_batch", State.BATCH_SENT, BATCH, [BATCH_SAID]),
    *(
        (
            "read_batch",
            State.READY,
            in_turn(BATCH, call("read_batch")),
            [BATCH_SAID, ("server", reply(first) + reply(second))],
        )
        for first, second in ((ok(), ok()), (err(1, b""), ok()), (ok(), err(1, b"")))
    ),
    ("query", State.LOCAL_DATA, QUERY, [SELECT, server(b"\xfbfile")]),
    (
        "next_result",
        State.LOCAL_DATA,
        query_then("next_result"),
        [SELECT, ("server", reply(ok(status=MORE), b"\xfbfile"))],
    ),
    *(
        (
            "send_local_data",
            state,
            query_then("send_local_data", (b"data",), 0),
            [SELECT, server(b"\xfbfile"), ("client", packets(2, b"data", b"")), server(*last, sequence=4)],
        )
        for state, last in (
            (State.READY, [ok()]),
            (State.MORE_RESULTS, [ok(status=MORE)]),
            (State.STREAMING, HEAD),
        )
    ),
    *simple("ping", b"\x0e"),
    *simple("debug", b"\x0d"),
    ("debug", State.READY, call("debug"), [client(b"\x0d"), server(eof())]),
    *simple("init_db", b"\x02", b"test"),
    *simple("reset_connection", b"\x1f"),
    ("change_user", State.READY, call("change_user", Credentials()), [("client", hears), server(ok())]),
    ("change_user", State.CLOSED, call("change_user", Credentials()), [("client", hears), server(err(1, b""))]),
    ("quit", State.CLOSED, call("quit"), [client(b"\x01")]),
]


@pytest.mark.parametrize(("name", "after", "command", "steps"), ROADS)
def test_where_a_command_may_end(
    name: str, after: str, command: Callable[[Session], Command[Any]], steps: list[Step]
) -> None:
    """`command` is the last of a road; a chunk per packet, so that streaming calls find what they wait for."""
    seen: list[str] = []

    def run(session: Session) -> Command[Any]:
        yield from command(session)
        seen.append(session.state)

    start = Session if name == "login" else lambda: ready_session(WANTED | Capability.LOCAL_FILES)
    script = Script(name, run, steps, start=start, state=after)
    data = script.reply
    cuts = [0]
    while cuts[-1] < len(data):
        cuts.append(cuts[-1] + 4 + int.from_bytes(data[cuts[-1] : cuts[-1] + 3], "little"))
    replay(script, cuts[1:])
    assert seen == [after]


def test_every_end_in_the_table_has_a_road() -> None:
    roads: dict[str, set[str]] = {}
    for name, after, _, _ in ROADS:
        roads.setdefault(name, set()).add(after)
    assert roads == {name: set(after) for name, (_, after) in TRANSITIONS.items()}


def test_no_script_of_any_test_reached_more() -> None:
    assert REACHED.keys() <= TRANSITIONS.keys()
    for name, states in REACHED.items():
        assert states <= TRANSITIONS[name][1]


# (what the client does, what the server answers, where that would lead)
ELSEWHERE = [
    (call("fetch", STATEMENT, 2), [end(MORE | Status.LAST_ROW_SENT)], "behind fetch the session would be more results"),
    (in_turn(BULK, call("read_bulk")), [b"\xfbfile"], "behind read_bulk the session would be waiting for a local file"),
]


@pytest.mark.parametrize(("command", "parts", "match"), ELSEWHERE)
def test_a_server_cannot_lead_a_session_elsewhere(command: Any, parts: list[bytes], match: str) -> None:
    script = Script("elsewhere", command, [("client", hears), server(*parts)], raises=RemoteProtocolError, match=match)
    script.start = lambda: ready_session(WANTED | Capability.LOCAL_FILES)
    replay(script)


# A generator that does not end by return


def begin(name: str) -> tuple[Session, Command[Any]]:
    """A session in which this command waits for the server."""
    session = ready_session()
    session.state = next(iter(TRANSITIONS[name][0]))
    session.row_metadata = ResultMetadata((), session.limits)
    session.unanswered = [(1, 0)]
    command = getattr(COMMANDS, name)(session, *ARGUMENTS[name])
    next(command)
    return session, command


@pytest.mark.parametrize("error", [KeyboardInterrupt("^C"), OSError(104, "reset"), TimeoutError("late"), SystemExit()])
@pytest.mark.parametrize("name", TRANSITIONS)
def test_an_exception_breaks_the_session(name: str, error: BaseException) -> None:
    session, command = begin(name)
    with pytest.raises(type(error)):
        command.throw(error)
    assert (session.state, session.cause) == (State.BROKEN, str(error) or type(error).__name__)
    assert session.broken
    refuses_all(session)
    with pytest.raises(LocalProtocolError, match="ping is not possible, the session is broken: "):
        next(COMMANDS.ping(session))


@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_closed_generator_breaks_the_session(name: str) -> None:
    session, command = begin(name)
    command.close()
    assert session.state == State.BROKEN
    assert session.cause == "GeneratorExit"
    refuses_all(session)


@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_forgotten_generator_breaks_the_session(name: str) -> None:
    session, command = begin(name)
    assert session.state == State.BUSY
    refuses_all(session)
    del command
    gc.collect()
    assert session.state == State.BROKEN
    refuses_all(session)


def test_a_generator_that_was_not_started_changes_nothing() -> None:
    session = ready_session()
    COMMANDS.ping(session).close()
    with pytest.raises(OSError):
        COMMANDS.ping(session).throw(OSError())
    assert (session.state, session.cause) == (State.READY, None)


def test_a_bug_of_ours_breaks_the_session() -> None:
    def broken(columns: Any, limits: Limits) -> ResultMetadata:
        raise TypeError("mine")

    session = Session(metadata=broken)
    session.state = State.READY
    session.capabilities = ready_session().capabilities
    command = COMMANDS.query(session, b"SELECT 1")
    next(command)
    with pytest.raises(TypeError, match="mine"):
        command.send(reply(*HEAD, end()))
    assert (session.state, session.cause) == (State.BROKEN, "mine")
    refuses_all(session)


def test_a_command_within_a_command() -> None:
    session, command = begin("query")
    with pytest.raises(LocalProtocolError, match=r"^ping is not possible, the session is busy$"):
        next(COMMANDS.ping(session))
    with pytest.raises(StopIteration):
        command.send(reply(ok()))
    assert session.state == State.READY


# What the server says about the session


def test_note() -> None:
    session = Session()
    assert (session.status, session.warnings, session.schema, session.variables) == (0, 0, None, {})
    track = [(1, text(b"shop")), (0, text(b"a") + text(b"1")), (0, text(b"b") + text(b"")), (5, text(b"T_______"))]
    block = tracked(*track)[2:]
    session.note(OkPacket(status=0x4002, warnings=3, track=block))
    assert (session.status, session.warnings) == (0x4002, 3)
    assert (session.schema, session.variables) == ("shop", {"a": "1", "b": ""})
    session.note(OkPacket(track=b"\x01\x01\x00\x00\x04\x01a\x012"))
    assert (session.status, session.warnings) == (0, 0)
    assert (session.schema, session.variables) == (None, {"a": "2", "b": ""})
    session.note(OkPacket())
    assert session.variables == {"a": "2", "b": ""}


def test_state_changes_and_transactions() -> None:
    session = Session()
    assert (session.changed, session.transaction) == (False, "")
    session.note(OkPacket(track=tracked((2, b"0"), (5, text(b"T_____S_")))[2:]))
    assert (session.changed, session.transaction) == (False, "T_____S_")
    session.note(OkPacket(track=tracked((2, b"1"), (4, text(b"SET TRANSACTION READ ONLY;")))[2:]))
    session.note(OkPacket(track=tracked((2, b"0"))[2:]))
    assert (session.changed, session.transaction) == (True, "T_____S_")


def test_events() -> None:
    session = Session()
    track = tracked((1, text(b"shop")), (0, text(b"a") + text(b"1")), (2, b"1"), (3, b"gtid"))[2:]
    session.note(OkPacket(status=2, track=track))
    assert session.events is None
    session.events = []
    session.note(OkPacket(status=2, track=track))
    assert session.events == [("schema", "shop"), ("a", "1"), ("state_change", "1")]
    session.events = []
    session.note(OkPacket(status=3))
    session.note(OkPacket(status=3))
    assert session.events == [("server_status", 3)]


def test_events_kept_are_limited() -> None:
    session = Session()
    session.events = []
    for status in range(1, EVENTS_KEPT + 10):
        session.note(OkPacket(status=status))
    assert session.events == [("server_status", status) for status in range(1, EVENTS_KEPT + 1)]


def test_the_same_end_again_is_reported_when_the_status_was_another() -> None:
    """An end that was seen before is not decoded, but what it says about the session is taken over."""
    session = ready_session()
    session.status, session.events = 2, []
    for _ in range(2):
        replay(Script("end", QUERY, [SELECT, server(*HEAD, end(2))], start=lambda: session, answer=ROWLESS))
        replay(Script("ok", QUERY, [SELECT, server(ok(status=3))], start=lambda: session, answer=OkPacket(status=3)))
    assert session.events == [("server_status", status) for status in (3, 2, 3)]


@pytest.mark.parametrize("greeted", [None, True, False])
def test_mariadb(greeted: bool | None) -> None:
    session = Session()
    if greeted is not None:
        session.greeting = Greeting("8.0.36" if not greeted else "10.11.6-MariaDB", 1, b"", 1, "")
    assert session.mariadb is (greeted is not False)


def test_negotiated() -> None:
    session = Session()
    assert not session.negotiated((1 << 64) - 1)
    session.capabilities = 1 << 35
    assert session.negotiated(1 << 35)
    assert not session.negotiated(1 << 24)


@pytest.mark.parametrize("state", STATES)
def test_broken(state: str) -> None:
    session = Session()
    session.state = state
    assert session.broken is (state in ("broken", "closed"))


@pytest.mark.parametrize("reason", [TimeoutError("too late"), KeyboardInterrupt()])
@pytest.mark.parametrize("name", ["ping", "query"])
def test_stop(name: str, reason: BaseException) -> None:
    """Nothing has begun, so nothing is broken; what is wrong with the state comes first."""
    session = ready_session()
    session.stop = reason
    command = getattr(COMMANDS, name)(session, *ARGUMENTS[name])
    with pytest.raises(type(reason)) as caught:
        next(command)
    assert caught.value is reason
    assert session.state == State.READY
    session.stop = None
    replay(Script("behind it", call("ping"), [client(b"\x0e"), server(ok())], AUTOCOMMIT, start=lambda: session))
    session.stop, session.state = reason, State.BROKEN
    refuses_all(session)
