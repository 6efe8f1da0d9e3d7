from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any, Callable

import pytest

from mariadb_protocol import LimitExceeded, Prepared, RemoteProtocolError, Session, State, close_statement
from mariadb_protocol.binary import encode
from mariadb_protocol.commands.statement import LAST_PREPARED, execution_size
from mariadb_protocol.constants import Capability, Limits, Status
from mariadb_protocol.handshake import WANTED
from mariadb_protocol.messages import decode_column
from mariadb_protocol.rows import ResultMetadata
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_binary import binary_row, binary_value, execute_fields, prepared
from tests.support.script_fields import payloads
from tests.support.scripts import (
    AUTOCOMMIT,
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
    ok,
    packets,
    ready_session,
    replay,
    replay_all_ways,
    result_set,
    server,
    text,
    uint,
)

if TYPE_CHECKING:
    from mariadb_protocol.events import Command
    from tests.support.scripts import Step

MORE = 2 | Status.MORE_RESULTS_EXISTS
OPEN = 2 | Status.CURSOR_EXISTS
LAST = 2 | Status.LAST_ROW_SENT
PARAMETER = column(b"?", 253)
NUMBER = column(b"n", 3)
PLAIN = column(b"n", 3, extended=None)
NAME = column(b"s")
NO_TABLE = err(1146, b"No table", b"42S02")
NO_TABLE_SAYS = ("err", 1146, "42S02", "No table")
UNKNOWN = err(1243, b"Unknown statement", b"HY000")
UNKNOWN_SAYS = ("err", 1243, "HY000", "Unknown statement")
OK_SAYS = ("ok", 0, 0, 2, 0, b"")


def old_session() -> Session:
    return ready_session(OLD & 0xFFFFFFFF)


def cached_session() -> Session:
    return ready_session(WANTED | Capability.MARIADB_CACHE_METADATA)


def statement(parameters: int = 0, *columns: bytes, extended: bool = True) -> Prepared:
    """A statement that was prepared before."""
    metadata = ResultMetadata(tuple(decode_column(payload, extended) for payload in columns), Limits())
    return Prepared(7, parameters, metadata if columns else None)


def number(value: int) -> bytes:
    return binary_row(binary_value(3, value))


def said(rows: Any, status: int = 2, warnings: int = 0) -> Any:
    """What `plain` makes of a result with another end."""
    return (*rows[:3], ("ok", 0, 0, status, warnings, b""))


def executes(id: int = 7, cursor: int = 0, values: list[Any] | None = None) -> Step:
    """The client executes the statement with these values."""

    def expected(data: bytes) -> bool:
        ((sequence, payload),) = payloads(data)
        wanted = {"id": id, "cursor": cursor, "values": values or []}
        return sequence == 0 and execute_fields(payload, len(values or [])) == wanted

    return "client", expected


def of_fresh(run: Callable[[Prepared], Callable[[Session], Command[Any]]], *columns: bytes) -> Any:
    """A command of a statement that is made anew for each replay, since commands change what it knows."""
    return lambda session: run(statement(0, *columns))(session)


EXECUTE = of_fresh(lambda made: call("execute", made, ()))
EXECUTED = packets(0, b"\x17" + uint(7, 4) + b"\0" + uint(1, 4))
PREPARE: Step = client(b"\x16SELECT ?")
ROWS = [number(1), binary_row(None), number(-23)]
VALUES = [(1,), (None,), (-23,)]
THREE = result_set(["n"], VALUES)

