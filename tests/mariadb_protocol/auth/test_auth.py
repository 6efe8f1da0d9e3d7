"""auth/__init__.py: the loop, played from a login; test_change_user.py plays it from COM_CHANGE_USER."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mariadb_protocol import Credentials, LimitExceeded, RemoteProtocolError, Session, State
from mariadb_protocol.auth import DEFAULT_PLUGIN, PLUGINS, Plugin, first_answer
from mariadb_protocol.constants import Limits
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_fields import handshake_fields, payloads, proves
from tests.support.scripts import (
    AUTOCOMMIT,
    CHALLENGE,
    Script,
    call,
    err,
    greeting,
    ok,
    packets,
    replay,
    replay_all_ways,
    server,
    switch,
    text,
    tracked,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.scripts import Step

OTHER = bytes(range(0x61, 0x75))
NATIVE = switch(b"mysql_native_password", OTHER + b"\0")
USER = Credentials(b"app", b"s3cret")


def response(data: bytes) -> bool:
    """The handshake response to the greeting's challenge."""
    ((sequence, payload),) = payloads(data)
    return sequence == 1 and proves(b"s3cret", CHALLENGE, handshake_fields(payload)["answer"])


def proof(sequence: int, challenge: bytes = OTHER) -> Step:
    """A native-password answer to `challenge`."""

    def expected(data: bytes) -> bool:
        ((number, payload),) = payloads(data)
        return number == sequence and proves(b"s3cret", challenge, payload)

    return "client", expected


def empty(sequence: int) -> Step:
    """An empty packet: this plugin we do not have."""
    return "client", packets(sequence, b"")


BEGIN: list[Step] = [server(greeting(), sequence=0), ("client", response)]


def log_in(name: str, *steps: Step, unknown: tuple[str, ...] = (), refused: bool = False) -> Script:
    script = Script(name, call("login", USER), [*BEGIN, *steps], AUTOCOMMIT, start=Session)
    if refused:
        script.answer, script.state = ("err", 1045, "28000", "Access denied"), State.CLOSED
    script.session = {"unknown_plugins": list(unknown)}
    return script


DENIED = err(1045, b"Access denied", b"28000")
ROUNDS = [
    log_in("no round", server(ok(), sequence=2)),
    log_in("a switch with a new challenge", server(NATIVE, sequence=2), proof(3), server(ok(), sequence=4)),
    log_in(
        "a switch to a challenge without its NUL",
        server(switch(b"mysql_native_password", OTHER), sequence=2),
        proof(3),
        server(ok(), sequence=4),
    ),
    log_in(
        "multi-auth: the second plugin is ours",
        server(switch(b"client_ed25519", bytes(32)), sequence=2),
        empty(3),
        server(NATIVE, sequence=4),
        proof(5),
        server(ok(), sequence=6),
        unknown=("client_ed25519",),
    ),
    log_in(
        "multi-auth: none is ours",
        server(switch(b"client_ed25519", bytes(32)), sequence=2),
        empty(3),
        server(switch(b"parsec", bytes(32)), sequence=4),
        empty(5),
        server(DENIED, sequence=6),
        unknown=("client_ed25519", "parsec"),
        refused=True,
    ),
    log_in(
        "the old password is never sent",
        server(b"\xfe", sequence=2),
        empty(3),
        server(DENIED, sequence=4),
        unknown=("mysql_old_password",),
        refused=True,
    ),
    log_in(
        "a password in clear is never sent",
        server(switch(b"mysql_clear_password", b""), sequence=2),
        empty(3),
        server(DENIED, sequence=4),
        unknown=("mysql_clear_password",),
        refused=True,
    ),
]


@pytest.mark.parametrize("script", ROUNDS, ids=repr)
def test_rounds(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)


@pytest.mark.parametrize("script", ROUNDS, ids=repr)
def test_rounds_flipped(script: Script) -> None:
    assert flip_everywhere(script) == 8 * len(script.reply)


