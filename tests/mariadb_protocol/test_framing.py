from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol import ConnectionClosed, LimitExceeded, LocalProtocolError, ProtocolError, RemoteProtocolError
from mariadb_protocol.constants import MAX_PAYLOAD, Limits
from mariadb_protocol.framing import EARLY_SIZE, PacketStream, unasked
from tests.support.faults import cut_everywhere
from tests.support.script_fields import payloads
from tests.support.scripts import (
    HANGS_UP,
    Peer,
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
    replay,
    replay_all_ways,
    result,
    result_set,
    row,
    server,
    text,
)

if TYPE_CHECKING:
    from mariadb_protocol import Session
    from mariadb_protocol.events import Command
    from tests.support.scripts import Step

KILLED = err(1927, b"Connection was killed", b"70100")
PING = client(b"\x0e")
SELECT = client(b"\x03SELECT 1")


def collect(stream: PacketStream, *chunks: bytes, first: bytes = b"") -> bytes:
    """Read one payload that arrives in these chunks, behind `first`, which is in the buffer already."""
    stream.data = first
    reading = stream.read()
    arriving = iter(chunks)
    try:
        assert next(reading) == b""
        while True:
            assert reading.send(next(arriving)) == b""
    except StopIteration as stop:
        assert isinstance(stop.value, bytes)
        return stop.value


# Sizes


