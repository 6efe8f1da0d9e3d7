from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol import LimitExceeded, RemoteProtocolError, Session, State
from mariadb_protocol.constants import Limits, Status
from mariadb_protocol.session import SHAPES_KEPT
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.scripts import (
    COMMANDS,
    OLD,
    TOP,
    Script,
    call,
    client,
    column,
    end,
    eof,
    err,
    in_turn,
    lenenc,
    ok,
    packets,
    ready_session,
    replay,
    replay_all_ways,
    result,
    result_set,
    row,
    server,
    text,
    tracked,
)

if TYPE_CHECKING:
    from mariadb_protocol.events import Command
    from tests.support.scripts import Step

SELECT = client(b"\x03SELECT 1")
QUERY = call("query", b"SELECT 1")
MORE = 2 | Status.MORE_RESULTS_EXISTS
NUMBER = column(b"n", 3)
PLAIN = column(b"n", 3, extended=None)
SYNTAX = err(1064, b"You have an error", b"42000")
SYNTAX_SAYS = ("err", 1064, "42000", "You have an error")


def old_session() -> Session:
    return ready_session(OLD)


def mysql_session() -> Session:
    """As `old_session`, and without MariaDB's extended capabilities."""
    return ready_session(OLD & 0xFFFFFFFF)


def answers(name: str, reply: bytes, answer: Any, **more: Any) -> Script:
    """One statement, one reply."""
    return Script(name, QUERY, [SELECT, ("server", reply)], answer, **more)


def said(status: int = 2, warnings: int = 0, info: bytes = b"", affected: int = 0, last_id: int = 0) -> Any:
    return "ok", affected, last_id, status, warnings, info


def all_results(session: Session, minimum: int = -1) -> Command[Any]:
    """A statement with all its results."""
    found = [(yield from COMMANDS.query(session, b"SELECT 1", minimum))]
    while session.state == State.MORE_RESULTS:
        found.append((yield from COMMANDS.next_result(session, minimum)))
    return found


def streamed(session: Session, minimum: int) -> Command[Any]:
    """A result set, read some rows at a time: whatever the chunks are, the rows together are the same."""
    part = yield from COMMANDS.query(session, b"SELECT 1", 0)
    rows = list(part.rows)
    while session.state == State.STREAMING:
        assert part.end is None
        part = yield from COMMANDS.read_rows(session, minimum)
        assert part.end is not None or len(part.rows) >= minimum
        rows += part.rows
    assert part.end is not None
    part.rows = rows
    return part


ROWS = [row(b"1"), row(None), row(b"-23")]
VALUES = [(1,), (None,), (-23,)]
ONE = [
    answers("ok", packets(1, ok(3, 7, 0x22, 1)), said(0x22, 1, b"", 3, 7), session={"status": 0x22, "warnings": 1}),
    answers("ok with info", packets(1, ok(tail=text(b"Records: 1"))), said(info=b"Records: 1")),
    answers("ok with info of old", packets(1, ok(tail=b"Records: 1")), said(info=b"Records: 1"), start=old_session),
    answers(
        "ok with tracking",
        packets(1, ok(status=0x4002, tail=tracked((1, text(b"shop")), (0, text(b"a") + text(b"1"))))),
        said(0x4002),
        session={"schema": "shop", "variables": {"a": "1"}},
    ),
    answers("err", packets(1, SYNTAX), SYNTAX_SAYS, session={"status": 0}),
    answers("no rows", result([NUMBER], []), result_set(["n"], [])),
    answers("rows", result([NUMBER], ROWS), result_set(["n"], VALUES), session={"status": 2}),
    answers("rows of old", result([PLAIN], ROWS, old=True), result_set(["n"], VALUES), start=mysql_session),
    answers(
        "two columns",
        result([NUMBER, column(b"s")], [row(b"1", b"a"), row(None, b""), row(b"3", b"x" * 300)]),
        result_set(["n", "s"], [(1, "a"), (None, ""), (3, "x" * 300)]),
    ),
    answers(
        "warnings at the end",
        result([NUMBER], ROWS, end(0x22, 5)),
        (*result_set(["n"], VALUES)[:3], said(0x22, 5)),
        session={"status": 0x22, "warnings": 5},
    ),
    answers(
        "tracking at the end",
        result([NUMBER], ROWS, end(0x4002, tail=tracked((1, text(b"shop"))))),
        (*result_set(["n"], VALUES)[:3], said(0x4002)),
        session={"schema": "shop", "last_end": None},
    ),
    answers("an error among rows", result([NUMBER], ROWS, SYNTAX), ("rows", ["n"], VALUES, SYNTAX_SAYS)),
    answers(
        "an error among rows of old",
        result([PLAIN], ROWS, SYNTAX, old=True, status=MORE),
        ("rows", ["n"], VALUES, SYNTAX_SAYS),
        start=mysql_session,
    ),
]