@pytest.mark.parametrize("rounds", [1, 2, 10])
def test_rounds_are_limited(rounds: int) -> None:
    """`auth_rounds` packets of the server are read, the next one is one too many."""
    steps = list(BEGIN)
    for number in range(rounds - 1):
        steps += [server(NATIVE, sequence=2 + 2 * number), proof(3 + 2 * number)]
    limits = Limits(auth_rounds=rounds)
    last = server(ok(), sequence=2 * rounds)
    replay(Script("limit", call("login", USER), [*steps, last], AUTOCOMMIT, start=lambda: Session(limits)))
    steps.append(server(NATIVE, sequence=2 * rounds))
    match = f"auth_rounds is {rounds}, the server sent {rounds + 1}"
    script = Script("limit", call("login", USER), steps, raises=LimitExceeded, match=match)
    script.start = lambda: Session(limits)
    replay(script)


def test_what_the_last_packet_says_of_the_session() -> None:
    steps = [*BEGIN, server(ok(status=0x4022, warnings=1, tail=tracked((1, text(b"shop")))), sequence=2)]
    script = Script("last", call("login", USER), steps, ("ok", 0, 0, 0x4022, 1, b""), start=Session)
    script.session = {"status": 0x4022, "warnings": 1, "schema": "shop"}
    replay_all_ways(script)


UNEXPECTED = [
    (b"\x01", "0 bytes of authentication data that the plugin does not expect"),
    (b"\x01abc", "3 bytes of authentication data that the plugin does not expect"),
    (b"", "unexpected authentication packet of 0 bytes: b''"),
    (b"\x02", r"unexpected authentication packet of 1 bytes: b'\\x02'"),
    (b"\xfeabc", "malformed AuthSwitchRequest of 4 bytes"),
    (b"\0", "malformed OK packet of 1 bytes"),
    (b"\xff", "malformed ERR packet of 1 bytes"),
]


@pytest.mark.parametrize(("payload", "match"), UNEXPECTED)
def test_unexpected(payload: bytes, match: str) -> None:
    steps = [*BEGIN, server(payload, sequence=2)]
    replay_all_ways(
        Script("unexpected", call("login", USER), steps, raises=RemoteProtocolError, match=match, start=Session)
    )


def test_more_data_for_a_plugin_that_we_lack() -> None:
    steps = [*BEGIN, server(switch(b"dialog", b"\4Password: "), sequence=2), empty(3), server(b"\x01a", sequence=4)]
    script = Script("lacking", call("login", USER), steps, raises=RemoteProtocolError, start=Session)
    script.match = "1 bytes of authentication data that the plugin does not expect"
    replay_all_ways(script)


def test_a_plugin_of_several_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """No plugin of ours talks longer yet; the loop must let it."""

    def talks(password: bytes, challenge: bytes) -> Generator[bytes, bytes, None]:
        more = yield password + challenge
        while more != b"last":
            more = yield b"<" + more + b">"
        yield b""

    monkeypatch.setitem(PLUGINS, "talks", Plugin(talks))
    steps = [
        *BEGIN,
        server(switch(b"talks", b"?"), sequence=2),
        ("client", packets(3, b"s3cret?")),
        server(b"\x01one", sequence=4),
        ("client", packets(5, b"<one>")),
        server(b"\x01", sequence=6),
        ("client", packets(7, b"<>")),
        server(b"\x01last", sequence=8),
        empty(9),
        server(ok(), sequence=10),
    ]
    script = Script("talks", call("login", USER), steps, AUTOCOMMIT, start=Session)
    replay_all_ways(script)
    cut_everywhere(script)


@pytest.mark.parametrize("plugin", ["mysql_native_password", "client_ed25519", ""])
def test_first_answer(plugin: str) -> None:
    name, answer, _ = first_answer(plugin, b"s3cret", CHALLENGE)
    assert name == DEFAULT_PLUGIN == "mysql_native_password"
    assert proves(b"s3cret", CHALLENGE, answer)


def test_first_answer_of_a_plugin_that_we_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLUGINS, "sends_it", Plugin(lambda password, challenge: iter([password])))  # type: ignore
    assert first_answer("sends_it", b"s3cret", CHALLENGE)[:2] == ("sends_it", b"s3cret")
