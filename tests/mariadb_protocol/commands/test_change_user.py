from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest

from mariadb_protocol import Credentials, LimitExceeded, LocalProtocolError, Session, State, change_user
from mariadb_protocol.constants import Capability, Limits
from mariadb_protocol.handshake import WANTED
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_fields import change_user_fields, payloads, proves
from tests.support.scripts import (
    AUTOCOMMIT,
    CHALLENGE,
    OLD,
    Script,
    call,
    client,
    err,
    in_turn,
    ok,
    packets,
    ready_session,
    refuses_all,
    replay,
    replay_all_ways,
    server,
    switch,
    text,
    tracked,
)

if TYPE_CHECKING:
    from tests.support.scripts import Step

OTHER = bytes(range(0x61, 0x75))
USER = Credentials(b"other", b"s3cret", b"shop", {"k": "v" * 300})


def asks(check: Callable[[dict[str, Any]], bool], capabilities: int = WANTED) -> Step:
    def expected(data: bytes) -> bool:
        ((sequence, payload),) = payloads(data)
        return sequence == 0 and check(change_user_fields(payload, capabilities))

    return "client", expected


def is_user(fields: dict[str, Any]) -> bool:
    return (
        fields["user"] == b"other"
        and proves(b"s3cret", CHALLENGE, fields["answer"])
        and fields["database"] == b"shop"
        and fields["collation"] == 45
        and fields["plugin"] == b"mysql_native_password"
        and fields["attributes"] == {b"k": b"v" * 300}
    )


def proof(sequence: int) -> Step:
    def expected(data: bytes) -> bool:
        ((number, payload),) = payloads(data)
        return number == sequence and proves(b"s3cret", OTHER, payload)

    return "client", expected


def in_a_database(capabilities: int = WANTED) -> Session:
    session = ready_session(capabilities)
    session.schema = "before"
    return session


def change(name: str, *steps: Step, credentials: Credentials = USER, answer: Any = AUTOCOMMIT, **more: Any) -> Script:
    return Script(name, call("change_user", credentials), steps, answer, **{"start": in_a_database, **more})


DENIED = err(1045, b"Access denied", b"28000")
DENIED_SAYS = ("err", 1045, "28000", "Access denied")
SCRIPTS = [
    change("at once", asks(is_user), server(ok()), session={"schema": "shop", "status": 2}),
    change(
        "without a password and a database",
        asks(lambda fields: fields["answer"] == fields["database"] == b"" and fields["attributes"] == {}),
        server(ok()),
        credentials=Credentials(b"other"),
        session={"schema": None},
    ),
    change(
        "a server without plugins and attributes",
        asks(lambda fields: set(fields) == {"user", "answer", "database", "collation"}, 0),
        server(ok()),
        start=lambda: in_a_database(OLD & ~(Capability.PLUGIN_AUTH | Capability.CONNECT_ATTRS)),
        session={"schema": "shop"},
    ),
    change(
        "a new challenge",
        asks(is_user),
        server(switch(b"mysql_native_password", OTHER + b"\0")),
        proof(2),
        server(ok(status=0x4002, tail=tracked((1, text(b"shop")))), sequence=3),
        answer=("ok", 0, 0, 0x4002, 0, b""),
        session={"schema": "shop", "status": 0x4002},
    ),
    change(
        "multi-auth",
        asks(is_user),
        server(switch(b"client_ed25519", bytes(32))),
        ("client", packets(2, b"")),
        server(switch(b"mysql_native_password", OTHER + b"\0"), sequence=3),
        proof(4),
        server(ok(), sequence=5),
        session={"schema": "shop", "unknown_plugins": ["client_ed25519"]},
    ),
    change("denied", asks(is_user), server(DENIED), answer=DENIED_SAYS, state=State.CLOSED),
    change(
        "denied after a switch",
        asks(is_user),
        server(switch(b"mysql_native_password", OTHER + b"\0")),
        proof(2),
        server(DENIED, sequence=3),
        answer=DENIED_SAYS,
        state=State.CLOSED,
        session={"schema": "before"},
    ),
]


@pytest.mark.parametrize("script", SCRIPTS, ids=repr)
def test_change_user(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)
    assert flip_everywhere(script) == 8 * len(script.reply)


def test_the_next_command() -> None:
    steps = [asks(is_user), server(ok()), client(b"\x0e"), server(ok(tail=text(b"i" * 500)))]
    script = Script("next", in_turn(call("change_user", USER), call("ping")), steps)
    script.answer = [("ok", 0, 0, 2, 0, b""), ("ok", 0, 0, 2, 0, b"i" * 500)]
    script.start = lambda: ready_session(limits=Limits(auth_packet_size=400))
    replay_all_ways(script)


def test_the_limit_of_authentication_packets() -> None:
    steps = [asks(is_user), server(ok(tail=text(b"i" * 500)))]
    script = Script("limit", call("change_user", USER), steps, raises=LimitExceeded, match="auth_packet_size is 400")
    script.start = lambda: ready_session(limits=Limits(auth_packet_size=400))
    replay(script)


@pytest.mark.parametrize(
    ("credentials", "match"),
    [(Credentials(b"a\0"), "user name contains a NUL"), (Credentials(database=b"a\0"), "database name contains a NUL")],
)
def test_names_that_cannot_be_sent(credentials: Credentials, match: str) -> None:
    replay(change("names", credentials=credentials, raises=LocalProtocolError, match=match))


def test_without_a_login() -> None:
    session = Session()
    session.state = State.READY
    with pytest.raises(LocalProtocolError, match="change_user before a login"):
        next(change_user(session, USER))
    refuses_all(session)
