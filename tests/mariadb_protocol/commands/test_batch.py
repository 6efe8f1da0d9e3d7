from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import pytest

from mariadb_protocol import (
    ConnectionClosed,
    LimitExceeded,
    LocalProtocolError,
    Prepared,
    RemoteProtocolError,
    Send,
    Session,
    State,
    close_statement,
)
from mariadb_protocol.compression import CompressedStream
from mariadb_protocol.constants import Capability, Limits
from mariadb_protocol.framing import EARLY_SIZE
from mariadb_protocol.handshake import WANTED
from tests.support.faults import cut_everywhere, flip_everywhere
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
    refuses_all,
    replay,
    replay_all_ways,
    server,
    text,
    tracked,
    uint,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mariadb_protocol.events import Command
    from tests.support.scripts import Step

REQUESTS = [(0x1F, b""), (0x02, b"shop"), (0x03, b"SET a=1")]
COMMANDS_SENT = b"".join(packets(0, payload) for payload in (b"\x1f", b"\x02shop", b"\x03SET a=1"))
SENT: Step = ("client", COMMANDS_SENT)
DENIED = err(1044, b"Access denied", b"42000")
DENIED_SAYS = ("err", 1044, "42000", "Access denied")
RESET = ok(status=0x4000, tail=tracked((0, text(b"autocommit") + text(b"OFF"))))
RESET_SAYS = ("ok", 0, 0, 0x4000, 0, b"")
SELECTED = ok(status=0x4002, warnings=3, tail=tracked((1, text(b"shop"))))
SELECTED_SAYS = ("ok", 0, 0, 0x4002, 3, b"")
MORE = 2 | 8
BATCH = in_turn(call("send_batch", REQUESTS), call("read_batch"))


def answers(*payloads: bytes) -> Step:
    """The server answers each command on its own."""
    return "server", b"".join(packets(1, payload) for payload in payloads)


def old_session() -> Session:
    return ready_session(OLD)


def shut_session() -> Session:
    """A session that cannot keep what arrives."""
    return ready_session(limits=Limits(packet_size=100))


SCRIPTS = [
    Script(name, BATCH, [SENT, answers(*parts)], [None, said], session=more, start=start, early=early)
    for early in (False, True)
    for name, parts, said, more, start in [
        ("oks", [ok()] * 3, [AUTOCOMMIT] * 3, {"status": 2}, ready_session),
        ("oks of old", [ok(tail=b"info")] * 3, [("ok", 0, 0, 2, 0, b"info")] * 3, {"status": 2}, old_session),
        (
            "what they say about the session",
            [RESET, SELECTED, ok(status=1)],
            [RESET_SAYS, SELECTED_SAYS, ("ok", 0, 0, 1, 0, b"")],
            {"status": 1, "warnings": 0, "schema": "shop", "variables": {"autocommit": "OFF"}, "unanswered": []},
            ready_session,
        ),
        (
            "the last one counts",
            [SELECTED, ok(status=0), RESET],
            [SELECTED_SAYS, ("ok", 0, 0, 0, 0, b""), RESET_SAYS],
            {"status": 0x4000, "warnings": 0, "schema": "shop"},
            ready_session,
        ),
        *(
            (
                f"err to {index}",
                [DENIED if number == index else ok() for number in range(3)],
                [DENIED_SAYS if number == index else AUTOCOMMIT for number in range(3)],
                {"status": 2, "unanswered": []},
                ready_session,
            )
            for index in range(3)
        ),
        ("errs", [DENIED] * 3, [DENIED_SAYS] * 3, {"status": 0, "schema": None}, ready_session),
    ]
]


@pytest.mark.parametrize("script", SCRIPTS, ids=repr)
def test_batch(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)
    assert flip_everywhere(script) == 8 * len(script.reply)


@pytest.mark.parametrize("requests", [REQUESTS[:1], [(0x03, b"x" * size) for size in range(300)]])
def test_any_number(requests: list[tuple[int, bytes]]) -> None:
    sent = b"".join(packets(0, bytes((code,)) + argument) for code, argument in requests)
    steps = [("client", sent), answers(*[ok(number) for number in range(len(requests))])]
    run = in_turn(call("send_batch", requests), call("read_batch"))
    said = [("ok", number, 0, 2, 0, b"") for number in range(len(requests))]
    replay(Script("many", run, steps, [None, said]))