@pytest.mark.parametrize("size", [0, 1, 0xFFFFFE, 0xFFFFFF, 0x1000000, 2 * 0xFFFFFF, 2 * 0xFFFFFF + 1])
def test_sizes_in_both_directions(size: int) -> None:
    payload = bytes(range(251)) * (size // 251 + 1)
    payload = payload[:size]
    stream = PacketStream(1 << 30)
    sent = stream.packets(payload)
    assert payloads(sent) == [(0, payload)]
    assert len(sent) == size + 4 * (size // MAX_PAYLOAD + 1)
    assert stream.sequence == size // MAX_PAYLOAD + 1
    stream.sequence = 0
    half = len(sent) // 2 + 2
    assert collect(stream, sent[:3], sent[3:half], sent[half:]) == payload
    assert (stream.pos, stream.sequence) == (len(stream.data), size // MAX_PAYLOAD + 1)


@pytest.mark.parametrize("size", [0xFFFFFF - 1, 0xFFFFFF])
def test_a_command_counts_its_code(size: int) -> None:
    stream = PacketStream(1 << 30)
    stream.sequence = 5  # of the answer before
    body = b"x" * (size - 1)
    assert payloads(stream.command(b"\x03", body)) == [(0, b"\x03" + body)]
    assert stream.sequence == (2 if size == MAX_PAYLOAD else 1)


@pytest.mark.parametrize("size", [0xFFFFFE, 0xFFFFFF, 0x1000009, 0x1100000])
def test_a_long_statement_and_a_long_row(size: int) -> None:
    """The payloads, command code and length prefix included, are of this size."""
    statement = b"S" * (size - 1)
    value = b"v" * (size - (4 if size < 0x1000009 else 9))
    payload = row(value)
    assert len(payload) == size
    first = 1 if size < MAX_PAYLOAD else 2
    steps = [client(b"\x03" + statement), ("server", result([column()], [payload, row(b"next")], sequence=first))]
    script = Script("long", call("query", statement), steps, result_set(["c"], [(value.decode(),), ("next",)]))
    last = len(script.reply)
    for cuts in ((), (1, 5, 9, 60, 0x10000, size // 2, last - 16, last - 8), range(0, last, 1 << 16)):
        replay(script, cuts)


# Sequence ids


@pytest.mark.parametrize("sequence", [0, 2, 0xFF])
def test_a_packet_out_of_order(sequence: int) -> None:
    steps = [PING, server(ok(), sequence=sequence)]
    script = Script("order", call("ping"), steps, raises=RemoteProtocolError)
    script.match = f"packet out of order: sequence id {sequence}, expected 1"
    replay_all_ways(script)


def test_an_empty_packet_out_of_order() -> None:
    script = Script("empty", call("ping"), [PING, server(b"", sequence=0)], raises=RemoteProtocolError)
    replay_all_ways(script)


@pytest.mark.parametrize("wrong", range(1, 5))
def test_an_error_out_of_order_but_for_sequence_id_0(wrong: int) -> None:
    """A result set of four packets, of which one is replaced by an ERR with a foreign sequence id."""
    parts = [b"\x01", column(), row(b"1"), end()]
    parts[wrong - 1] = KILLED
    reply = b"".join(
        packets(9 if number == wrong else number, part) for number, part in enumerate(parts[:wrong], start=1)
    )
    steps = [SELECT, ("server", reply)]
    replay_all_ways(Script("order", call("query", b"SELECT 1"), steps, raises=RemoteProtocolError, match="id 9"))


def test_sequence_ids_wrap() -> None:
    rows = [row(b"%d" % number) for number in range(600)]
    steps = [SELECT, ("server", result([column(kind=3)], rows))]
    script = Script("wrap", call("query", b"SELECT 1"), steps, result_set(["c"], [(n,) for n in range(600)]))
    replay(script)
    replay(script, range(1, len(script.reply)))
    for cuts in ((1500,), (2000, 2001), range(0, len(script.reply), 7)):
        replay(script, cuts)


# The server's farewell


FAREWELLS = [
    ("instead of OK", call("ping"), [PING]),
    ("instead of a result set", call("query", b"SELECT 1"), [SELECT]),
    ("among column definitions", call("query", b"SELECT 1"), [SELECT, server(b"\x02", column())]),
    ("among rows", call("query", b"SELECT 1"), [SELECT, server(b"\x01", column(), row(b"a"))]),
]


@pytest.mark.parametrize(("name", "command", "steps"), FAREWELLS, ids=[name for name, _, _ in FAREWELLS])
def test_farewell(name: str, command: Callable[[Session], Command[Any]], steps: list[Step]) -> None:
    script = Script(name, command, [*steps, server(KILLED, sequence=0), HANGS_UP], raises=ConnectionClosed)
    script.match = "^Connection was killed$"
    replay_all_ways(script)
    cut_everywhere(script)


def test_farewell_says_why() -> None:
    with pytest.raises(ConnectionClosed) as caught:
        collect(PacketStream(1 << 30), packets(0, b"x" * MAX_PAYLOAD)[:-4], packets(0, KILLED))
    assert (caught.value.errno, caught.value.sqlstate) == (1927, "70100")


def test_no_continuation() -> None:
    full = packets(0, b"x" * MAX_PAYLOAD)[:-4]
    with pytest.raises(RemoteProtocolError, match="sequence id 7, expected 1"):
        collect(PacketStream(1 << 30), full, packets(7, b"x"))


def test_farewell_before_a_command_is_known_before_it_is_sent() -> None:
    steps = [PING, ("server", packets(1, ok()) + packets(0, KILLED))]
    script = Script("early", in_turn(call("ping"), call("ping")), steps, raises=ConnectionClosed)
    replay(script)


def test_farewell_before_a_command_that_comes_late() -> None:
    steps = [PING, ("server", packets(1, ok())), PING, server(KILLED, sequence=0), HANGS_UP]
    script = Script("late", in_turn(call("ping"), call("ping")), steps, raises=ConnectionClosed)
    replay_all_ways(script)


@pytest.mark.parametrize("size", [1, 4])
def test_the_beginning_of_a_farewell_is_not_enough_to_send_a_command(size: int) -> None:
    farewell = packets(0, KILLED)[:size]
    steps = [PING, ("server", packets(1, ok()) + farewell)]
    script = Script("early", in_turn(call("ping"), call("ping")), steps, raises=RemoteProtocolError)
    script.match = f"{size} bytes arrived that no command asked for"
    replay(script)


def test_the_end_of_the_stream_between_commands() -> None:
    error = unasked(b"")
    assert (type(error), str(error), error.written) == (ConnectionClosed, "the server closed the connection", False)


@pytest.mark.parametrize(
    "bytes_unasked",
    [
        packets(0, ok()),
        packets(1, KILLED),
        packets(0, b""),
        packets(1, ok()),
        b"\0",
        b"\xff" * 9,
        packets(0, KILLED)[:-1],
    ],
)
def test_unasked_bytes(bytes_unasked: bytes) -> None:
    steps = [PING, ("server", packets(1, ok()) + bytes_unasked)]
    script = Script("unasked", in_turn(call("ping"), call("ping")), steps, raises=RemoteProtocolError)
    script.match = f"{len(bytes_unasked)} bytes arrived that no command asked for"
    replay(script)


@pytest.mark.parametrize(
    ("arrived", "written"),
    [
        (packets(1, ok()) + packets(0, KILLED), False),
        (packets(1, ok()) + packets(0, ok()), False),
        (packets(1, ok()) + b"\0", False),
        (packets(0, KILLED), True),
        (packets(2, ok()), True),
    ],
)
def test_whether_the_server_may_have_got_the_command(arrived: bytes, written: bool) -> None:
    """The bytes that arrive behind the answer to the first PING keep the second one from being sent."""
    peer = Peer([PING, ("server", arrived), HANGS_UP])
    with pytest.raises(ProtocolError) as caught:
        drive(in_turn(call("ping"), call("ping"))(ready_session()), peer, 10)
    assert caught.value.written is written


# Limits and memory


def test_a_payload_too_long_to_send() -> None:
    stream = PacketStream(10)
    assert payloads(stream.command(b"\x03", b"123456789")) == [(0, b"\x03123456789")]
    assert payloads(stream.packets(b"1234567890")) == [(1, b"1234567890")]
    with pytest.raises(LocalProtocolError, match="packet_size is 10, the payload to send has 11 bytes"):
        stream.command(b"\x03", b"1234567890")


def test_a_payload_too_long_to_read() -> None:
    stream = PacketStream(10)
    assert collect(stream, packets(0, b"1234567890")) == b"1234567890"
    stream.sequence = 0
    stream.pos = 0
    with pytest.raises(LimitExceeded, match="packet_size is 10, the server sent 11") as caught:
        collect(stream, packets(0, b"12345678901")[:4])
    assert (caught.value.name, caught.value.limit, caught.value.value) == ("packet_size", 10, 11)


def test_the_limit_is_one_of_payloads_not_of_packets() -> None:
    limit = MAX_PAYLOAD + 10
    whole = packets(0, b"x" * limit)
    assert len(collect(PacketStream(limit), whole[:9], whole[9:])) == limit
    more = packets(0, b"x" * (limit + 1))
    with pytest.raises(LimitExceeded, match=f"packet_size is {limit}, the server sent {limit + 1}"):
        collect(PacketStream(limit), more[: MAX_PAYLOAD + 8])


def test_a_row_too_long() -> None:
    steps = [SELECT, ("server", result([column()], [row(b"a" * 60), row(b"b" * 120)]))]
    script = Script("long", call("query", b"SELECT 1"), steps, raises=LimitExceeded, match="packet_size is 100")
    script.start = lambda: ready_session(limits=Limits(packet_size=100))
    replay_all_ways(script)


def test_memory_is_bounded_by_what_has_arrived() -> None:
    stream = PacketStream(1 << 30)
    tracemalloc = pytest.importorskip("tracemalloc", reason="PyPy has no tracemalloc")
    tracemalloc.start()
    try:
        with pytest.raises(ConnectionClosed, match=re.escape("connection, 1028 bytes into a packet")):
            collect(stream, b"\xfe\xff\xff\0", *[b"x"] * 1024, b"")
        assert tracemalloc.get_traced_memory()[1] < 1 << 16
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("left", range(1, 8))
def test_the_end_of_the_stream_says_what_is_unfinished(left: int) -> None:
    with pytest.raises(ConnectionClosed, match=f"^the server closed the connection, {left} bytes into a packet$"):
        collect(PacketStream(100), b"", first=packets(0, b"1234")[:left])


def test_the_end_of_the_stream_between_packets() -> None:
    steps = [PING, HANGS_UP]
    script = Script("closed", call("ping"), steps, raises=ConnectionClosed)
    script.match = r"^the server closed the connection$"
    replay(script)


# Any cut


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=8), st.data())
def test_any_payloads_in_any_chunks(messages: list[bytes], data: st.DataObject) -> None:
    wire = packets(0, *messages)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(wire) - 1), max_size=12)))
    chunks = iter([wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)])])
    stream = PacketStream(1 << 20)
    found = []
    for _ in messages:
        reading = stream.read()
        try:
            next(reading)
            while True:
                reading.send(next(chunks))
        except StopIteration as stop:
            found.append(stop.value)
    assert found == messages
    assert next(chunks, None) is None
    assert stream.take() is None


