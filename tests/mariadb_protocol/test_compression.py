from __future__ import annotations

import tracemalloc
import zlib
from time import process_time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol import ConnectionClosed, Credentials, RemoteProtocolError, Session, State, close_statement
from mariadb_protocol.binary import encode
from mariadb_protocol.commands.statement import Prepared
from mariadb_protocol.compression import WORTHWHILE, CompressedStream
from mariadb_protocol.constants import Capability, Status
from mariadb_protocol.handshake import WANTED
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_binary import prepared
from tests.support.script_fields import payloads
from tests.support.scripts import (
    COMMANDS,
    TOP,
    Script,
    call,
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
    result,
    result_set,
    row,
    switch,
    uint,
)

if TYPE_CHECKING:
    from tests.support.scripts import Step

MORE = 2 | Status.MORE_RESULTS_EXISTS
NUMBER = column(b"n", 3)
OK_SAYS = ("ok", 0, 0, 2, 0, b"")


def frame(sequence: int, contents: bytes, packed: bytes | None = None, size: int | None = None) -> bytes:
    """A frame, stored unless its packed form is given."""
    sent = contents if packed is None else packed
    if size is None:
        size = 0 if packed is None else len(contents)
    return uint(len(sent), 3) + uint(sequence & 0xFF, 1) + uint(size, 3) + sent


def squeezed(sequence: int, contents: bytes) -> bytes:
    return frame(sequence, contents, zlib.compress(contents))


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """What a client sent, as (sequence id, contents)."""
    found = []
    while data:
        length, sequence, size = int.from_bytes(data[:3], "little"), data[3], int.from_bytes(data[4:7], "little")
        contents = data[7 : 7 + length]
        assert len(contents) == length > 0
        found.append((sequence, zlib.decompress(contents) if size else contents))
        assert size in (0, len(found[-1][1]))
        data = data[7 + length :]
    return found


def compressed() -> Session:
    session = ready_session(WANTED | Capability.COMPRESS | Capability.LOCAL_FILES)
    session.stream = CompressedStream(1 << 26)
    return session


def sends(*contents: bytes, sequence: int = 0) -> Step:
    """The client sends these contents, in a frame each."""

    def expected(data: bytes) -> bool:
        return frames(data) == [(number & 0xFF, part) for number, part in enumerate(contents, sequence)]

    return "client", expected