def test_it_waits_for_nothing() -> None:
    session = ready_session()
    sending = COMMANDS.send_batch(session, REQUESTS)
    event = next(sending)
    assert isinstance(event, Send)
    assert event.data == COMMANDS_SENT
    with pytest.raises(StopIteration):
        sending.send(None)
    assert (session.state, session.unanswered) == (State.BATCH_SENT, [(1, 0)] * 3)


def test_the_next_command_begins_anew() -> None:
    steps = [SENT, answers(ok(), DENIED, ok()), client(b"\x0e"), server(ok())]
    said = [[None, [AUTOCOMMIT, DENIED_SAYS, AUTOCOMMIT]]]
    run = in_turn(BATCH, call("ping"), BATCH)
    replay_all_ways(Script("again", run, [*steps, *steps[:2]], [*said, AUTOCOMMIT, *said]))


def test_nothing_but_the_answers_and_a_goodbye_may_follow() -> None:
    session = ready_session()
    session.state = State.BATCH_SENT
    for name in ("ping", "query", "send_batch", "reset_connection"):
        with pytest.raises(LocalProtocolError, match=r"the session is waiting for the answers to several commands$"):
            next(getattr(COMMANDS, name)(session, *{"query": (b"",), "send_batch": ([],)}.get(name, ())))
        assert session.state == State.BATCH_SENT


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("reply", [b"", answers(ok())[1], answers(ok(), DENIED, ok())[1], packets(1, ok())[:-1]])
def test_quit_leaves_the_answers_behind(reply: bytes, early: bool) -> None:
    run = in_turn(call("send_batch", REQUESTS), call("quit"))
    steps: list[Step] = [SENT, ("server", bytes(reply)), client(b"\x01")]
    script = Script("quit", run, steps, [None, None], state=State.CLOSED, early=early, reads_all=False)
    replay_all_ways(script)


# What is no answer

NEITHER = [b"", b"\x01", b"\xfb/etc/passwd", column(), eof(), end(), eof() + b"\0"]


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("payload", NEITHER)
def test_neither_ok_nor_err(payload: bytes, index: int, early: bool) -> None:
    parts = [ok()] * 3
    parts[index] = payload
    refused = Script("neither", BATCH, [SENT, answers(*parts)], raises=RemoteProtocolError, early=early)
    refused.match = f"expected OK or ERR, the server sent {len(payload)} bytes that begin with b'"
    replay_all_ways(refused)


@pytest.mark.parametrize("behind", [[ok()], [DENIED], []], ids=["ok", "err", "nothing"])
@pytest.mark.parametrize("index", range(3))
def test_another_result(index: int, behind: list[bytes]) -> None:
    """Which answer belongs to which command would not be known any more."""
    parts = [ok()] * 3
    parts[index] = ok(status=MORE)
    steps = [SENT, answers(*parts[: index + 1], *behind)]
    match = r"^another result follows where one packet was to come$"
    replay_all_ways(Script("more", BATCH, steps, raises=RemoteProtocolError, match=match))


def test_what_an_earlier_statement_announced_is_over() -> None:
    """An ERR in the place of a further result has no status flags, nor has one in the place of an answer."""
    query = in_turn(call("query", b"DO 1; X"), call("next_result"))
    steps: list[Step] = [client(b"\x03DO 1; X"), ("server", packets(1, ok(status=MORE), DENIED))]
    for parts, says in (([DENIED] * 3, [DENIED_SAYS] * 3), ([DENIED, ok(), ok()], [DENIED_SAYS, *[AUTOCOMMIT] * 2])):
        answer = [[("ok", 0, 0, MORE, 0, b""), DENIED_SAYS], [None, says]]
        replay_all_ways(Script("over", in_turn(query, BATCH), [*steps, SENT, answers(*parts)], answer))


