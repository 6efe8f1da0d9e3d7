"""commands/result.py: LOCAL INFILE, the file that the server asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mariadb_protocol import ConnectionClosed, RemoteProtocolError, Session, State, refuse_local_data, send_local_data
from mariadb_protocol.commands.result import LOCAL_PACKET
from mariadb_protocol.constants import Capability, Status
from mariadb_protocol.handshake import WANTED
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_fields import payloads
from tests.support.scripts import (
    COMMANDS,
    Script,
    call,
    client,
    column,
    drive,
    end,
    err,
    in_turn,
    ok,
    packets,
    ready_session,
    refuses_all,
    replay,
    replay_all_ways,
    result_set,
    row,
    server,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripts import Step

LOAD = b"LOAD DATA LOCAL INFILE 'f' INTO TABLE t"
ASKS: list[Step] = [client(b"\x03" + LOAD), server(b"\xfbdir/f")]
LOCAL = ("local", b"dir/f")
MORE = 2 | Status.MORE_RESULTS_EXISTS
DONE_SAYS = ("ok", 2, 0, 2, 0, b"")
FAILED = err(1146, b"No table", b"42S02")
FAILED_SAYS = ("err", 1146, "42S02", "No table")


def offering() -> Session:
    return ready_session(WANTED | Capability.LOCAL_FILES)


def sends(*parts: bytes, sequence: int = 2) -> list[Step]:
    """The client sends these packets, one by one, and the empty one."""
    return [client(part, number) for number, part in enumerate((*parts, b""), sequence)]


def load(name: str, chunks: list[bytes], steps: list[Step], answer: Any, **more: Any) -> Script:
    run = in_turn(call("query", LOAD), call("send_local_data", chunks))
    return Script(name, run, [*ASKS, *steps], answer, start=offering, **more)


SCRIPTS = [
    load("sent", [b"1,a\n", b"2,b\n"], [*sends(b"1,a\n", b"2,b\n"), server(ok(2), sequence=5)], [LOCAL, DONE_SAYS]),
    load("empty chunks", [b"", b"1\n", b""], [*sends(b"1\n"), server(ok(2), sequence=4)], [LOCAL, DONE_SAYS]),
    load("refused", [], [*sends(), server(FAILED, sequence=3)], [LOCAL, FAILED_SAYS]),
    load("of no use", [b"x"], [*sends(b"x"), server(FAILED, sequence=4)], [LOCAL, FAILED_SAYS]),
    load(
        "answered early",
        [b"x"],
        [client(b"x", 2), server(FAILED, sequence=4), client(b"", 3)],
        [LOCAL, FAILED_SAYS],
        early=True,
    ),
    load(
        *("the first of several results", [b"x"], [*sends(b"x"), server(ok(2, status=MORE), sequence=4)]),
        [LOCAL, ("ok", 2, 0, MORE, 0, b"")],
        state=State.MORE_RESULTS,
    ),
    load(
        *("rows", [b"x"], [*sends(b"x"), server(b"\1", column(b"n", 3), row(b"1"), end(), sequence=4)]),
        [LOCAL, result_set(["n"], [(1,)])],
    ),
    Script(
        "behind another result",
        in_turn(call("query", LOAD), call("next_result"), call("send_local_data", [b"x"]), call("ping")),
        [
            *(ASKS[0], server(ok(2, status=MORE), b"\xfbdir/f"), *sends(b"x", sequence=3), server(ok(2), sequence=5)),
            *(client(b"\x0e"), server(ok())),
        ],
        [("ok", 2, 0, MORE, 0, b""), LOCAL, DONE_SAYS, ("ok", 0, 0, 2, 0, b"")],
        start=offering,
    ),
]


@pytest.mark.parametrize("script", SCRIPTS, ids=repr)
def test_local_data(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)
    assert flip_everywhere(script) == 8 * len(script.reply)


def test_another_file_is_no_answer() -> None:
    """What was sent has to be confirmed first."""
    run = in_turn(call("query", LOAD), call("send_local_data", [b"x"]))
    steps = [*ASKS, *sends(b"x"), server(b"\xfbother", sequence=4)]
    script = Script("two files", run, steps, start=offering, raises=RemoteProtocolError)
    script.match = "behind send_local_data the session would be waiting for a local file"
    replay_all_ways(script)


def test_refuse_local_data() -> None:
    def run(session: Session) -> Any:
        assert (yield from COMMANDS.query(session, LOAD)).name == b"dir/f"
        return (yield from refuse_local_data(session))

    replay_all_ways(Script("refused", run, [*ASKS, *sends(), server(ok(0), sequence=3)], ok_says(0), start=offering))


def ok_says(affected: int) -> Any:
    return "ok", affected, 0, 2, 0, b""


def waiting() -> Session:
    """A session whose server waits for a file."""
    session = offering()
    session.state = State.LOCAL_DATA
    session.stream.sequence = 2
    return session


class Listener:
    """A server that takes everything, and answers the end of the file."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def hear(self, data: bytes) -> None:
        self.sent.append(data)

    def receive(self) -> bytes:
        return packets(self.sent[-1][3] + 1, ok(1))


