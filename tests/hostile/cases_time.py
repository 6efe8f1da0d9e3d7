"""A server that never comes to an end: the timeout of a statement holds, and what ends the statement holds it too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mariadb_protocol.constants import FieldType, Status
from mariadb_py import QueryTimeout
from tests.hostile.table import LOGIN, Case, cursor, execute, open_cursor
from tests.support.rogue import Drip, Expect, Generate, Raw, Send
from tests.support.script_binary import binary_row, prepared
from tests.support.scripts import column, end, lenenc, ok, packets, result, row, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hostile.table import Call
    from tests.support.rogue import Script, Step

MORE = 2 | Status.MORE_RESULTS_EXISTS
ASKED = Expect(b"\x03")
KILLS = (*LOGIN, Expect(b"\x03SELECT ID"))  # a connection that asks whose statement it would end
NUMBER = column(kind=FieldType.LONG)
LIMITED = execute("SELECT 1", timeout=0.3)
PASSED = "^The statement did not end within its timeout of 0.3 s$"


def _rows(payload: bytes) -> Iterator[bytes]:
    yield packets(1, lenenc(1), column())
    sequence = 3
    while True:
        yield packets(sequence, *[payload] * 16)
        sequence += 16


def _results(*payloads: bytes) -> Iterator[bytes]:
    sequence = 1
    while True:
        yield packets(sequence & 0xFF, *payloads)
        sequence += len(payloads)


def _late(name: str, *steps: Step, client: tuple[Call, ...] = (LIMITED,), kill: Script | None = None) -> Case:
    """A statement that does not end; `kill` is what is said to the connection that wants to end it."""
    return Case(
        *(name, (*LOGIN, *steps), PASSED, client, QueryTimeout),
        errno=1969,
        options={"cancel_grace": 0.3 if kill else 0},
        further=() if kill is None else (kill,),
        cut=True,
    )


CASES = (
    _late("silence", ASKED),
    _late("an answer of a byte per 100 ms", ASKED, Drip(packets(1, ok(tail=b"\x09" + b"x" * 9)))),
    _late("results without end", ASKED, Generate(lambda: _results(ok(status=MORE)))),
    _late("result sets without end", ASKED, Generate(lambda: _results(lenenc(1), column(), end(status=MORE)))),
    _late("rows without end", ASKED, Generate(lambda: _rows(row(b"x" * 60_000)))),
    _late(
        "rows without end, in the binary protocol",
        *(Expect(), Expect(), Raw(packets(1, prepared(7, 1), column()))),
        Generate(lambda: _rows(binary_row(text(b"x" * 60_000)))),
        client=(open_cursor(binary=True), LIMITED),
    ),
    _late("silence, and silence for the KILL", ASKED, kill=(Expect(),)),
    _late("silence, and junk for the KILL", ASKED, kill=(*LOGIN[:3], Raw(b"junk" * 9))),
    _late("silence, and text for the KILL", ASKED, kill=(*KILLS, Raw(result([column()], [row(b"x")])))),
    _late("silence, and a short row for the KILL", ASKED, kill=(*KILLS, Raw(result([NUMBER], [row(b"4711")])))),
    _late("silence, and an OK for the KILL", ASKED, kill=(*KILLS, Send(ok()))),
    _late(
        "silence in the middle of many rows",
        *(Expect(), Expect(), Raw(packets(1, prepared(7, 0, 1), column()) + packets(1, ok())), Expect(b"\x17")),
        client=(cursor("executemany", "INSERT INTO t VALUES (?)", [(1,), (2,)], timeout=0.3),),
    ),
)
