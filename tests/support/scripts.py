"""Byte scripts: what a server sends and what it must hear, and the ways of replaying them against a command.

The encoder below is code of its own, so that an error in `mariadb_protocol.wire` cannot hide behind the same error
here; so is the decoder of what the client sends, in `script_fields`. A script is played by a `Peer`, which cuts the
server's bytes into chunks at given offsets.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from operator import attrgetter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Callable, Union

import mariadb_protocol as protocol
from mariadb_protocol import (
    ErrPacket,
    Greeting,
    Interrupt,
    LocalInfileRequest,
    LocalProtocolError,
    OkPacket,
    Prepared,
    ProtocolError,
    ResultSet,
    Send,
    Session,
    StartTLS,
    State,
)
from mariadb_protocol.constants import Capability, Limits
from mariadb_protocol.handshake import WANTED
from mariadb_protocol.rows import ResultMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mariadb_protocol.events import Command

Expected = Union[bytes, Callable[[bytes], bool]]
Step = tuple[str, Expected]

TOP = 0xFFFFFF
CHALLENGE = bytes(range(0x30, 0x44))
OLD = WANTED & ~(Capability.DEPRECATE_EOF | Capability.SESSION_TRACK)  # as a server of the 5.x years has them


# Encoder


def uint(value: int, width: int) -> bytes:
    """A fixed-width integer."""
    return bytes(value >> 8 * index & 0xFF for index in range(width))


def lenenc(value: int) -> bytes:
    """A length-encoded integer."""
    for lead, width, top in ((b"", 1, 0xFA), (b"\xfc", 2, 0xFFFF), (b"\xfd", 3, TOP)):
        if value <= top:
            return lead + uint(value, width)
    return b"\xfe" + uint(value, 8)


def text(value: bytes) -> bytes:
    """A length-encoded string."""
    return lenenc(len(value)) + value


def packets(sequence: int, *payloads: bytes) -> bytes:
    """Payloads as packets, numbered from `sequence`; long ones are continued."""
    parts = []
    for payload in payloads:
        for start in range(0, len(payload) + 1, TOP):
            part = payload[start : start + TOP]
            parts += [uint(len(part), 3), uint(sequence & 0xFF, 1), part]
            sequence += 1
    return b"".join(parts)


def ok(
    affected: int = 0,
    last_id: int = 0,
    status: int = 2,
    warnings: int = 0,
    tail: bytes = b"",
    header: int = 0,
) -> bytes:
    """An OK payload; `tail` is what follows the warnings."""
    return bytes((header,)) + lenenc(affected) + lenenc(last_id) + uint(status, 2) + uint(warnings, 2) + tail


def end(status: int = 2, warnings: int = 0, tail: bytes = b"") -> bytes:
    """The OK payload that ends rows under DEPRECATE_EOF."""
    return ok(status=status, warnings=warnings, tail=tail, header=0xFE)


def eof(status: int = 2, warnings: int = 0) -> bytes:
    """An EOF payload."""
    return b"\xfe" + uint(warnings, 2) + uint(status, 2)


def err(errno: int, message: bytes, sqlstate: bytes | None = b"42000") -> bytes:
    """An ERR payload; without SQLSTATE as before the login."""
    return b"\xff" + uint(errno, 2) + (b"" if sqlstate is None else b"#" + sqlstate) + message


def tracked(*entries: tuple[int, bytes]) -> bytes:
    """The end of an OK payload that has no info but a session-state block."""
    return text(b"") + text(b"".join(bytes((kind,)) + text(data) for kind, data in entries))


def column(
    name: bytes = b"c",
    kind: int = 253,
    charset: int = 45,
    flags: int = 0,
    decimals: int = 0,
    extended: bytes | None = b"",
) -> bytes:
    """A column-definition payload; `extended` None is for connections without extended metadata."""
    names = b"".join(text(part) for part in (b"def", b"test", b"t", b"org_t", name, b"org_" + name))
    block = b"" if extended is None else text(extended)
    fixed = uint(charset, 2) + uint(1020, 4) + bytes((kind,)) + uint(flags, 2) + bytes((decimals,)) + bytes(2)
    return names + block + text(fixed)


def row(*values: bytes | None) -> bytes:
    """A text row."""
    return b"".join(b"\xfb" if value is None else text(value) for value in values)


def result(
    columns: Sequence[bytes],
    rows: Iterable[bytes],
    last: bytes | None = None,
    *,
    sequence: int = 1,
    old: bool = False,
    status: int = 2,
) -> bytes:
    """A result set from column count to end: `last`, or an OK, or for `old` servers EOF packets."""
    border = [eof(status)] if old else []
    last = last or (eof(status) if old else end(status))
    return packets(sequence, lenenc(len(columns)), *columns, *border, *rows, last)


def greeting(
    version: bytes = b"5.5.5-10.11.6-MariaDB-0+deb12u1",
    capabilities: int = WANTED | Capability.CONNECT_WITH_DB,
    plugin: bytes | None = b"mysql_native_password",
    *,
    protocol_version: int = 10,
    auth_length: int = 21,
    challenge: bytes = CHALLENGE,
) -> bytes:
    """A greeting payload of handshake version 10."""
    flags = capabilities & 0xFFFFFFFF
    payload = bytes((protocol_version,)) + version + b"\0" + uint(4711, 4) + challenge[:8] + b"\0"
    payload += uint(flags & 0xFFFF, 2) + b"\x2d" + uint(2, 2) + uint(flags >> 16, 2) + bytes((auth_length,))
    payload += bytes(6) + uint(capabilities >> 32, 4) + challenge[8:] + b"\0"
    return payload + (b"" if plugin is None else plugin + b"\0")


def switch(plugin: bytes, data: bytes) -> bytes:
    """An AuthSwitchRequest payload."""
    return b"\xfe" + plugin + b"\0" + data


# Sessions and commands

AUTOCOMMIT = OkPacket(status=2)  # what `ok()`, `end()` and `eof()` say by default


def ready_session(capabilities: int = WANTED, limits: Limits | None = None) -> Session:
    """A session as after a login."""
    session = Session(limits)
    session.greeting = Greeting("10.11.6-MariaDB", 4711, CHALLENGE, capabilities, "mysql_native_password")
    session.capabilities = capabilities
    session.state = State.READY
    return session


# command -> states in which scripts saw it leave a session; test_session.py compares with the table
REACHED: dict[str, set[str]] = {}


def _traced(name: str, function: Callable[..., Command[Any]]) -> Callable[..., Command[Any]]:
    def run(session: Session, *args: Any, **keywords: Any) -> Command[Any]:
        answer = yield from function(session, *args, **keywords)
        REACHED.setdefault(name, set()).add(session.state)
        return answer

    return run


_NAMES = {"quit": "quit_"}
_STATEMENT = Prepared(7, 1, ResultMetadata((), Limits()))
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "login": (protocol.Credentials(),),
    "query": (b"SELECT 1",),
    "prepare": (b"SELECT 1",),
    "execute": (_STATEMENT, ()),
    "prepare_and_execute": (b"SELECT 1", ()),
    "fetch": (_STATEMENT, 10),
    "send_long_data": (_STATEMENT, 0, b"long"),
    "reset_statement": (_STATEMENT,),
    "send_bulk": (_STATEMENT, b"\x01\0", b"\0\7", False),
    "read_bulk": (),
    "send_batch": (((0x1F, b""), (0x02, b"test")),),
    "read_batch": (),
    "read_rows": (),
    "next_result": (),
    "send_local_data": ((),),
    "ping": (),
    "debug": (),
    "init_db": (b"test",),
    "reset_connection": (),
    "change_user": (protocol.Credentials(),),
    "quit": (),
}
# Every command by its name in the state table.
COMMANDS = SimpleNamespace(**{name: _traced(name, getattr(protocol, _NAMES.get(name, name))) for name in ARGUMENTS})


def call(name: str, *arguments: Any, **keywords: Any) -> Callable[[Session], Command[Any]]:
    """A command with its arguments, for a Script."""
    return lambda session: getattr(COMMANDS, name)(session, *arguments, **keywords)


def in_turn(*commands: Callable[[Session], Command[Any]]) -> Callable[[Session], Command[Any]]:
    """Several commands, for a Script; their answers as a list."""

    def run(session: Session) -> Command[Any]:
        answers = []
        for command in commands:
            answers.append((yield from command(session)))
        return answers

    return run


def refuses_all(session: Session) -> None:
    """No command may begin any more, and trying changes nothing."""
    state = session.state
    for name, arguments in ARGUMENTS.items():
        try:
            next(getattr(COMMANDS, name)(session, *arguments))
        except LocalProtocolError as error:
            assert re.match(f"{name} is not possible, the session is ", str(error))
        else:
            raise AssertionError(f"{name} was allowed in state {state}")
        assert session.state == state


def plain(answer: Any) -> Any:
    """An answer as tuples and lists that can be compared."""
    if isinstance(answer, OkPacket):
        return "ok", answer.affected_rows, answer.last_insert_id, answer.status, answer.warnings, answer.info
    if isinstance(answer, ErrPacket):
        return "err", answer.errno, answer.sqlstate, answer.message
    if isinstance(answer, ResultSet):
        return "rows", [column.name for column in answer.metadata.columns], answer.rows, plain(answer.end)
    if isinstance(answer, Prepared):
        names = answer.metadata and [column.name for column in answer.metadata.columns]
        return "prepared", answer.id, answer.parameters, names
    if isinstance(answer, LocalInfileRequest):
        return "local", answer.name
    if type(answer) in (list, tuple):
        return type(answer)(map(plain, answer))
    return answer


def result_set(names: list[str], rows: list[tuple[Any, ...]], end: OkPacket | ErrPacket | None = AUTOCOMMIT) -> Any:
    """A ResultSet as `plain` writes it."""
    return "rows", names, rows, plain(end)


# Scripts


def client(payload: bytes, sequence: int = 0) -> Step:
    """The client must send this payload."""
    return "client", packets(sequence, payload)


def server(*payloads: bytes, sequence: int = 1) -> Step:
    """The server sends these payloads, numbered from `sequence`."""
    return "server", packets(sequence, *payloads)


HANGS_UP: Step = ("eof", b"")


class Script:
    """One conversation.

    Args:
        name: what it shows.
        command: makes the generator to drive from a session.
        steps: ("client", bytes or predicate) and ("server", bytes), and ("eof", b"") where the server hangs up.
        answer: what the generator returns, or that as `plain` writes it.
        raises: what it raises instead; `match` is a pattern for its message.
        state: state of the session afterwards.
        start: makes the session.
        session: further attributes of the session afterwards, such as "channel.verified".
        reads_all: a server that falls silent one byte earlier is noticed.
        early: where the client writes without waiting, it gets at once what has arrived.
        tls: what the driver finds out about the server when it switches to TLS: (`Verified`, certificate).
    """

    def __init__(
        self,
        name: str,
        command: Callable[[Session], Command[Any]],
        steps: Sequence[Step],
        answer: Any = None,
        *,
        raises: type[ProtocolError] | None = None,
        match: str = "",
        state: str = State.READY,
        start: Callable[[], Session] = ready_session,
        session: dict[str, Any] | None = None,
        reads_all: bool = True,
        early: bool = False,
        tls: tuple[str, bytes] = ("", b""),
    ) -> None:
        self.name = name
        self.command = command
        self.steps = steps
        self.answer = plain(answer)
        self.raises = raises
        self.match = match
        self.state = state if raises is None else State.BROKEN
        self.start = start
        self.session = session or {}
        self.reads_all = reads_all and raises is None
        self.early = early
        self.tls = tls
        self.reply = b"".join(_server_bytes(steps))

    def __repr__(self) -> str:
        return self.name


def _server_bytes(steps: Sequence[Step]) -> Iterator[bytes]:
    for who, data in steps:
        if who == "server":
            assert isinstance(data, bytes)
            yield data


class Peer:
    """The server of a script.

    Args:
        steps: steps of the script.
        cuts: offsets in the server's bytes at which a chunk ends; it also ends where the client has to speak.
        limit: offset at which the stream ends.
        strict: what the client sends must be what the script says, and waiting for nothing is an error; otherwise
            anything will do, and the stream ends where the script ends.
        tls: as for Script.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        cuts: Iterable[int] = (),
        limit: int | None = None,
        strict: bool = True,
        tls: tuple[str, bytes] = ("", b""),
    ) -> None:
        self.tls = tls
        self.left = list(steps)
        self.cuts = list(cuts)
        self.limit = limit
        self.strict = strict
        self.ended = False
        self.heard = b""
        self.reply = b""
        self.at = 0
        self._speak()

    def _speak(self) -> None:
        while self.left and self.left[0][0] != "client":
            who, data = self.left.pop(0)
            assert isinstance(data, bytes)
            self.reply += data
            self.ended = who == "eof"

    def hear(self, data: bytes) -> None:
        """The client sends."""
        self.heard += data
        if self.strict:
            assert self.left, f"the client sends {data[:80]!r} behind the end of the script"
            expected = self.left[0][1]
            if callable(expected):
                assert expected(self.heard), f"the client sends {self.heard[:80]!r}"
            elif self.heard != expected:
                assert expected.startswith(self.heard), f"the client sends {data[:80]!r}, not {expected[:80]!r}"
                return
        del self.left[:1]
        self.heard = b""
        self._speak()

    def arrived(self) -> bytes | None:
        """The next chunk, if one is there."""
        stop = len(self.reply) if self.limit is None else min(self.limit, len(self.reply))
        return self.receive() if self.at < stop else None

    def receive(self) -> bytes:
        """The next chunk; b"" at the end of the stream."""
        start = self.at
        stop = len(self.reply) if self.limit is None else min(self.limit, len(self.reply))
        index = bisect_right(self.cuts, start)
        if index < len(self.cuts):
            stop = min(stop, self.cuts[index])
        if stop == start and self.strict and start != self.limit and not self.ended:
            raise AssertionError(f"waits for ever behind {start} bytes, the script goes on with {self.left[:1]}")
        self.at = stop
        return self.reply[start:stop]