@pytest.mark.parametrize("payload", [eof(), ok(), DENIED, b"\x01"])
@pytest.mark.parametrize("index", range(3))
def test_a_second_packet(index: int, payload: bytes) -> None:
    """As it were the EOF of an old server's result: it goes on with the sequence of its answer."""
    replies = [packets(1, ok())] * 3
    replies[index] = packets(1, ok(), payload)
    steps: list[Step] = [SENT, ("server", b"".join(replies)), client(b"\x0e")]
    match = "packet out of order: sequence id 2, expected 1"
    if index == 2:
        match = f"{4 + len(payload)} bytes arrived that no command asked for"
    script = Script("second", in_turn(BATCH, call("ping")), steps, raises=RemoteProtocolError, match=match)
    replay(script)
    if index < 2:
        replay_all_ways(script)


def test_answers_without_a_sequence_of_their_own() -> None:
    steps = [SENT, server(ok(), ok(), ok())]
    match = "packet out of order: sequence id 2, expected 1"
    replay_all_ways(Script("numbered on", BATCH, steps, raises=RemoteProtocolError, match=match))


# A server that goes


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("index", range(3))
def test_a_farewell(index: int, early: bool) -> None:
    reply = packets(1, ok()) * index + packets(0, err(1927, b"Connection was killed", b"70100"))
    steps: list[Step] = [SENT, ("server", reply), ("eof", b"")]
    script = Script("farewell", BATCH, steps, raises=ConnectionClosed, match=r"Connection was killed", early=early)
    replay_all_ways(script)
    assert cut_everywhere(script) == len(reply)


def test_the_end_of_the_stream_shows_when_the_answers_are_read() -> None:
    session = ready_session()
    sending = COMMANDS.send_batch(session, REQUESTS)
    next(sending)
    with pytest.raises(StopIteration):
        sending.send(b"")
    assert session.state == State.BATCH_SENT
    reading = COMMANDS.read_batch(session)
    assert next(reading) == b""
    with pytest.raises(ConnectionClosed, match=r"^the server closed the connection$"):
        reading.send(b"")
    refuses_all(session)


def test_what_arrives_early_is_bounded() -> None:
    session = ready_session()
    sending = COMMANDS.send_batch(session, REQUESTS)
    next(sending)
    with pytest.raises(RemoteProtocolError, match=f"{EARLY_SIZE + 1} bytes arrived before the client had sent all"):
        sending.send(bytes(EARLY_SIZE + 1))
    assert session.state == State.BROKEN


def test_what_arrived_before_is_not_an_answer() -> None:
    session = ready_session()
    session.stream.data = packets(1, ok())
    with pytest.raises(RemoteProtocolError, match=r"^11 bytes arrived that no command asked for$"):
        next(COMMANDS.send_batch(session, REQUESTS))
    assert session.state == State.BROKEN


def test_limits() -> None:
    long = [(0x1F, b""), (0x03, bytes(100))]
    script = Script("send", call("send_batch", long), [], raises=LocalProtocolError, start=shut_session)
    script.match = "packet_size is 100, the payload to send has 101 bytes"
    replay(script)
    steps = [SENT, answers(ok(), ok(tail=text(bytes(100))), ok())]
    script = Script("receive", BATCH, steps, raises=LimitExceeded, match="packet_size", start=shut_session)
    replay_all_ways(script)


# How it is sent


def test_a_statement_given_up_is_closed_first() -> None:
    def run(session: Session) -> Command[Any]:
        close_statement(session, Prepared(7, 0, None))
        return (yield from BATCH(session))

    steps: list[Step] = [("client", packets(0, b"\x19" + uint(7, 4)) + COMMANDS_SENT), answers(ok(), DENIED, ok())]
    replay_all_ways(Script("close", run, steps, [None, [AUTOCOMMIT, DENIED_SAYS, AUTOCOMMIT]]))


def test_a_long_command() -> None:
    """Its answer goes on with its sequence; a short one's does not."""
    long = bytes(TOP)
    requests = [(0x1F, b""), (0x03, long), (0x02, b"d")]
    said: list[Step] = [("client", packets(0, b"\x1f") + packets(0, b"\x03" + long) + packets(0, b"\x02d"))]
    said += [("server", packets(1, ok()) + packets(2, DENIED) + packets(1, ok()))]
    run = in_turn(call("send_batch", requests), call("read_batch"))
    for early in (False, True):
        replay(Script("long", run, said, [None, [AUTOCOMMIT, DENIED_SAYS, AUTOCOMMIT]], early=early), range(40))


