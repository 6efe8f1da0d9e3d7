"""commands/statement.py: COM_STMT_BULK_EXECUTE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest

from mariadb_protocol import Prepared, RemoteProtocolError, Session, State
from mariadb_protocol.constants import Capability, Limits
from mariadb_protocol.handshake import WANTED
from mariadb_protocol.messages import decode_column
from mariadb_protocol.rows import ResultMetadata
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_binary import binary_row, binary_value
from tests.support.scripts import (
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
    ready_session,
    replay_all_ways,
    result_set,
    server,
    text,
    uint,
)

if TYPE_CHECKING:
    from mariadb_protocol.events import Command
    from tests.support.scripts import Step

NUMBER = column(b"n", 3)
NAME = column(b"s")
PLAIN = column(b"n", 3, extended=None)
NO_TABLE = err(1146, b"No table", b"42S02")
NO_TABLE_SAYS = ("err", 1146, "42S02", "No table")
ROWS = [binary_row(binary_value(3, 1)), binary_row(None), binary_row(binary_value(3, -23))]
THREE = result_set(["n"], [(1,), (None,), (-23,)])


def old_session() -> Session:
    return ready_session(OLD & 0xFFFFFFFF)


def cached_session() -> Session:
    return ready_session(WANTED | Capability.MARIADB_CACHE_METADATA)


def of_fresh(run: Callable[[Prepared], Callable[[Session], Command[Any]]], *columns: bytes) -> Any:
    """A command of a statement that is made anew for each replay, since commands change what it knows."""
    metadata = ResultMetadata(tuple(decode_column(payload, True) for payload in columns), Limits())
    return lambda session: run(Prepared(7, 2, metadata if columns else None))(session)


def bulk(made: Prepared, unit_results: bool = False) -> Callable[[Session], Command[Any]]:
    sending = call("send_bulk", made, b"\x03\0\xfd\0", b"\0\1\0\0\0\0\1a\1\4", unit_results)
    return in_turn(sending, call("read_bulk"))


def bulk_sent(flags: int) -> Step:
    return client(b"\xfa" + uint(7, 4) + uint(flags, 2) + b"\x03\0\xfd\0" + b"\0\1\0\0\0\0\1a\1\4")


UNITS = result_set(["n", "n"], [(5, 1), (6, 1)])
BULKS = [
    Script(name, of_fresh(run), [bulk_sent(flags), server(*parts)], [None, answer], start=start, early=early)
    for early in (False, True)
    for name, run, flags, parts, answer, start in [
        ("ok", bulk, 128, [ok(2)], ("ok", 2, 0, 2, 0, b""), ready_session),
        ("err", bulk, 128, [NO_TABLE], NO_TABLE_SAYS, ready_session),
        ("returning", bulk, 128, [b"\1", NUMBER, *ROWS, end()], THREE, ready_session),
        ("returning of old", bulk, 128, [b"\1", PLAIN, eof(), *ROWS, eof()], THREE, old_session),
        (
            "unit results",
            lambda made: bulk(made, True),
            192,
            [
                *(b"\2", NUMBER, NUMBER, binary_row(binary_value(3, 5), binary_value(3, 1))),
                *(binary_row(binary_value(3, 6), binary_value(3, 1)), end()),
            ],
            UNITS,
            ready_session,
        ),
    ]
]


@pytest.mark.parametrize("script", BULKS, ids=repr)
def test_bulk(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)
    assert flip_everywhere(script) == 8 * len(script.reply)


def test_bulk_with_definitions_left_out() -> None:
    """They are those of what the server last sent for this statement, be it rows of RETURNING or unit results."""
    steps = [bulk_sent(128), server(b"\1\0", *ROWS, end())]
    script = Script("again", of_fresh(bulk, NUMBER), steps, [None, THREE], start=cached_session)
    replay_all_ways(script)
    units = [binary_row(text(b"7"))]
    both = of_fresh(lambda made: in_turn(bulk(made, True), bulk(made, True), bulk(made)))
    steps = [bulk_sent(192), server(b"\1\1", NAME, *units, end()), bulk_sent(192), server(b"\1\0", *units, end())]
    steps += [bulk_sent(128), server(b"\1\1", NUMBER, *ROWS, end())]
    seven = result_set(["s"], [("7",)])
    replay_all_ways(Script("units", both, steps, [[None, seven], [None, seven], [None, THREE]], start=cached_session))


def test_what_arrives_early_is_bounded() -> None:
    """A server that sends while the client does cannot fill the memory."""
    session = ready_session()
    sending = COMMANDS.send_bulk(session, Prepared(7, 2, None), b"", b"", False)
    next(sending)
    with pytest.raises(RemoteProtocolError, match="1048577 bytes arrived before the client had sent all"):
        sending.send(bytes((1 << 20) + 1))
    assert session.state == State.BROKEN