def drive(operation: Command[Any], peer: Peer, most: int, early: bool = False) -> Any:
    """Run a generator to its end, resuming it at most `most` times; `early` as for Script."""
    try:
        event = next(operation)
        for _ in range(most):
            if isinstance(event, Send):
                peer.hear(event.data)
                event = operation.send(peer.arrived() if early else None)
            elif isinstance(event, StartTLS):
                peer.hear(event.data)
                event.verified, event.certificate = peer.tls
                event = operation.send(peer.arrived() if early else None)
            elif isinstance(event, Interrupt):
                event = operation.send(peer.receive())
            else:
                assert type(event) is bytes
                if event:
                    peer.hear(event)
                event = operation.send(peer.receive())
    except StopIteration as stop:
        return stop.value
    raise AssertionError(f"not at its end after {most} resumptions")


def replay(script: Script, cuts: Iterable[int] = ()) -> None:
    """Play a script with its server's bytes cut at `cuts`: the outcome must be the one of the script."""
    session = script.start()
    peer = Peer(script.steps, cuts, tls=script.tls)
    most = len(script.reply) + len(script.steps) + 1
    if script.raises is None:
        assert plain(drive(script.command(session), peer, most, script.early)) == script.answer
        assert not peer.left, f"the client did not send {peer.left[0]}"
    else:
        try:
            answer = drive(script.command(session), peer, most, script.early)
        except script.raises as error:
            assert type(error) is script.raises
            assert re.search(script.match, str(error)), f"{error} does not match {script.match}"
            assert session.cause == str(error)
        else:
            raise AssertionError(f"{script.raises.__name__} expected, the answer is {plain(answer)}")
    assert session.state == script.state
    for name, value in script.session.items():
        assert attrgetter(name)(session) == value, name
    if session.broken:
        refuses_all(session)


def borders(reply: bytes) -> list[int]:
    """Offsets of the packet borders, and of the ends of headers."""
    found = []
    position = 0
    while position + 4 <= len(reply):
        found += [position + 4, position + 4 + int.from_bytes(reply[position : position + 3], "little")]
        position = found[-1]
    return found


def replay_all_ways(script: Script) -> None:
    """Whole, byte at a time, at the packet borders, and at every two-way split."""
    size = len(script.reply)
    replay(script)
    replay(script, range(1, size))
    replay(script, borders(script.reply))
    for offset in range(1, size):
        replay(script, (offset,))
