"""What a server can make the client hold: bounded by the limits, as measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mariadb_protocol.constants import Capability, Status
from tests.hostile.table import (
    ASKED,
    BEGUN,
    CAPABILITIES,
    LOGIN,
    PASSWORD,
    PREPARED,
    QUERY,
    UNBUFFERED,
    connection,
    cursor,
    execute,
    login,
    open_cursor,
)
from tests.support.rogue import Close, Expect, Generate, Raw, Send, StopReading, frame, rogue
from tests.support.script_binary import prepared
from tests.support.scripts import TOP, column, end, err, lenenc, ok, packets, row, text, tracked, uint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from tests.hostile.table import Call
    from tests.support.rogue import Script

pytestmark = [
    pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="the system does not tell the peak"),
    pytest.mark.usefixtures("leaves_nothing"),
]

MIB = 1 << 20
HARD_LIMIT = 30.0  # seconds; the start of an interpreter, and some that do much
MORE = 2 | Status.MORE_RESULTS_EXISTS
CHANGED = MORE | Status.SESSION_STATE_CHANGED
ROOT = Path(__file__).absolute().parents[2]


@dataclass(frozen=True)
class Large:
    """A server that sends much.

    Attributes:
        name: what it sends.
        script: the server's part.
        limit: bytes that `limits` allow.
        match: how the error begins; "" if there is none, None if either will do.
        limits: as for `connect()`.
        client: calls behind the login.
        options: keywords of `connect()`.
    """

    name: str
    script: Script
    limit: int
    match: str | None = ""
    limits: Mapping[str, int] = field(default_factory=dict)
    client: tuple[Call, ...] = QUERY
    options: Mapping[str, Any] = field(default_factory=dict)


def _long_row(size: int) -> Iterator[bytes]:
    """A result of one row in full packets, with a value of this size, as bytes."""
    yield packets(1, lenenc(1), column())
    payload = text(bytes(size))
    for number, start in enumerate(range(0, size, TOP)):
        part = payload[start : start + TOP]
        yield uint(len(part), 3) + uint(number + 3, 1) + part


def _frames(size: int) -> Iterator[bytes]:
    """The same, compressed: 16 MiB in 16 KiB."""
    sequence = 1
    for part in _long_row(size):
        for start in range(0, len(part), TOP):
            piece = part[start : start + TOP]
            yield frame(zlib.compress(piece, 1), sequence, size=len(piece))
            sequence += 1


def _columns(size: int, names: int) -> Iterator[bytes]:
    """So many columns with names of this size."""
    yield packets(1, lenenc(names))
    for number in range(names):
        yield packets(number + 2 & 0xFF, column(b"n" * (size // 2)))


def _rows(size: int, rows: int) -> Iterator[bytes]:
    """So many rows with a value of this size."""
    yield packets(1, lenenc(1), column())
    for number in range(rows):
        yield packets(number + 3 & 0xFF, row(b"x" * size))
    yield packets(rows + 3 & 0xFF, end())


def _results(payloads: list[bytes], times: int) -> Iterator[bytes]:
    """The payloads so often, and an OK."""
    sequence = 1
    for _ in range(times // 256):
        piece = b""
        for _ in range(256):
            piece += packets(sequence & 0xFF, *payloads)
            sequence += len(payloads)
        yield piece
    yield packets(sequence & 0xFF, ok())


def _variables(size: int, number: int) -> Iterator[bytes]:
    """So many results, each with another session variable of this size."""
    for n in range(number):
        yield packets(n + 1 & 0xFF, ok(status=CHANGED, tail=tracked((0, text(b"v%d" % n) + text(b"x" * size)))))
    yield packets(number + 1 & 0xFF, ok())


def _flood() -> Iterator[bytes]:
    while True:
        yield bytes(1 << 20)


LIMIT = 32 * MIB
CASES = (
    Large(
        "a row over the limit, in packets of 16 MiB",
        (*LOGIN, ASKED, Generate(lambda: _long_row(3 * TOP))),
        LIMIT,
        f"packet_size is {LIMIT}, the server sent",
        {"packet_size": LIMIT},
    ),
    Large(
        "a row over the limit, unbuffered",
        (*LOGIN, ASKED, Generate(lambda: _long_row(3 * TOP))),
        LIMIT,
        f"packet_size is {LIMIT}, the server sent",
        {"packet_size": LIMIT},
        (*UNBUFFERED, cursor("fetchone")),
    ),
    Large(
        "a row over the limit, compressed to a thousandth",
        (
            *login(CAPABILITIES | Capability.COMPRESS)[:3],
            Expect(framed=True),
            Raw(frame(packets(1, ok(status=0)))),
            Expect(framed=True),
            Generate(lambda: _frames(5 * TOP)),
        ),
        2 * LIMIT,  # frames are worked on as a whole, which takes several times their 16 MiB
        f"packet_size is {2 * LIMIT}, the server sent",
        {"packet_size": 2 * LIMIT},
        options={"compress": True},
    ),
    Large(
        "an error as long as the limit, of bytes that are no text",
        (*LOGIN, ASKED, Send(err(1064, b"\xff" * (8 * MIB)))),
        8 * MIB,
        r"\xff\xff",
        {"packet_size": 9 * MIB},
    ),
    Large(
        "columns with long names",
        (*LOGIN, ASKED, Generate(lambda: _columns(MIB // 2, 400)), Close()),
        MIB,
        "metadata_size is",
        {"packet_size": MIB, "metadata_size": MIB},
    ),
    Large(
        "parameters with long names",
        (*LOGIN, *PREPARED, Send(prepared(7, 0, 400)), Generate(lambda: list(_columns(MIB // 2, 400))[1:]), Close()),
        MIB,
        "metadata_size is",
        {"packet_size": MIB, "metadata_size": MIB},
        (open_cursor(binary=True), execute()),
    ),
    Large(
        "rows without number, unbuffered",
        (*LOGIN, ASKED, Generate(lambda: _rows(60_000, 2000))),
        MIB,
        "",
        {"packet_size": MIB},
        (*UNBUFFERED, *[cursor("fetchmany", 100)] * 21),
    ),
    Large(
        "a million results",
        (*LOGIN, ASKED, Generate(lambda: _results([ok(status=MORE)], 1_000_000))),
        MIB,
        None,
        {"packet_size": MIB},
    ),
    Large(
        "a hundred thousand empty result sets",
        (*LOGIN, ASKED, Generate(lambda: _results([lenenc(1), column(), end(status=MORE)], 100_000))),
        MIB,
        None,
        {"packet_size": MIB},
    ),
    Large(
        "a hundred thousand empty result sets that nobody wants",
        (*LOGIN, Expect(b"\x03COMMIT"), Generate(lambda: _results([lenenc(1), column(), end(status=MORE)], 100_000))),
        MIB,
        "",
        {"packet_size": MIB},
        (connection("commit"),),
    ),
    Large(
        "session variables with long values",
        (*LOGIN, Expect(b"\x03COMMIT"), Generate(lambda: _variables(60_000, 2000))),
        MIB,
        None,
        {"packet_size": MIB},
        (connection("commit"),),
    ),
    Large(
        "bytes without end before the statement was written",
        (*LOGIN, BEGUN, StopReading(), Generate(_flood)),
        40 * MIB,
        "Lost connection",
        {"packet_size": 40 * MIB},
        (execute("SELECT '" + "x" * (24 * MIB) + "'"),),
        {"write_timeout": 0.5, "max_allowed_packet": 1 << 30},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_memory(case: Large, face: str) -> None:
    with rogue(case.script) as server:
        question = {
            "face": face,
            "keywords": {"password": PASSWORD, "limits": case.limits, **server.connect_args, **case.options},
            "calls": case.client,
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.hostile.measure"],
            input=json.dumps(question),
            stdout=subprocess.PIPE,
            check=True,
            timeout=HARD_LIMIT,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "protocol")))},
            encoding="utf-8",
        )
    found = json.loads(done.stdout)
    if case.match is not None:
        assert found["error"].startswith(case.match) if case.match else found["error"] == ""
    assert found["growth"] <= 2 * case.limit + 32 * MIB