@pytest.mark.parametrize("size", [1, LOCAL_PACKET - 1, LOCAL_PACKET, LOCAL_PACKET + 1, 300 * LOCAL_PACKET])
def test_long_chunks_are_cut(size: int) -> None:
    peer = Listener()
    drive(send_local_data(waiting(), [bytes(size)]), peer, 1000)  # type: ignore[arg-type]
    assert [len(data) - 4 for data in peer.sent[:-2]] == [LOCAL_PACKET] * ((size - 1) // LOCAL_PACKET)
    assert [data[3] for data in peer.sent] == [number & 0xFF for number in range(2, len(peer.sent) + 2)]
    assert sum(len(payload) for data in peer.sent for _, payload in payloads(data)) == size
    assert peer.sent[-1][:3] == bytes(3)


def test_only_a_chunk_is_taken_at_a_time() -> None:
    """The file is read while it is sent: nothing is collected."""
    taken = []

    def chunks() -> Iterator[bytes]:
        for number in range(3):
            taken.append(number)
            yield b"x"

    sending = send_local_data(waiting(), chunks())
    for number in range(3):
        next(sending) if not number else sending.send(None)
        assert taken == list(range(number + 1))


@pytest.mark.parametrize("error", [OSError("disk"), KeyboardInterrupt(), ValueError("mine")])
@pytest.mark.parametrize("before", [0, 1])
def test_a_source_that_raises(error: BaseException, before: int) -> None:
    """A part must not be taken for the whole: the end of the file is never sent."""

    def chunks() -> Iterator[bytes]:
        yield from [b"x"] * before
        raise error

    session = waiting()
    peer = Listener()
    with pytest.raises(type(error)):
        drive(send_local_data(session, chunks()), peer, 10)  # type: ignore[arg-type]
    assert peer.sent == [packets(2, b"x")] * before
    assert (session.state, session.cause) == (State.BROKEN, str(error) or type(error).__name__)
    refuses_all(session)


def test_chunks_that_are_not_bytes() -> None:
    session = waiting()
    with pytest.raises(TypeError):
        next(send_local_data(session, [None]))  # type: ignore[list-item]
    assert session.state == State.BROKEN


# Servers that do not wait

EARLY = [
    ("a farewell", packets(0, err(1927, b"Connection was killed", b"70100")), ConnectionClosed, "was killed"),
    ("too early an error", packets(2, FAILED), RemoteProtocolError, "sequence id 2, expected 4"),
    ("much", packets(4, ok(2)) + packets(0, bytes(50)), RemoteProtocolError, "arrived that no command asked for"),
]


@pytest.mark.parametrize(("name", "data", "error", "match"), EARLY, ids=[name for name, *_ in EARLY])
def test_early_answers(name: str, data: bytes, error: Any, match: str) -> None:
    steps: list[Step] = [client(b"x", 2), ("server", data), client(b"", 3)]
    run = in_turn(call("query", LOAD), call("send_local_data", [b"x"]), call("ping"))
    script = Script(name, run, [*ASKS, *steps], raises=error, match=match, start=offering, early=True)
    replay(script)


def test_a_server_that_sends_without_end() -> None:
    session = waiting()
    sending = send_local_data(session, iter(lambda: b"x", b""))
    next(sending)
    with pytest.raises(RemoteProtocolError, match="bytes arrived before the client had sent all"):
        for _ in range(100):
            sending.send(bytes(1 << 16))
    assert session.state == State.BROKEN