RESULTS = [
    Script(
        "a procedure",
        all_results,
        [
            SELECT,
            server(
                *(b"\x01", NUMBER, row(b"1"), end(MORE), ok(status=MORE), b"\x01", column(), row(b"a"), end(MORE)),
                *(ok(5, status=2),),
            ),
        ],
        [
            (*result_set(["n"], [(1,)])[:3], said(MORE)),
            said(MORE),
            (*result_set(["c"], [("a",)])[:3], said(MORE)),
            said(affected=5),
        ],
    ),
    Script(
        "an error after a result",
        all_results,
        [SELECT, server(b"\x01", NUMBER, end(MORE), SYNTAX)],
        [(*result_set(["n"], [])[:3], said(MORE)), SYNTAX_SAYS],
    ),
    Script(
        "several results of old",
        all_results,
        [SELECT, server(*[b"\x01", NUMBER, eof(MORE), row(b"1"), eof(MORE)] * 2, ok(1))],
        [(*result_set(["n"], [(1,)])[:3], said(MORE))] * 2 + [said(affected=1)],
        start=old_session,
    ),
    Script(
        "two statements",
        in_turn(QUERY, QUERY),
        [SELECT, ("server", result([NUMBER], ROWS)), SELECT, ("server", result([NUMBER], ROWS))],
        [result_set(["n"], VALUES)] * 2,
    ),
    Script(
        "two statements of old",
        in_turn(QUERY, QUERY),
        [SELECT, ("server", result([NUMBER], ROWS, old=True)), SELECT, ("server", result([NUMBER], [], old=True))],
        [result_set(["n"], VALUES), result_set(["n"], [])],
        start=old_session,
    ),
    *(
        Script(
            f"streamed by {minimum}",
            lambda session, minimum=minimum: streamed(session, minimum),
            [SELECT, ("server", result([NUMBER], ROWS * 3))],
            result_set(["n"], VALUES * 3),
        )
        for minimum in (1, 2, 5, 100, -1)
    ),
    Script(
        "streamed to an error",
        lambda session: streamed(session, 1),
        [SELECT, ("server", result([NUMBER], ROWS, SYNTAX))],
        ("rows", ["n"], VALUES, SYNTAX_SAYS),
    ),
]


@pytest.mark.parametrize("script", ONE + RESULTS, ids=repr)
def test_every_split(script: Script) -> None:
    replay_all_ways(script)


@pytest.mark.parametrize("script", ONE + RESULTS, ids=repr)
def test_every_cut(script: Script) -> None:
    assert cut_everywhere(script) == len(script.reply)


@pytest.mark.parametrize("script", ONE + RESULTS, ids=repr)
def test_every_flip(script: Script) -> None:
    assert flip_everywhere(script) == 8 * len(script.reply)


# What is no result


def no_result(name: str, *parts: bytes, match: str, start: Any = ready_session, **more: Any) -> Script:
    steps = [SELECT, server(*parts)]
    return Script(name, QUERY, steps, start=start, **{"raises": RemoteProtocolError, "match": match, **more})


HEAD = [b"\x01", NUMBER]
MALFORMED = [
    no_result("nothing", b"", match="malformed column count of 0 bytes: wants 1 byte"),
    no_result("a local file", b"\xfb/etc/passwd", match="asks for a local file, which this client did not offer"),
    no_result("a local file without a name", b"\xfb", match="asks for a local file"),
    no_result("an end of rows", end(), match="malformed column count of 7 bytes: wants 8 bytes"),
    no_result("no columns", b"\xfc\0\0", match="announces a result set without columns"),
    no_result("a count and more", b"\x01\x01", match="malformed column count of 2 bytes: has 1 bytes after"),
    no_result("a column that is none", b"\x01", ok(), match="malformed column definition of 7 bytes"),
    no_result("a border that is none", *HEAD, row(b"1"), match="malformed EOF packet", start=old_session),
    no_result("an empty row", *HEAD, b"", match="malformed row 1 of 0 bytes: wants 1 byte"),
    no_result("an empty row after one", *HEAD, row(b"1"), b"", match="malformed row 2 of 0 bytes"),
    no_result("an empty row before an end", *HEAD, b"", end(), match="malformed row 1 of 0 bytes"),
    no_result("a row too long", *HEAD, row(b"1", b"2"), match="row 1 of 4 bytes|row 1: its values end 2 bytes before"),
    no_result("a row too short", *HEAD, b"\x05ab", match="row 1 column 1 wants 5 bytes, 2 left"),
    no_result("no number", *HEAD, row(b"x"), match="row 1 column 1 is not a value of its type: invalid literal"),
    no_result("an OK among rows", *HEAD, ok(tail=b"abc"), match="row 1"),
    no_result("an end that is none", *HEAD, b"\xfe", match="malformed OK packet of 1 bytes"),
    no_result("an end of old that is none", *HEAD, eof(), b"\xfe\0", match="malformed EOF", start=old_session),
    no_result("an error that is none", *HEAD, b"\xff", match="malformed ERR packet"),
    no_result("a progress report", err(0xFFFF, b"\x01\x01\x02", None), match="progress report"),
]