# Compressed


def compressed() -> Session:
    session = ready_session(WANTED | Capability.COMPRESS)
    session.stream = CompressedStream(1 << 25)
    return session


def frame(sequence: int, contents: bytes, packed: bool = False) -> bytes:
    body = zlib.compress(contents) if packed else contents
    return uint(len(body), 3) + uint(sequence, 1) + uint(len(contents) if packed else 0, 3) + body


def framed(*parts: Sequence[bytes]) -> bytes:
    """Each part in frames, numbered from its own 1."""
    return b"".join(frame(number, piece) for part in parts for number, piece in enumerate(part, 1))


COMMANDS_FRAMED = b"".join(frame(0, packets(0, payload)) for payload in (b"\x1f", b"\x02shop", b"\x03SET a=1"))
FRAMED_SENT: Step = ("client", COMMANDS_FRAMED)
OKAY, NO = packets(1, ok()), packets(1, DENIED)
FRAMED = [
    ("one each", framed([OKAY], [NO], [OKAY])),
    ("several each", framed([OKAY[:2], OKAY[2:]], [NO[:4], NO[4:9], NO[9:]], [OKAY])),
    ("packed", frame(1, OKAY, True) + frame(1, NO, True) + frame(1, OKAY, True)),
]


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize(("name", "reply"), FRAMED, ids=[name for name, _ in FRAMED])
def test_compressed(name: str, reply: bytes, early: bool) -> None:
    steps: list[Step] = [FRAMED_SENT, ("server", reply)]
    answer = [None, [AUTOCOMMIT, DENIED_SAYS, AUTOCOMMIT]]
    script = Script(name, BATCH, steps, answer, start=compressed, early=early)
    replay_all_ways(script)
    assert cut_everywhere(script) == len(reply)
    assert flip_everywhere(script) == 8 * len(reply)


@pytest.mark.parametrize("early", [False, True])
def test_compressed_frames_out_of_order(early: bool) -> None:
    reply = frame(1, OKAY) + frame(2, NO) + frame(3, OKAY)
    match = "frame out of order: sequence id 2, expected 1"
    steps: list[Step] = [FRAMED_SENT, ("server", reply)]
    replay_all_ways(Script("on", BATCH, steps, raises=RemoteProtocolError, match=match, start=compressed, early=early))


def test_compressed_behind_a_statement_given_up() -> None:
    def run(session: Session) -> Command[Any]:
        close_statement(session, Prepared(7, 0, None))
        return (yield from BATCH(session))

    closes = frame(0, packets(0, b"\x19" + uint(7, 4)))
    steps: list[Step] = [("client", closes + COMMANDS_FRAMED), ("server", FRAMED[0][1])]
    answer = [None, [AUTOCOMMIT, DENIED_SAYS, AUTOCOMMIT]]
    replay_all_ways(Script("close", run, steps, answer, start=compressed))


def test_compressed_quit() -> None:
    run = in_turn(call("send_batch", REQUESTS), call("quit"))
    steps: list[Step] = [FRAMED_SENT, ("server", FRAMED[0][1]), ("client", frame(0, packets(0, b"\x01")))]
    for early in (False, True):
        replay_all_ways(Script("quit", run, steps, [None, None], start=compressed, state=State.CLOSED, early=early))


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_a_long_compressed_command(last: bool, early: bool) -> None:
    """Each answer goes on with the frames of its own command, also one that comes at once."""
    long = bytes(TOP)
    requests = [(0x1F, b""), (0x03, long)]
    replies = [frame(1, packets(1, ok())), frame(2, packets(2, DENIED))]
    said: list[Any] = [AUTOCOMMIT, DENIED_SAYS]
    if not last:
        requests, replies, said = requests[::-1], replies[::-1], said[::-1]
    hears: Step = ("client", lambda data: data.startswith((frame(0, packets(0, b"\x1f")), b"", b"")))
    run = in_turn(call("send_batch", requests), call("read_batch"))
    steps: list[Step] = [hears, ("server", b"".join(replies))]
    script = Script("long", run, steps, [None, said], start=compressed, early=early)
    replay(script)
    replay(script, range(60))