PREPARES = [
    Script(name, call("prepare", b"SELECT ?"), [PREPARE, server(*parts)], answer, start=start)
    for name, parts, answer, start in [
        ("prepare", [prepared(7, 1, 1), PARAMETER, NUMBER], ("prepared", 7, 1, ["n"]), ready_session),
        ("prepare without columns", [prepared(8, 0, 1, 3), PARAMETER], ("prepared", 8, 1, None), ready_session),
        ("prepare without parameters", [prepared(9, 1), NUMBER], ("prepared", 9, 0, ["n"]), ready_session),
        ("prepare of next to nothing", [prepared(0xFFFFFFFE)], ("prepared", 0xFFFFFFFE, 0, None), ready_session),
        ("prepare fails", [NO_TABLE], NO_TABLE_SAYS, ready_session),
        ("prepare, cached", [prepared(7, 1, 1), PARAMETER, NUMBER], ("prepared", 7, 1, ["n"]), cached_session),
        (
            "prepare of old",
            [prepared(7, 2, 1), PLAIN, eof(), PLAIN, PLAIN, eof(MORE)],
            ("prepared", 7, 1, ["n", "n"]),
            old_session,
        ),
        ("prepare of old without columns", [prepared(7, 0, 1), PLAIN, eof()], ("prepared", 7, 1, None), old_session),
    ]
]
EXECUTIONS = [
    Script(name, EXECUTE, [executes(), server(*parts)], answer, start=start)
    for name, parts, answer, start in [
        ("ok", [ok(3, 7, 0x22, 1)], ("ok", 3, 7, 0x22, 1, b""), ready_session),
        ("err", [NO_TABLE], NO_TABLE_SAYS, ready_session),
        ("rows", [b"\1", NUMBER, *ROWS, end()], THREE, ready_session),
        ("no rows", [b"\1", NUMBER, end()], result_set(["n"], []), ready_session),
        ("rows of old", [b"\1", PLAIN, eof(), *ROWS, eof()], THREE, old_session),
        ("rows, cached", [b"\1\1", NUMBER, *ROWS, end()], THREE, cached_session),
        ("an error among rows", [b"\1", NUMBER, *ROWS, NO_TABLE], (*THREE[:3], NO_TABLE_SAYS), ready_session),
        (
            "two columns",
            [b"\2", NUMBER, NAME, binary_row(binary_value(3, 5), text(b"a")), binary_row(None, text(b"")), end()],
            result_set(["n", "s"], [(5, "a"), (None, "")]),
            ready_session,
        ),
    ]
]


def call_results(session: Session) -> Command[Any]:
    """All results of a CALL."""
    found = [(yield from COMMANDS.execute(session, statement(), ()))]
    while session.state == State.MORE_RESULTS:
        found.append((yield from COMMANDS.next_result(session)))
    return found


def streamed(session: Session) -> Command[Any]:
    part = yield from COMMANDS.execute(session, statement(), (), 0)
    rows = list(part.rows)
    while session.state == State.STREAMING:
        part = yield from COMMANDS.read_rows(session, 1)
        rows += part.rows
    part.rows = rows
    return part


def with_cursor(session: Session) -> Command[Any]:
    """A cursor, read in two portions."""
    made = statement()
    opened = yield from COMMANDS.execute(session, made, (), cursor=True)
    return [
        opened,
        (yield from COMMANDS.fetch(session, made, 2)),
        (yield from COMMANDS.fetch(session, made, 2)),
        (yield from COMMANDS.reset_statement(session, made)),
    ]


def cursor_steps(head: list[bytes], ends: Callable[[int], bytes], opened: list[bytes]) -> list[Step]:
    asks = client(b"\x1c" + uint(7, 4) + uint(2, 4))
    return [
        *(executes(cursor=1), server(*head, *opened)),
        *(asks, server(*ROWS[:2], ends(OPEN))),
        *(asks, server(ROWS[2], ends(LAST))),
        *(client(b"\x1a" + uint(7, 4)), server(ok())),
    ]