def test_take_leaves_what_is_not_ordinary() -> None:
    for data in (b"", b"\0\0\0", packets(1, b"ab"), packets(0, b"ab")[:-1], packets(0, b"x" * 11)):
        stream = PacketStream(10)
        stream.data = data
        assert stream.take() is None
        assert (stream.pos, stream.sequence) == (0, 0)
    stream = PacketStream(10)
    stream.data = packets(0, b"ab", text(b"c"))
    assert (stream.take(), stream.take(), stream.take()) == (b"ab", b"\x01c", None)


@pytest.mark.parametrize("size", [0xFF, 0x100, 0xFFFF, 0x10000, 0xFFFFFE])
def test_take_knows_where_a_packet_ends(size: int) -> None:
    stream = PacketStream(1 << 30)
    stream.data = packets(0, b"x" * size, b"y" * size)
    assert stream.take() == b"x" * size
    assert stream.pos == 4 + size
    assert stream.take() == b"y" * size


# Several commands at once


def test_deferred_commands_stand_in_front_of_the_next_one_only() -> None:
    stream = PacketStream(100)
    stream.defer(b"\x19", b"abcd")
    stream.defer(b"\x19", b"efgh")
    assert stream.command(b"\x0e") == packets(0, b"\x19abcd") + packets(0, b"\x19efgh") + packets(0, b"\x0e")
    assert stream.sequence == 1
    assert stream.command(b"\x0e") == packets(0, b"\x0e")


