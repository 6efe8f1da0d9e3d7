"""handshake.py: the part that encrypts; a script tells what the driver finds out about the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest

from mariadb_protocol import (
    ConnectionClosed,
    Credentials,
    RemoteProtocolError,
    SecurityError,
    Session,
    StartTLS,
    State,
)
from mariadb_protocol.constants import Capability as C
from mariadb_protocol.handshake import WANTED, negotiate
from mariadb_protocol.messages import decode_greeting
from mariadb_protocol.security import Security, Verified
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_fields import handshake_fields, payloads, proves
from tests.support.scripts import (
    AUTOCOMMIT,
    CHALLENGE,
    Script,
    call,
    err,
    greeting,
    in_turn,
    ok,
    packets,
    replay,
    replay_all_ways,
    server,
    switch,
    uint,
)

if TYPE_CHECKING:
    from tests.support.scripts import Step

PLAIN = WANTED | C.CONNECT_WITH_DB
OFFERS = PLAIN | C.SSL
GREETS = server(greeting(capabilities=OFFERS), sequence=0)
USER = Credentials(b"app", b"s3cret", b"shop")
HEARD: list[bytes] = []


def demands() -> Session:
    return Session(security=Security(tls=True))


def request(capabilities: int = OFFERS) -> Step:
    """The request for TLS: capabilities, sizes and the collation; nothing of the user."""
    extended = 0 if capabilities & C.MYSQL else capabilities >> 32
    fixed = uint(capabilities & 0xFFFFFFFF, 4) + uint(1 << 30, 4) + b"\x2d" + bytes(19) + uint(extended, 4)
    return "client", packets(1, fixed)


def responds(check: Callable[[dict[str, Any]], bool]) -> Step:
    """The handshake response, with sequence id 2; it begins with the request, word for word."""

    def expected(data: bytes) -> bool:
        ((sequence, payload),) = payloads(data)
        HEARD[:] = [payload]
        return sequence == 2 and check(handshake_fields(payload))

    return "client", expected


def over_tls(name: str, *steps: Step, answer: Any = AUTOCOMMIT, **more: Any) -> Script:
    more = {"start": demands, "tls": ("certificate chain", b"DER"), **more}
    return Script(name, call("login", USER), steps, answer, **more)


def is_user(fields: dict[str, Any]) -> bool:
    return (
        fields["user"] == b"app"
        and proves(b"s3cret", CHALLENGE, fields["answer"])
        and fields["database"] == b"shop"
        and fields["capabilities"] == OFFERS
    )


ENCRYPTED = {"channel.encrypted": True, "channel.certificate": b"DER", "channel.local": False}
OVER_TLS = [
    over_tls(
        "verified",
        *(GREETS, request(), responds(is_user), server(ok(), sequence=3)),
        session={**ENCRYPTED, "channel.verified": Verified.CHAIN, "capabilities": OFFERS, "schema": "shop"},
    ),
    over_tls(
        "not verified",
        *(GREETS, request(), responds(is_user), server(ok(), sequence=3)),
        tls=("", b"DER"),
        session={**ENCRYPTED, "channel.verified": Verified.NO},
    ),
    over_tls(
        "a switch of plugins counts on",
        *(GREETS, request(), responds(is_user)),
        server(switch(b"mysql_native_password", CHALLENGE[::-1] + b"\0"), sequence=3),
        ("client", lambda data: data[3] == 4 and proves(b"s3cret", CHALLENGE[::-1], data[4:])),
        server(ok(), sequence=5),
        session=ENCRYPTED,
    ),
    over_tls(
        "MySQL",
        server(greeting(b"9.4.0", OFFERS | C.MYSQL), sequence=0),
        request((OFFERS | C.MYSQL) & 0xFFFFFFFF),
        responds(lambda fields: fields["user"] == b"app"),
        server(ok(), sequence=3),
        session=ENCRYPTED,
    ),
    over_tls(
        "denied",
        *(GREETS, request(), responds(is_user)),
        server(err(1045, b"Access denied", b"28000"), sequence=3),
        answer=("err", 1045, "28000", "Access denied"),
        state=State.CLOSED,
        session=ENCRYPTED,
    ),
    over_tls(
        "denied instead of TLS",
        server(err(1040, b"Too many connections", None), sequence=0),
        answer=("err", 1040, "", "Too many connections"),
        state=State.CLOSED,
        session={"channel.encrypted": False, "channel.certificate": b""},
    ),
]


@pytest.mark.parametrize("script", OVER_TLS, ids=repr)
def test_login_over_tls(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)


@pytest.mark.parametrize("script", OVER_TLS, ids=repr)
def test_login_over_tls_flipped(script: Script) -> None:
    """Also the flag that offers TLS: what is demanded is not given up."""
    assert flip_everywhere(script) == 8 * len(script.reply)


def test_the_request_is_the_beginning_of_the_response() -> None:
    """What went in plain is said again where nobody can change it."""
    replay(OVER_TLS[0])
    (response,) = HEARD
    assert packets(1, response[:32]) == request()[1]


def test_compression_over_tls() -> None:
    squeezed = Credentials(b"app", b"s3cret", capabilities=C.COMPRESS)
    steps: list[Step] = [
        server(greeting(capabilities=OFFERS | C.COMPRESS), sequence=0),
        request((OFFERS | C.COMPRESS) & ~C.CONNECT_WITH_DB),
        responds(lambda fields: bool(fields["capabilities"] & C.COMPRESS)),
        server(ok(), sequence=3),
        ("client", bytes((5, 0, 0, 0, 0, 0, 0)) + packets(0, b"\x0e")),
        ("server", bytes((11, 0, 0, 1, 0, 0, 0)) + packets(1, ok())),
    ]
    run = in_turn(call("login", squeezed), call("ping"))
    replay_all_ways(Script("compression", run, steps, [AUTOCOMMIT, AUTOCOMMIT], start=demands))


@pytest.mark.parametrize("flags", [0, C.SSL], ids=["as it is", "with client_flag"])
def test_a_server_without_tls(flags: int) -> None:
    """Nothing is sent, not even who wants to log in."""
    credentials = Credentials(b"app", b"s3cret", capabilities=flags)
    script = Script("no TLS", call("login", credentials), [server(greeting(), sequence=0)], raises=SecurityError)
    script.match = "^TLS is demanded, and the server does not offer it; nothing was sent$"
    script.start = demands
    script.session = {"channel.encrypted": False}
    replay_all_ways(script)
    session = demands()
    login = call("login", credentials)(session)
    next(login)
    with pytest.raises(SecurityError) as caught:
        login.send(packets(0, greeting()))
    assert caught.value.errno == SecurityError.TLS == 2026


def test_bytes_behind_the_greeting_and_before_tls() -> None:
    """They came in plain, from anybody."""
    early: Step = ("server", packets(0, greeting(capabilities=OFFERS)) + packets(2, ok()))
    script = over_tls("early", early, raises=RemoteProtocolError, match="^11 bytes arrived behind the greeting$")
    replay(script)


@pytest.mark.parametrize("early", [packets(3, ok()), b"\x15", packets(2, err(1045, b"no", b"28000"))])
def test_bytes_with_the_switch_to_tls(early: bytes) -> None:
    """A driver that hands them over, though none should have them."""
    match = f"^{len(early)} bytes arrived before the switch to TLS$"
    script = over_tls("with", GREETS, request(), ("server", early), raises=RemoteProtocolError, match=match)
    script.early = True
    script.session = {"channel.encrypted": False}
    replay(script)


def test_the_stream_may_not_end_at_the_switch() -> None:
    """An empty chunk is not taken for bytes."""
    session = demands()
    login = call("login", USER)(session)
    next(login)
    event = login.send(packets(0, greeting(capabilities=OFFERS)))
    assert isinstance(event, StartTLS)
    assert isinstance(login.send(b""), bytes)
    with pytest.raises(ConnectionClosed):
        login.send(b"")


def test_who_does_not_demand_tls_does_not_get_it() -> None:
    """Also with the flag, which alone would be a promise that nobody keeps."""
    credentials = Credentials(b"app", b"s3cret", b"shop", capabilities=C.SSL)

    def plain(data: bytes) -> bool:
        ((sequence, payload),) = payloads(data)
        return sequence == 1 and handshake_fields(payload)["capabilities"] == PLAIN

    steps: list[Step] = [GREETS, ("client", plain), server(ok(), sequence=2)]
    script = Script("plain", call("login", credentials), steps, AUTOCOMMIT, start=Session)
    script.session = {"capabilities": PLAIN, "channel.encrypted": False}
    replay_all_ways(script)


@pytest.mark.parametrize(("tls", "agreed"), [(False, PLAIN), (True, OFFERS)])
def test_negotiate_tls(tls: bool, agreed: int) -> None:
    greets = decode_greeting(greeting(capabilities=(1 << 64) - 1 - C.MYSQL))
    assert negotiate(greets, USER, tls) == agreed  # type: ignore[arg-type]
    plain = decode_greeting(greeting())
    assert negotiate(plain, USER, tls) == PLAIN  # type: ignore[arg-type]


@pytest.mark.parametrize("local", [False, True])
def test_the_channel_of_a_session(local: bool) -> None:
    channel = Session(local=local).channel
    assert (channel.local, channel.encrypted, channel.verified, channel.certificate) == (local, False, "", b"")