CURSOR = [
    said(result_set(["n"], []), OPEN),
    said(result_set(["n"], VALUES[:2]), OPEN),
    said(result_set(["n"], VALUES[2:]), LAST),
    OK_SAYS,
]
SEVERAL = [
    Script(
        "a procedure",
        call_results,
        [executes(), server(b"\1", NUMBER, *ROWS, end(MORE), b"\1", NAME, end(MORE), ok())],
        [said(THREE, MORE), said(result_set(["s"], []), MORE), OK_SAYS],
    ),
    Script("streamed", streamed, [executes(), server(b"\1", NUMBER, *ROWS * 2, end())], result_set(["n"], VALUES * 2)),
    Script("a cursor", with_cursor, cursor_steps([b"\1", NUMBER], end, [end(OPEN)]), CURSOR),
    Script("a cursor, cached", with_cursor, cursor_steps([b"\1\1", NUMBER], end, [end(OPEN)]), CURSOR),
    Script("a cursor of old", with_cursor, cursor_steps([b"\1", PLAIN], eof, [eof(OPEN)]), CURSOR),
    Script(
        "a cursor of old that was not opened",
        of_fresh(lambda made: call("execute", made, (), -1, True)),
        [executes(cursor=1), server(b"\1", PLAIN, eof(), *ROWS, eof())],
        THREE,
        start=old_session,
    ),
    Script(
        "reset fails",
        of_fresh(lambda made: call("reset_statement", made)),
        [client(b"\x1a" + uint(7, 4)), server(UNKNOWN)],
        UNKNOWN_SAYS,
    ),
    Script(
        "long data",
        of_fresh(
            lambda made: in_turn(
                call("send_long_data", made, 1, b"ab"),
                call("send_long_data", made, 1, b""),
                call("execute", made, (encode(1), encode(None))),
            )
        ),
        [
            client(b"\x18" + uint(7, 4) + uint(1, 2) + b"ab"),
            client(b"\x18" + uint(7, 4) + uint(1, 2)),
            executes(values=[1, None]),
            server(ok()),
        ],
        [None, None, OK_SAYS],
    ),
]
SEVERAL[3].start = cached_session
SEVERAL[4].start = SEVERAL[5].start = old_session

# Prepared and executed in one round trip
PAIR = call("prepare_and_execute", b"SELECT ?", (encode(5),))


def paired(number: int) -> Step:
    """The client prepares, and executes what will have this id."""
    execution = b"\x17" + uint(number, 4) + b"\0" + uint(1, 4) + b"\0\1\x08\0" + uint(5, 8)
    return "client", packets(0, b"\x16SELECT ?") + packets(0, execution)


PAIRED = paired(LAST_PREPARED)
ANSWER = ("prepared", 1, 1, ["n"])


def pair(name: str, first: list[bytes], second: list[bytes], answer: Any, **more: Any) -> Script:
    return Script(name, PAIR, [PAIRED, ("server", packets(1, *first) + packets(1, *second))], answer, **more)


DEFINED = [prepared(1, 1, 1), PARAMETER, NUMBER]
PAIRS = [
    pair("both", DEFINED, [b"\1", NUMBER, *ROWS, end()], (ANSWER, THREE)),
    pair("both, cached", DEFINED, [b"\1\0", *ROWS, end()], (ANSWER, THREE), start=cached_session),
    pair(
        "both of old",
        [prepared(1, 1, 1), PLAIN, eof(), PLAIN, eof()],
        [b"\1", PLAIN, eof(), *ROWS, eof()],
        (ANSWER, THREE),
        start=old_session,
    ),
    pair("an ok", [prepared(1, 0, 1), PARAMETER], [ok(1)], (("prepared", 1, 1, None), ("ok", 1, 0, 2, 0, b""))),
    pair("another id", [prepared(7, 0, 1), PARAMETER], [UNKNOWN], (("prepared", 7, 1, None), UNKNOWN_SAYS)),
    pair("the execution fails", DEFINED, [NO_TABLE], (ANSWER, NO_TABLE_SAYS)),
    pair("both fail", [NO_TABLE], [UNKNOWN], (NO_TABLE_SAYS, UNKNOWN_SAYS)),
]
ALL = PREPARES + EXECUTIONS + SEVERAL + PAIRS


@pytest.mark.parametrize("script", ALL, ids=repr)
def test_every_split(script: Script) -> None:
    replay_all_ways(script)


@pytest.mark.parametrize("script", ALL, ids=repr)
def test_every_cut(script: Script) -> None:
    assert cut_everywhere(script) == len(script.reply)


@pytest.mark.parametrize("script", [script for script in ALL if len(script.reply) < 260], ids=repr)
def test_every_flip(script: Script) -> None:
    assert flip_everywhere(script) == 8 * len(script.reply)