@pytest.mark.parametrize(("size", "sequence"), [(0, 1), (MAX_PAYLOAD - 1, 2), (MAX_PAYLOAD, 2), (2 * MAX_PAYLOAD, 3)])
def test_each_answer_has_the_ids_behind_its_command(size: int, sequence: int) -> None:
    stream = PacketStream(1 << 26)
    stream.command(b"\x16", bytes(size))
    first = stream.ids()
    stream.command(b"\x17")
    second = stream.ids()
    for ids, expected in ((first, sequence), (second, 1)):
        stream.expect(ids)
        assert stream.sequence == expected


# What comes too early, and what is not wanted


def test_feed_early() -> None:
    stream = PacketStream(100)
    stream.feed_early(None)
    stream.feed_early(b"")  # the end of the stream shows when something is waited for
    assert stream.data == b""
    stream.feed_early(b"ab")
    stream.feed_early(b"c")
    assert stream.data == b"abc"
    stream.feed_early(bytes(EARLY_SIZE - 3))
    with pytest.raises(RemoteProtocolError, match=f"{EARLY_SIZE + 1} bytes arrived before the client had sent all"):
        stream.feed_early(b"x")


def test_discard() -> None:
    stream = PacketStream(100)
    stream.feed(b"rows that nobody reads")
    stream.discard()
    assert stream.command(b"\x01") == packets(0, b"\x01")
