"""A short session that ends behind each byte of the server's: always an Error that says so, never half an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import mariadb_py
from tests.hostile.client import Client
from tests.hostile.table import GREETING, PASSWORD, execute, open_cursor
from tests.support.rogue import Close, Expect, HalfClose, Raw, Reset, rogue
from tests.support.script_binary import binary_row, prepared
from tests.support.scripts import column, ok, packets, result, row, text

if TYPE_CHECKING:
    from tests.support.rogue import Script, Step

pytestmark = pytest.mark.usefixtures("hard_limit", "leaves_nothing")

ROWS = result([column()], [row(b"x"), row(b"y")])
BINARY = packets(1, prepared(7, 1, 1), column(), column()) + result([column()], [binary_row(text(b"x"))])
# What the client says, and what the server answers.
SESSION = (
    (None, packets(0, GREETING)),
    (Expect(), packets(2, ok())),
    (Expect(b"\x03SET "), packets(1, ok(status=0))),
    (Expect(b"\x03SELECT 1"), ROWS),
    (Expect(b"\x16SELECT ?"), b""),
    (Expect(b"\x17"), BINARY),
)
CALLS = (execute(), open_cursor(binary=True), execute("SELECT ?", (1,)))
SIZE = sum(len(answer) for _, answer in SESSION)


def _cut(length: int, end: Step) -> Script:
    """The session up to this number of bytes."""
    steps: list[Step] = []
    for expected, answer in SESSION:
        steps += [expected] if expected is not None else []
        if length < len(answer):
            return [*steps, Raw(answer[:length]), end]
        steps.append(Raw(answer))
        length -= len(answer)
    return steps


def _session(client: object, keywords: dict[str, object]) -> list[object]:
    client.connect(False, password=PASSWORD, **keywords)  # type: ignore[attr-defined]
    return [client.call(call) for call in CALLS]  # type: ignore[attr-defined]


@pytest.mark.parametrize("end", [Close, HalfClose, Reset])
@pytest.mark.parametrize("third", range(3))
def test_the_stream_ends_behind_each_byte(third: int, end: type[Step]) -> None:
    lengths = range(third, SIZE, 3)
    with rogue(*(_cut(length, end()) for length in lengths)) as server:
        for length in lengths:
            client = Client(server)
            # A reset may come before connect() has returned.
            with pytest.raises(mariadb_py.OperationalError, match=r"^(Lost connection|Can't connect) to server on "):
                _session(client, server.connect_args)
            assert server.visits[-1].heard != b"" or length < len(SESSION[0][1])
            if not client.closed:
                with pytest.raises(mariadb_py.LostConnectionError, match=r"^Server has gone away"):
                    client.run("DO 0")
            client.close()
        assert len(server.visits) == len(lengths)


def test_the_whole_session_is_one() -> None:
    with rogue(_cut(SIZE, Close())) as server:
        client = Client(server)
        assert _session(client, server.connect_args) == [None, None, None]
        client.close()