def test_the_id_that_a_statement_will_have() -> None:
    """Not known before the first one; then one more than the highest id, or than the attempts since."""
    both_fail = ("server", packets(1, NO_TABLE) + packets(1, UNKNOWN))
    steps: list[Step] = [*(PAIRED, both_fail), *(PREPARE, server(NO_TABLE)), *(PAIRED, both_fail)]
    steps += [*(PREPARE, server(prepared(8))), *(paired(9), both_fail), *(PREPARE, server(prepared(5)))]
    steps += [*(paired(11), both_fail)]
    run = in_turn(PAIR, PREPARING, PAIR, PREPARING, PAIR, PREPARING, PAIR)
    failed = (NO_TABLE_SAYS, UNKNOWN_SAYS)
    said = [failed, NO_TABLE_SAYS, failed, ("prepared", 8, 0, None), failed, ("prepared", 5, 0, None), failed]
    replay_all_ways(Script("ids", run, steps, said, session={"prepared": 11}))


# Parameters


@pytest.mark.parametrize("count", [1, 7, 8, 9, 300])
def test_the_size_of_an_execution(count: int) -> None:
    parameters = [encode(value) for _, value in zip(range(count), cycle((None, 5, "x" * 300, 1.5)))]

    def sent(data: bytes) -> bool:
        ((_, payload),) = payloads(data)
        return len(payload) == execution_size(parameters)

    run = call("execute", statement(count), parameters)
    replay(Script("size", run, [("client", sent), server(ok())], OK_SAYS))


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16, 17, 300])
def test_parameters(count: int) -> None:
    values = [None if index % 3 == 0 else index if index % 3 == 1 else f"é{index}" for index in range(count)]
    run = call("execute", statement(count), [encode(value) for value in values])
    replay(Script("parameters", run, [executes(values=values), server(ok())], AUTOCOMMIT))


def test_long_packets() -> None:
    """Each answer goes on with the sequence id of its own command, whose packets are counted."""
    value = b"x" * TOP
    run = call("prepare_and_execute", b"SELECT ?", (encode(value),))

    def expected(data: bytes) -> bool:
        if len(data) < TOP:
            return False
        (first, asked), (second, payload) = payloads(data)
        assert (first, second, asked) == (0, 0, b"\x16SELECT ?")
        return execute_fields(payload, 1)["values"] == [value]

    reply = packets(1, prepared(1, 0, 1), PARAMETER) + packets(2, ok())
    replay(Script("long", run, [("client", expected), ("server", reply)], (("prepared", 1, 1, None), OK_SAYS)))


# What is no answer


def wrong(name: str, run: Any, parts: list[bytes], match: str, **more: Any) -> Script:
    return Script(
        name, run, [("client", lambda _: True), server(*parts)], raises=RemoteProtocolError, match=match, **more
    )