SELECT = sends(packets(0, b"\x03SELECT 1"))
QUERY = call("query", b"SELECT 1")
ROWS = result([NUMBER, column(b"s")], [row(b"1", b"a" * 40), row(b"2", None)])
ROWS_SAY = result_set(["n", "s"], [(1, "a" * 40), (2, None)])
HALF = len(ROWS) // 2
PREPARED = packets(1, prepared(7, 0, 1), column(b"?"))
EXECUTED = b"\x17" + b"\xff" * 4 + b"\0" + uint(1, 4) + b"\0\1\x08\0" + uint(5, 8)
LOAD = [sends(packets(0, b"\x03SELECT 1")), ("server", frame(1, packets(1, b"\xfbf")))]
SCRIPTS = [
    Script(name, QUERY, [SELECT, ("server", reply)], ROWS_SAY, start=compressed)
    for name, reply in [
        ("one frame", squeezed(1, ROWS)),
        ("a stored frame", frame(1, ROWS)),
        ("two frames, one stored", squeezed(1, ROWS[:HALF]) + frame(2, ROWS[HALF:])),
        ("a border in a header", squeezed(1, ROWS[:2]) + squeezed(2, ROWS[2:])),
        (
            "small frames",
            b"".join(frame(number + 1, ROWS[number * 9 : number * 9 + 9]) for number in range(len(ROWS) // 9 + 1)),
        ),
    ]
] + [
    Script(
        "pings",
        in_turn(call("ping"), call("ping")),
        [sends(packets(0, b"\x0e")), ("server", frame(1, packets(1, ok())))] * 2,
        [OK_SAYS] * 2,
    ),
    Script(
        "pipelined, a frame each",
        call("prepare_and_execute", b"SELECT ?", (encode(5),)),
        [
            ("client", lambda data: frames(data) == [(0, packets(0, b"\x16SELECT ?")), (0, packets(0, EXECUTED))]),
            ("server", squeezed(1, PREPARED) + frame(1, packets(1, ok()))),
        ],
        (("prepared", 7, 1, None), OK_SAYS),
    ),
    Script(
        "pipelined, the first answer in two",
        call("prepare_and_execute", b"SELECT ?", (encode(5),)),
        [
            ("client", lambda data: len(frames(data)) == 2),
            ("server", frame(1, PREPARED[:20]) + squeezed(2, PREPARED[20:]) + frame(1, packets(1, ok()))),
        ],
        (("prepared", 7, 1, None), OK_SAYS),
    ),
    Script(
        "pipelined, both fail",
        call("prepare_and_execute", b"SELECT ?", (encode(5),)),
        [
            ("client", lambda data: len(frames(data)) == 2),
            ("server", frame(1, packets(1, err(1064, b"a"))) + frame(1, packets(1, err(1243, b"b")))),
        ],
        (("err", 1064, "42000", "a"), ("err", 1243, "42000", "b")),
    ),
    Script(
        # Behind a result the server flushes, and goes on with the sequence id of the frame for packets too.
        "several results",
        in_turn(QUERY, call("next_result"), call("next_result")),
        [
            SELECT,
            (
                "server",
                frame(1, packets(1, b"\1", NUMBER, row(b"1"), end(MORE)))
                + squeezed(2, packets(2, b"\1", NUMBER, row(b"2")))
                + frame(3, packets(5, row(b"3"), end(MORE)))
                + frame(4, packets(4, ok())),
            ),
        ],
        [
            (*result_set(["n"], [(1,)])[:3], ("ok", 0, 0, MORE, 0, b"")),
            (*result_set(["n"], [(2,), (3,)])[:3], ("ok", 0, 0, MORE, 0, b"")),
            OK_SAYS,
        ],
    ),
    Script(
        "change_user",
        call("change_user", Credentials(b"other", b"")),
        [
            ("client", lambda data: [sequence for sequence, _ in frames(data)] == [0]),
            ("server", frame(1, packets(1, switch(b"mysql_native_password", bytes(20))))),
            sends(packets(2, b""), sequence=2),
            ("server", frame(3, packets(3, ok()))),
        ],
        OK_SAYS,
    ),
    Script(
        "a local file",
        in_turn(QUERY, call("send_local_data", [b"x" * 60, b"y"])),
        [
            *LOAD,
            sends(packets(2, b"x" * 60), sequence=2),
            sends(packets(3, b"y"), sequence=3),
            sends(packets(4, b""), sequence=4),
            ("server", frame(5, packets(5, ok(2)))),
        ],
        [("local", b"f"), ("ok", 2, 0, 2, 0, b"")],
    ),
]
for _script in SCRIPTS:
    _script.start = compressed


@pytest.mark.parametrize("script", SCRIPTS, ids=repr)
def test_frames(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)


@pytest.mark.parametrize("script", [script for script in SCRIPTS if len(script.reply) < 200], ids=repr)
def test_every_flip(script: Script) -> None:
    assert flip_everywhere(script) == 8 * len(script.reply)


@given(st.data())
def test_any_frames(data: st.DataObject) -> None:
    """A result cut into any frames, these stored or not, and the frames cut into any chunks: the same rows."""
    values = data.draw(st.lists(st.integers(0, 99), max_size=20))
    contents = result([NUMBER], [row(b"%d" % value) for value in values])
    cuts = [0, *sorted(data.draw(st.sets(st.integers(1, len(contents) - 1), max_size=30))), len(contents)]
    parts = [contents[start:stop] for start, stop in zip(cuts, cuts[1:])]
    pack = [data.draw(st.sampled_from([frame, squeezed])) for _ in parts]
    reply = b"".join(make(number, part) for number, (make, part) in enumerate(zip(pack, parts), 1))
    rows = [(value,) for value in values]
    script = Script("any", QUERY, [SELECT, ("server", reply)], result_set(["n"], rows), start=compressed)
    replay(script, sorted(data.draw(st.sets(st.integers(1, len(reply)), max_size=10))))


# Outbound


@pytest.mark.parametrize("size", [0, WORTHWHILE - 6, WORTHWHILE - 5, 1000, TOP - 5, TOP - 4, TOP, 2 * TOP])
def test_what_is_sent(size: int) -> None:
    """From fifty bytes on it is compressed; what has more than a frame can hold goes on in the next one."""
    stream = CompressedStream(1 << 26)
    data = stream.command(b"\x03", bytes(size))
    found = frames(data)
    contents = b"".join(part for _, part in found)
    assert [payload for _, payload in payloads(contents)] == [b"\x03" + bytes(size)]
    assert [sequence for sequence, _ in found] == list(range(len(found)))
    assert [len(part) for _, part in found[:-1]] == [TOP] * ((len(contents) - 1) // TOP)
    assert (int.from_bytes(data[4:7], "little") == 0) == (size + 5 < WORTHWHILE)


def test_what_would_become_longer_is_stored() -> None:
    noise = bytes(zlib.crc32(bytes((number,))) & 0xFF for number in range(100))
    data = CompressedStream(1 << 26).command(b"\x03", noise)
    assert data == frame(0, packets(0, b"\x03" + noise))


def test_closed_statements_go_in_a_frame_of_their_own() -> None:
    session = compressed()
    close_statement(session, Prepared(7, 0, None))
    sent = ("client", frame(0, packets(0, b"\x19" + uint(7, 4))) + frame(0, packets(0, b"\x0e")))
    replay(
        Script("close", call("ping"), [sent, ("server", frame(1, packets(1, ok())))], OK_SAYS, start=lambda: session)
    )


@pytest.mark.parametrize("size", [TOP - 20, TOP, TOP + 1])
def test_long_packets(size: int) -> None:
    """A value of 16 MiB, in packets of their own sequence ids and frames of theirs."""
    value = b"x" * size
    contents = result([column()], [row(value)])
    parts = [contents[start : start + TOP] for start in range(0, len(contents), TOP)]
    reply = b"".join(squeezed(number, part) for number, part in enumerate(parts, 1))
    script = Script(
        "long", QUERY, [SELECT, ("server", reply)], result_set(["c"], [(value.decode(),)]), start=compressed
    )
    replay(script, range(1000, len(reply), 1000))


def test_pipelined_answers_behind_a_long_execution() -> None:
    """Frames of an answer go on with the sequence id behind those of its command."""
    value = bytes(zlib.crc32(bytes((number & 0xFF, number >> 8))) & 0xFF for number in range(1 << 16)) * 300

    def expected(data: bytes) -> bool:
        try:
            found = frames(data)
        except AssertionError:
            return False
        return [sequence for sequence, _ in found] == [0, 0, 1]

    run = call("prepare_and_execute", b"SELECT ?", (encode(value),))
    reply = frame(1, PREPARED) + frame(2, packets(2, ok()))
    script = Script("long", run, [("client", expected), ("server", reply)], (("prepared", 7, 1, None), OK_SAYS))
    script.start = compressed
    replay(script)


# Frames that are none

PING = packets(1, ok(tail=b"\3" + b"abc"))
BAD = [
    ("another sequence id", frame(2, PING), "frame out of order: sequence id 2, expected 1"),
    (
        "another sequence id later",
        frame(1, PING[:5]) + frame(3, PING[5:]),
        "frame out of order: sequence id 3, expected 2",
    ),
    ("a packet's sequence id", frame(1, packets(2, ok())), "packet out of order: sequence id 2, expected 1"),
    ("an empty frame", frame(1, b""), "an empty frame"),
    ("an empty frame behind one", frame(1, PING[:5]) + frame(2, b""), "an empty frame"),
    ("no zlib", frame(1, PING, b"not zlib"), "a frame of 8 bytes cannot be decompressed"),
    ("smaller than announced", frame(1, PING, zlib.compress(PING), len(PING) + 1), "does not decompress to the 16"),
    ("larger than announced", frame(1, PING, zlib.compress(PING), len(PING) - 1), "does not decompress to the 14"),
    ("not to its end", frame(1, PING, zlib.compress(PING)[:-1]), "does not decompress to the 15 that it announces"),
    ("more behind", frame(1, PING, zlib.compress(PING) + b"x"), "does not decompress to the 15 that it announces"),
    ("a wrong sum", frame(1, PING, zlib.compress(PING)[:-1] + b"\0"), "cannot be decompressed"),
]


@pytest.mark.parametrize(("name", "reply", "match"), BAD, ids=[name for name, *_ in BAD])
def test_no_frames(name: str, reply: bytes, match: str) -> None:
    steps = [sends(packets(0, b"\x0e")), ("server", reply)]
    replay_all_ways(Script(name, call("ping"), steps, raises=RemoteProtocolError, match=match, start=compressed))


def peak_of(reply: bytes) -> int:
    """Memory that a refused answer takes at most."""
    session = compressed()
    operation = call("ping")(session)
    next(operation)
    tracemalloc.start()
    try:
        with pytest.raises(RemoteProtocolError):
            operation.send(reply)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("announced", [1, 1000, 1 << 20])
def test_a_bomb(announced: int) -> None:
    """A frame that would become large takes no more than it announces."""
    packed = zlib.compress(bytes(1 << 28), 9)
    assert peak_of(frame(1, b"", packed, announced)) < 4 * len(packed) + 2 * announced + (1 << 18)


def test_frames_are_unpacked_when_they_are_needed() -> None:
    """Many small frames that would each become 16 MiB: only one of them is, and it is refused."""
    bomb = squeezed(1, packets(1, bytes(TOP - 4))[: TOP - 1])
    session = compressed()
    session.stream.set_limit("packet_size", 1000)
    operation = call("ping")(session)
    next(operation)
    tracemalloc.start()
    try:
        with pytest.raises(RemoteProtocolError, match="packet_size is 1000"):
            operation.send(bomb + b"".join(squeezed(number, bytes(TOP)) for number in range(2, 10)))
        assert tracemalloc.get_traced_memory()[1] < 3 * TOP
    finally:
        tracemalloc.stop()


def test_tiny_frames_take_no_quadratic_time() -> None:
    """A packet in frames of one byte each: joining them one to the other takes a minute and more."""
    contents = packets(1, b"\0" * 7 + b"x" * (3 << 18))
    reply = b"".join(frame(number, contents[number - 1 : number]) for number in range(1, len(contents) + 1))
    session = compressed()
    operation = call("ping")(session)
    next(operation)
    start = process_time()
    with pytest.raises(RemoteProtocolError):
        operation.send(reply)
    assert process_time() - start < 30


@pytest.mark.parametrize("unit", [b"\xff\xff\xff\2\0\0\0", frame(2, bytes(100)), squeezed(2, bytes(TOP))])
def test_a_server_that_sends_without_end(unit: bytes) -> None:
    """While the client sends a file, what arrives is bounded, also as long as it is no whole frame."""
    session = compressed()
    session.state = State.LOCAL_DATA
    session.stream.expect((2, 2))
    sending = COMMANDS.send_local_data(session, iter(lambda: b"x", b""))
    next(sending)
    with pytest.raises(RemoteProtocolError, match=r"arrived before the client had sent all|frame out of order"):
        for _ in range(100):
            sending.send(unit + bytes(1 << 16) if unit[0] == 0xFF else unit)
    assert session.state == State.BROKEN


# Between commands


@pytest.mark.parametrize(
    ("left", "error", "match"),
    [
        (frame(2, packets(0, err(1927, b"killed", b"70100"))), ConnectionClosed, "^killed$"),
        (frame(2, packets(0, ok())), RemoteProtocolError, "11 bytes arrived that no command asked for"),
        (frame(2, packets(0, ok())) * 2, RemoteProtocolError, "18 bytes arrived that no command asked for"),
        (frame(2, packets(0, ok()))[:-1], RemoteProtocolError, "17 bytes arrived that no command asked for"),
        (b"\1", RemoteProtocolError, "1 bytes arrived that no command asked for"),
        (frame(1, packets(0, ok())), RemoteProtocolError, "frame out of order: sequence id 1, expected 2"),
    ],
    ids=["farewell", "frame", "two frames", "half a frame", "a byte", "another sequence id"],
)
def test_what_nobody_asked_for(left: bytes, error: type[Exception], match: str) -> None:
    steps: list[Step] = [sends(packets(0, b"\x0e")), ("server", frame(1, packets(1, ok())) + left)]
    run = in_turn(call("ping"), call("ping"))
    replay(Script("left", run, steps, raises=error, match=match, start=compressed))  # type: ignore[arg-type]


def test_more_in_the_frame_than_was_asked_for() -> None:
    steps: list[Step] = [sends(packets(0, b"\x0e")), ("server", frame(1, packets(1, ok(), ok())) + b"\1")]
    run = in_turn(call("ping"), call("ping"))
    script = Script("left", run, steps, raises=RemoteProtocolError, start=compressed)
    script.match = "11 bytes arrived that no command asked for"
    replay(script)


def test_quit_leaves_frames_behind() -> None:
    """Rows that nobody wants any more are not unpacked."""
    head = frame(1, packets(1, b"\1", NUMBER, row(b"1")))
    steps: list[Step] = [SELECT, ("server", head + frame(2, b"x") + b"\1"), sends(packets(0, b"\x01"))]
    run = in_turn(call("query", b"SELECT 1", 1), call("quit"))
    answer: list[Any] = [("rows", ["n"], [(1,)], None), None]
    replay(Script("quit", run, steps, answer, start=compressed, state=State.CLOSED))


def test_the_end_of_the_stream() -> None:
    session = compressed()

    class Silent:
        def hear(self, data: bytes) -> None: ...

        def receive(self) -> bytes:
            return b""

    with pytest.raises(ConnectionClosed, match=r"^the server closed the connection$"):
        drive(call("ping")(session), Silent(), 3)  # type: ignore[arg-type]
    refuses_all(session)
