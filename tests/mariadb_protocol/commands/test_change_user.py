from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest

from mariadb_protocol import (
    Credentials,
    Greeting,
    LimitExceeded,
    LocalProtocolError,
    SecurityError,
    Session,
    State,
    change_user,
)
from mariadb_protocol.auth.old_password import scramble as old_scramble
from mariadb_protocol.constants import Capability, Limits
from mariadb_protocol.handshake import WANTED
from mariadb_protocol.security import Proof, Security, Verified
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_auth import (
    CRYPTO,
    SECRET,
    channel,
    encrypts,
    native_hash,
    rsa_pem,
    server_proof,
    sha2_scramble,
    turns,
)
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
    change(
        "at once",
        asks(is_user),
        server(ok()),
        session={"schema": "shop", "status": 2, "plugin": "mysql_native_password"},
    ),
    change(
        "without a password and a database",
        asks(lambda fields: fields["answer"] == fields["database"] == b"" and fields["attributes"] == {}),
        server(ok()),
        credentials=Credentials(b"other"),
        session={"schema": None, "plugin": ""},
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
        server(switch(b"sso_of_tomorrow", bytes(32))),
        ("client", packets(2, b"")),
        server(switch(b"mysql_native_password", OTHER + b"\0"), sequence=3),
        proof(4),
        server(ok(), sequence=5),
        session={"schema": "shop", "refusals": ["sso_of_tomorrow was not used: this client does not have it"]},
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


# Through the same plugins as a login


def secured(way: str = "plain", plugin: str = "mysql_native_password", **security: Any) -> Callable[[], Session]:
    """A session as after a login over this channel, with another Security."""

    def start() -> Session:
        session = in_a_database()
        session.greeting = Greeting("10.11.6-MariaDB", 4711, CHALLENGE, WANTED, plugin)
        session.channel = channel(way)
        session.security = Security(**{"crypto": CRYPTO, **security})
        return session

    return start


def names(plugin: bytes, answer: Callable[[bytes], bool]) -> Step:
    return asks(lambda fields: fields["plugin"] == plugin and answer(fields["answer"]))


def is_empty(answer: bytes) -> bool:
    return answer == b""


CACHING = switch(b"caching_sha2_password", OTHER + b"\0")
SHA256 = switch(b"sha256_password", OTHER + b"\0")
PROVEN = server_proof(native_hash())
THROUGH_PLUGINS = [
    change(
        "caching_sha2, fast",
        names(b"caching_sha2_password", lambda answer: answer == sha2_scramble(SECRET, CHALLENGE)),
        server(b"\1\3", ok()),
        start=secured(plugin="caching_sha2_password"),
        session={"plugin": "caching_sha2_password"},
    ),
    change(
        "caching_sha2, full",
        asks(is_user),
        *turns(1, CACHING, sha2_scramble(SECRET, OTHER), b"\1\4", encrypts(OTHER), ok()),
        start=secured(public_key=rsa_pem()),
        session={"plugin": "caching_sha2_password"},
    ),
    change(
        "sha256, key of the server",
        names(b"sha256_password", lambda answer: answer == b"\1"),
        *turns(1, b"\1" + rsa_pem(), encrypts(CHALLENGE), ok()),
        start=secured(plugin="sha256_password", retrieve_public_key=True),
    ),
    change(
        "sha256, key of the server over a unix socket",
        names(b"sha256_password", lambda answer: answer == b"\1"),
        *turns(1, b"\1" + rsa_pem(), encrypts(CHALLENGE), ok()),
        start=secured("unix socket", plugin="sha256_password"),
        session={"plugin": "sha256_password"},
    ),
    change(
        "sha256, as it is",
        names(b"sha256_password", lambda answer: answer == SECRET + b"\0"),
        server(ok()),
        start=secured("TLS by chain", plugin="sha256_password", public_key=rsa_pem()),
        session={"plugin": "sha256_password"},
    ),
    # The length of the first answer has one byte, and the password encrypted by a key of 2048 bits has 256.
    change(
        "sha256, pinned key",
        names(b"none", is_empty),
        *turns(1, SHA256, encrypts(OTHER), ok()),
        start=secured(plugin="sha256_password", public_key=rsa_pem()),
        session={"plugin": "sha256_password"},
    ),
    change(
        "sha256, pinned key, and nothing else is allowed",
        names(b"none", is_empty),
        *turns(1, SHA256, encrypts(OTHER), ok()),
        start=secured(plugin="sha256_password", public_key=rsa_pem(), plugins=frozenset({"sha256_password"})),
        session={"plugin": "sha256_password"},
    ),
    change(
        "dialog",
        asks(is_user),
        *turns(1, switch(b"dialog", b"\5Password: "), b"s3cret\0", ok()),
        start=secured("unix socket"),
        session={"plugin": "dialog"},
    ),
    change(
        "the old password",
        asks(is_user),
        *turns(1, b"\xfe", old_scramble(SECRET, CHALLENGE[:8]) + b"\0", ok()),
        start=secured(plugins=frozenset({"mysql_native_password", "mysql_old_password"})),
        session={"plugin": "mysql_old_password"},
    ),
    change(
        "not allowed",
        names(b"none", is_empty),
        *turns(1, switch(b"mysql_native_password", OTHER), b"", DENIED),
        start=secured(plugins=frozenset({"parsec"})),
        answer=DENIED_SAYS,
        state=State.CLOSED,
        session={"plugin": ""},
    ),
    change(
        "no plugin is named, and the server needs none",
        names(b"none", is_empty),
        server(ok()),
        start=secured(plugin="client_ed25519"),
        session={"plugin": ""},
    ),
    change(
        "no password, then a switch to the same plugin",
        names(b"mysql_native_password", is_empty),
        *turns(1, switch(b"mysql_native_password", OTHER), b"", ok()),
        credentials=Credentials(b"other", attributes={"k": "v"}),
        start=secured(),
        session={"plugin": "mysql_native_password"},
    ),
    change(
        "a proof",
        asks(is_user),
        server(ok(tail=text(PROVEN))),
        start=secured("TLS unverified", proof=Proof.REQUIRED),
        session={"channel.verified": Verified.PROOF},
    ),
    change(
        "a proof, once it has been given at the login, is not needed again",
        asks(is_user),
        server(ok()),
        start=secured("TLS proven", proof=Proof.REQUIRED),
        session={"channel.verified": Verified.PROOF},
    ),
]


@pytest.mark.parametrize("script", THROUGH_PLUGINS, ids=repr)
def test_through_the_plugins(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)


@pytest.mark.parametrize("script", [script for script in THROUGH_PLUGINS if len(script.reply) < 200], ids=repr)
def test_through_the_plugins_flipped(script: Script) -> None:
    assert flip_everywhere(script) == 8 * len(script.reply)


OVER_TLS = (
    r"over a unix socket; over TLS that is verified by a CA \(ssl_ca\) or a fingerprint \(tls_peer_fp\)"  # and no RSA
)
REFUSED = [
    change(
        "accepted without its plugin",
        asks(is_user),
        *turns(1, switch(b"dialog", b"\5Password: "), b"", ok()),
        match="^the server accepts the login, though dialog was not used: the password would travel as it is",
    ),
    change(
        "no way for a password",
        asks(is_user),
        *turns(1, CACHING, sha2_scramble(SECRET, OTHER), b"\1\4"),
        match="^caching_sha2_password has to send the password",
    ),
    change(
        "no way for a password behind the proof of the login, either",
        asks(is_user),
        *turns(1, SHA256),
        start=secured("TLS proven", retrieve_public_key=True, public_key=rsa_pem()),
        match=f"^sha256_password has to send the password, which is done only {OVER_TLS}$",
    ),
    change(
        "no way for a password, named by the greeting",
        names(b"none", is_empty),
        *turns(1, SHA256),
        start=secured("TLS unverified", plugin="sha256_password", public_key=rsa_pem()),
        match=f"^sha256_password has to send the password, which is done only {OVER_TLS}$",
    ),
    change(
        "a wrong proof",
        asks(is_user),
        server(ok(tail=text(server_proof(native_hash(), OTHER)))),
        start=secured("TLS unverified", proof=Proof.WANTED),
        match="^the server's proof that it knows the password is wrong",
    ),
    change(
        "no proof",
        asks(is_user),
        server(ok()),
        start=secured("TLS unverified", proof=Proof.REQUIRED),
        match="^the server's certificate is not verified, and the server does not prove",
    ),
]


@pytest.mark.parametrize("script", REFUSED, ids=repr)
def test_what_the_user_demands_does_not_hold(script: Script) -> None:
    script.raises, script.state = SecurityError, State.BROKEN
    replay_all_ways(script)


def test_no_password_is_shown() -> None:
    session = in_a_database()
    running = change_user(session, USER)
    next(running)
    assert "s3cret" not in repr(session) + repr(running) + repr(USER)


def test_without_a_login() -> None:
    session = Session()
    session.state = State.READY
    with pytest.raises(LocalProtocolError, match="change_user before a login"):
        next(change_user(session, USER))
    refuses_all(session)