PREPARING = call("prepare", b"SELECT ?")
FETCH = of_fresh(lambda made: call("fetch", made, 5), NUMBER)
HEAD = [b"\1", NUMBER]
WRONG = [
    wrong("nothing", PREPARING, [b""], "malformed answer to COM_STMT_PREPARE of 0 bytes"),
    wrong("an end", PREPARING, [end()], "malformed answer to COM_STMT_PREPARE of 7 bytes: begins with 0xfe"),
    wrong("a local file", PREPARING, [b"\xfbx"], "begins with 0xfb"),
    wrong("a short answer", PREPARING, [prepared()[:-1]], "malformed answer to COM_STMT_PREPARE of 11 bytes"),
    wrong("a long answer", PREPARING, [prepared() + b"x"], "has 1 bytes after its last field"),
    wrong("no definition", PREPARING, [prepared(7, 0, 1), ok()], "malformed column definition"),
    wrong("no border", PREPARING, [prepared(7, 0, 1), PLAIN, PLAIN], "malformed EOF packet", start=old_session),
    wrong("a text row", EXECUTE, [*HEAD, b"\x011"], r"row 1 begins with b'\\x01'"),
    wrong("a late text row", EXECUTE, [*HEAD, number(1), b"\x011"], r"row 2 begins with b'\\x01'"),
    wrong("an empty row", EXECUTE, [*HEAD, b""], "row 1 begins with b''"),
    wrong(
        "a short row", EXECUTE, [*HEAD, b"\0\0\1\2\3", end()], "row 1( column 1 wants 4 bytes, 3 left|: its values end)"
    ),
    wrong(
        "a long row",
        EXECUTE,
        [*HEAD, number(1) + b"x", end()],
        "row 1( of 7 bytes: has 1 bytes after|: its values end 1)",
    ),
    wrong("no bitmap", EXECUTE, [*HEAD, b"\0", end()], "row 1"),
    wrong("no columns", EXECUTE, [b"\xfc\0\0"], "announces a result set without columns"),
    wrong("rows for a fetch", FETCH, [*HEAD, number(1), end()], "row 1"),
    wrong("more rows than a fetch asked for", FETCH, [number(1)] * 6, "5 rows were asked for, the server sent 6"),
    wrong("ok for a fetch", FETCH, [ok()], "row 1"),
    wrong("nothing that goes on", FETCH, [end()], "a cursor that is not at its end, and has no rows"),
    wrong("left out, unknown", EXECUTE, [b"\1\0"], "1 column definitions are left out, and they are not known"),
    wrong(
        "left out, others", of_fresh(lambda made: call("execute", made, ()), NUMBER), [b"\2\0"], "2 column definitions"
    ),
    wrong("no flag", EXECUTE, [b"\1"], "malformed column count of 1 bytes"),
    wrong("ok for a reset", of_fresh(lambda made: call("reset_statement", made)), [end()], "expected OK or ERR"),
    pair("executed all the same", [NO_TABLE], [ok()], None, raises=RemoteProtocolError, match="executed all the same"),
    pair(
        *("executed with rows all the same", [NO_TABLE], [b"\1", NUMBER, end()], None),
        raises=RemoteProtocolError,
        match="executed all the same",
    ),
    pair(
        *("another sequence id", DEFINED, [], None),
        raises=RemoteProtocolError,
        match="sequence id 4, expected 1",
    ),
]
WRONG[-1].steps = [PAIRED, server(*DEFINED, ok())]
WRONG[-1].reply = packets(1, *DEFINED, ok())
for _script in WRONG:
    if _script.name.startswith(("left", "no flag")):
        _script.start = cached_session


@pytest.mark.parametrize("script", WRONG, ids=repr)
def test_no_answer(script: Script) -> None:
    replay_all_ways(script)


def test_too_many_columns() -> None:
    script = Script("columns", PREPARING, [PREPARE, server(prepared(7, 4))], raises=LimitExceeded)
    script.match, script.start = "columns is 3, the server sent 4$", lambda: ready_session(limits=Limits(columns=3))
    replay_all_ways(script)


def test_fetch_of_a_statement_without_columns() -> None:
    script = Script("fetch", of_fresh(lambda made: call("fetch", made, 5)), [], raises=RemoteProtocolError)
    script.match = "a cursor without columns"
    replay(script)


# Column definitions that the server leaves out


@pytest.mark.parametrize("capabilities", [WANTED, OLD], ids=["new", "old"])
def test_definitions_are_left_out(capabilities: int) -> None:
    """They are those of the prepared statement, until the server says otherwise; also if it says so in known bytes."""
    made = statement(0, NUMBER)
    session = ready_session(capabilities | Capability.MARIADB_CACHE_METADATA)
    border, last = ([eof()], eof()) if capabilities == OLD else ([], end())
    named = [binary_row(text(b"a"))]
    # What the answer to each execution has in front of its rows, and what that makes of them.
    for head, rows, names, values in [
        ([b"\1\0"], ROWS, ["n"], VALUES),
        ([b"\1\1", NAME], named, ["s"], [("a",)]),
        ([b"\1\0"], named, ["s"], [("a",)]),
        ([b"\1\1", NUMBER], ROWS, ["n"], VALUES),
        ([b"\1\0"], ROWS, ["n"], VALUES),
        ([b"\1\1", NAME], named, ["s"], [("a",)]),
        ([b"\1\1", NAME], named, ["s"], [("a",)]),
        ([b"\1\0"], named, ["s"], [("a",)]),
    ]:
        steps = [executes(), server(*head, *border, *rows, last)]
        replay(Script("cached", call("execute", made, ()), steps, result_set(names, values), start=lambda: session))
        assert [found.name for found in made.metadata.columns] == names  # type: ignore[union-attr]