@pytest.mark.parametrize("script", MALFORMED, ids=repr)
def test_no_result(script: Script) -> None:
    replay_all_ways(script)


@pytest.mark.parametrize("count", [4, 0xFB, 0xFFFF, (1 << 64) - 1])
def test_too_many_columns(count: int) -> None:
    steps = [SELECT, server(lenenc(count))]
    match = f"columns is 3, the server sent {count}$"
    script = Script("columns", QUERY, steps, raises=LimitExceeded, match=match)
    script.start = lambda: ready_session(limits=Limits(columns=3))
    replay_all_ways(script)


def test_many_columns() -> None:
    """More than 250, so that the count takes three bytes, and more than 256, so that sequence ids wrap."""
    columns = [column(b"c%d" % number, 3) for number in range(300)]
    values = tuple(range(300))
    reply = result(columns, [row(*(b"%d" % value for value in values))] * 2)
    names = [f"c{number}" for number in range(300)]
    script = Script("columns", in_turn(QUERY, QUERY), [SELECT, ("server", reply)] * 2)
    script.answer = [result_set(names, [values] * 2)] * 2
    for cuts in ((), (5, 9, 1000), range(1, len(script.reply)), range(1000, len(script.reply), 1000)):
        replay(script, cuts)


# 0xFE and 0xFF at the front of a packet


@pytest.mark.parametrize("start", [ready_session, old_session])
def test_a_row_that_begins_like_an_end(start: Any) -> None:
    """A first column of 16 MiB and more has a length that begins with 0xFE."""
    value = b"x" * (TOP + 1)
    payload = row(value)
    assert payload[0] == 0xFE
    old = start is old_session
    reply = result([column(), NUMBER], [row(b"a", b"1"), payload + row(b"2"), row(b"b", b"3")], old=old)
    script = answers("0xFE", reply, None, start=start)
    script.answer = result_set(["c", "n"], [("a", 1), (value.decode(), 2), ("b", 3)])
    for cuts in ((), (len(reply) - 30,), (200, TOP // 2, TOP + 200)):
        replay(script, cuts)


def test_a_short_row_that_begins_like_an_end_is_an_end() -> None:
    """Of old, what tells an end from a first column of 16 MiB is the length of the packet."""
    payload = b"\xfe" + bytes(7)
    replay(no_result("8 bytes", *HEAD, eof(), payload, match="malformed EOF packet of 8 bytes", start=old_session))
    payload += b"\0"
    script = no_result("9 bytes", *HEAD, eof(), payload, match="row 1 column 1 is not a value", start=old_session)
    replay(script)


# Streaming


def test_minimum() -> None:
    """Rows are returned once there are enough, with what else has arrived."""
    rows = [row(b"%d" % number) for number in range(6)]
    head = packets(1, b"\x01", NUMBER)
    steps: list[Step] = [SELECT, ("server", result([NUMBER], rows))]
    ends = [len(head) + 6 * number for number in range(7)]
    parts: list[Any] = []

    def in_parts(session: Session) -> Command[Any]:
        for minimum in (0, 1, 2, 0, -1):
            name, arguments = ("read_rows", ()) if parts else ("query", (b"SELECT 1",))
            part = yield from getattr(COMMANDS, name)(session, *arguments, minimum=minimum)
            parts.append((len(part.rows), session.state))
        return None

    replay(Script("minimum", in_parts, steps), cuts=[*ends[:3], ends[5]])
    streaming = State.STREAMING
    assert parts == [(0, streaming), (1, streaming), (4, streaming), (0, streaming), (1, State.READY)]


def resumed(operation: Command[Any], data: bytes | None = None) -> Any:
    """What a command answers that must not wait any more."""
    with pytest.raises(StopIteration) as stop:
        operation.send(data)
    return stop.value.value


@pytest.mark.parametrize("minimum", [0, 1, -1])
def test_what_is_there_is_taken_without_asking(minimum: int) -> None:
    session = ready_session()
    whole = result([NUMBER], ROWS * 2)
    half = len(whole) - len(packets(6, *ROWS, end()))
    operation = COMMANDS.query(session, b"SELECT 1", minimum=0)
    assert next(operation) == packets(0, b"\x03SELECT 1")
    part = resumed(operation, whole[:half])
    assert (part.rows, part.end, session.state) == (VALUES, None, State.STREAMING)
    session.stream.data += whole[half:]
    part = resumed(COMMANDS.read_rows(session, minimum))
    assert (part.rows, part.end.status, session.state) == (VALUES, 2, State.READY)


# Layouts that were seen before


def test_a_repeated_layout_is_decoded_once() -> None:
    made = []

    class Metadata:
        def __init__(self, columns: Any, limits: Limits) -> None:
            made.append(columns)
            self.columns = columns
            self.text_decoders = (int,)

    session = Session(metadata=Metadata)  # type: ignore[arg-type]
    session.capabilities, session.state = ready_session().capabilities, State.READY
    script = Script("repeated", all_results, [SELECT, ("server", result([NUMBER], ROWS))])
    script.start, script.answer = lambda: session, [result_set(["n"], VALUES)]
    for _ in range(3):
        replay(script)
    assert len(made) == 1
    assert len(session.shapes) == 1
    replay(script, (30,))  # across a border of chunks: decoded, and not remembered again
    assert (len(made), len(session.shapes)) == (2, 1)
    replay(script)
    assert len(made) == 2


OTHER = column(b"other")
LAYOUTS = {
    "n": ([NUMBER], [row(b"1")], [(1,)]),
    "other": ([OTHER], [row(b"1")], [("1",)]),
    "both": ([NUMBER, OTHER], [row(b"1", b"2")], [(1, "2")]),
}


@pytest.mark.parametrize("old", [False, True])
@given(st.lists(st.lists(st.sampled_from(sorted(LAYOUTS)), min_size=1, max_size=4), max_size=5), st.data())
def test_any_order_of_layouts(old: bool, statements: list[list[str]], data: st.DataObject) -> None:
    """Statements with several results each: layouts come back with the same and with other sequence ids."""
    steps: list[Step] = []
    answer: list[Any] = []
    for layouts in statements:
        sequence = 1
        steps.append(SELECT)
        answer.append([])
        for index, layout in enumerate(layouts):
            columns, rows, values = LAYOUTS[layout]
            status = 2 if index == len(layouts) - 1 else MORE
            reply = result(columns, rows, sequence=sequence, old=old, status=status)
            sequence += len(columns) + len(rows) + 2 + old
            steps.append(("server", reply))
            names = [name for name in ("n", "other") if layout in (name, "both")]
            answer[-1].append((*result_set(names, values)[:3], said(status)))
    script = Script("layouts", in_turn(*[all_results] * len(statements)), steps, answer)
    script.start = old_session if old else ready_session
    size = len(script.reply)
    replay(script)
    replay(script, sorted(data.draw(st.sets(st.integers(0, size), max_size=6))))


def test_layouts_remembered_are_limited() -> None:
    session = ready_session()
    for number in range(SHAPES_KEPT + 10):
        steps = [SELECT, ("server", result([column(b"%d" % number)], []))]
        replay(Script("many", QUERY, steps, result_set([str(number)], []), start=lambda: session))
        assert len(session.shapes) == min(number + 1, SHAPES_KEPT)
    assert session.shape is list(session.shapes.values())[-1]


def test_a_wide_layout_is_not_remembered() -> None:
    session = ready_session()
    columns = [column(b"c" * 100)] * 100
    steps = [SELECT, ("server", result(columns, []))]
    replay(Script("wide", QUERY, steps, result_set(["c" * 100] * 100, []), start=lambda: session))
    assert session.shapes == {}
    assert session.shape is None


# Ends that were seen before


@pytest.mark.parametrize("old", [False, True])
def test_the_same_end_again(old: bool) -> None:
    session = old_session() if old else ready_session()
    kept = []
    for status in (0x22, 0x22, 0x2, 0x22):
        reply = result([NUMBER], ROWS, old=old, status=status)
        script = answers("end", reply, (*result_set(["n"], VALUES)[:3], said(status)), start=lambda: session)
        script.session = {"status": status, "warnings": 0, "last_end": eof(status) if old else end(status)}
        session.status = session.warnings = 99
        replay(script)
        kept.append(session.last_end_ok)
    assert kept[0] is kept[1]
    assert len({id(ok) for ok in kept}) == 3


def test_an_end_that_tracks_is_taken_over_each_time() -> None:
    reply = result([NUMBER], [], end(0x4002, tail=tracked((1, text(b"shop")))))
    session = ready_session()
    for _ in range(2):
        session.schema = "before"
        script = answers("tracks", reply, (*result_set(["n"], [])[:3], said(0x4002)), start=lambda: session)
        script.session = {"schema": "shop"}
        replay(script)