def test_a_layout_that_comes_again_belongs_to_its_statement() -> None:
    """The definitions of one statement, taken from those of another without being decoded, are its own from then on."""
    session = cached_session()
    one, other = statement(0, NAME), statement(0, NAME)
    for made in (one, other):
        steps = [executes(), server(b"\1\1", NUMBER, *ROWS, end())]
        replay(Script("known", call("execute", made, ()), steps, THREE, start=lambda: session))
    for made in (one, other):
        steps = [executes(), server(b"\1\0", *ROWS, end())]
        replay(Script("left out", call("execute", made, ()), steps, THREE, start=lambda: session))


def test_only_the_first_result_of_a_call_is_the_statement_s() -> None:
    made = statement(0, NUMBER)
    both = in_turn(call("execute", made, ()), call("next_result"))
    parts = [b"\1\0", *ROWS, end(MORE), b"\1\0"]
    script = Script("call", both, [executes(), server(*parts)], raises=RemoteProtocolError, start=cached_session)
    script.match = "1 column definitions are left out, and they are not known"
    replay(script)


# Statements that are closed


@pytest.mark.parametrize(
    ("run", "sent", "reply", "answer"),
    [
        (call("ping"), packets(0, b"\x0e"), packets(1, ok()), OK_SAYS),
        (EXECUTE, EXECUTED, packets(1, ok()), OK_SAYS),
        (PAIR, PAIRED[1], packets(1, NO_TABLE) + packets(1, UNKNOWN), (NO_TABLE_SAYS, UNKNOWN_SAYS)),
        (call("query", b"x" * TOP), packets(0, b"\x03" + b"x" * TOP), packets(2, ok()), OK_SAYS),
        (call("reset_connection"), packets(0, b"\x1f"), packets(1, ok()), OK_SAYS),
    ],
    ids=["ping", "execute", "prepare_and_execute", "long query", "reset_connection"],
)
def test_closed_statements_are_sent_in_front_of_the_next_command(
    run: Any, sent: bytes, reply: bytes, answer: Any
) -> None:
    def start() -> Session:
        session = ready_session()
        for number in (7, 9):
            close_statement(session, Prepared(number, 0, None))
        return session

    closes = packets(0, b"\x19" + uint(7, 4)) + packets(0, b"\x19" + uint(9, 4))
    steps: list[Step] = [("client", closes + sent), ("server", reply), client(b"\x0e"), server(ok())]
    script = Script("close", in_turn(run, call("ping")), steps, [answer, OK_SAYS], start=start)
    replay(script)
    replay(script, range(1, len(script.reply)))
    assert cut_everywhere(script) == len(script.reply)


def test_closed_statements_are_sent_in_front_of_a_goodbye() -> None:
    session = ready_session()
    close_statement(session, Prepared(7, 0, None))
    steps: list[Step] = [("client", packets(0, b"\x19" + uint(7, 4)) + packets(0, b"\x01"))]
    replay(Script("quit", call("quit"), steps, start=lambda: session, state=State.CLOSED))


def test_nobody_asked_for_an_answer_to_long_data() -> None:
    made = statement(1)
    both = in_turn(call("send_long_data", made, 0, b"x"), call("execute", made, (encode(None),)))
    steps = [client(b"\x18" + uint(7, 4) + uint(0, 2) + b"x"), server(ok())]
    script = Script("early", both, steps, raises=RemoteProtocolError, early=True)
    script.match = "11 bytes arrived that no command asked for"
    replay(script)
