from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest

from mariadb_protocol import (
    ConnectionClosed,
    Credentials,
    LimitExceeded,
    LocalProtocolError,
    RemoteProtocolError,
    Session,
    State,
)
from mariadb_protocol.constants import Capability as C
from mariadb_protocol.constants import Limits
from mariadb_protocol.handshake import REQUIRED, WANTED, negotiate
from mariadb_protocol.messages import decode_greeting
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_fields import handshake_fields, payloads, proves
from tests.support.scripts import (
    AUTOCOMMIT,
    CHALLENGE,
    HANGS_UP,
    OLD,
    Script,
    call,
    client,
    column,
    end,
    eof,
    err,
    greeting,
    in_turn,
    ok,
    packets,
    replay,
    replay_all_ways,
    result_set,
    row,
    server,
    text,
    tracked,
)

if TYPE_CHECKING:
    from tests.support.scripts import Step

USER = Credentials(b"app", b"s3cret", b"shop", {"_client_name": "mariadb_py", "program_name": "tests"})
SERVER_10_11 = WANTED | C.CONNECT_WITH_DB
EVERYTHING = (1 << 64) - 1 - C.MYSQL


def responds(check: Callable[[dict[str, Any]], bool]) -> Step:
    """The client sends one handshake response with sequence id 1, of which `check` holds."""

    def expected(data: bytes) -> bool:
        ((sequence, payload),) = payloads(data)
        return sequence == 1 and check(handshake_fields(payload))

    return "client", expected


def logs_in(
    name: str,
    greets: bytes,
    check: Callable[[dict[str, Any]], bool],
    credentials: Credentials = USER,
    *,
    outcome: bytes = ok(),
    sequence: int = 2,
    answer: Any = AUTOCOMMIT,
    **more: Any,
) -> Script:
    """A login of one round: greeting, response, `outcome` with this sequence id."""
    steps = [server(greets, sequence=0), responds(check), server(outcome, sequence=sequence)]
    return Script(name, call("login", credentials), steps, answer, start=Session, **more)


def is_user(fields: dict[str, Any]) -> bool:
    return (
        fields["user"] == b"app"
        and proves(b"s3cret", CHALLENGE, fields["answer"])
        and fields["plugin"] == b"mysql_native_password"
        and fields["collation"] == 45
        and fields["max_packet"] == 1 << 30
        and fields["attributes"] == {b"_client_name": b"mariadb_py", b"program_name": b"tests"}
    )


def asks_for(capabilities: int) -> Callable[[dict[str, Any]], bool]:
    return lambda fields: fields["capabilities"] == capabilities


LOGINS = [
    logs_in(
        "MariaDB 10.11",
        greeting(),
        lambda fields: is_user(fields) and fields["capabilities"] == SERVER_10_11 and fields["database"] == b"shop",
        session={
            "capabilities": SERVER_10_11,
            "status": 2,
            "schema": "shop",
            "refusals": [],
            "plugin": "mysql_native_password",
        },
    ),
    logs_in(
        "a server that can do everything",
        greeting(b"11.8.2-MariaDB", EVERYTHING),
        lambda fields: is_user(fields) and fields["capabilities"] == SERVER_10_11,
        session={"capabilities": SERVER_10_11},
    ),
    logs_in(
        "MySQL",
        greeting(b"8.4.0", EVERYTHING | C.MYSQL),
        lambda fields: is_user(fields) and fields["capabilities"] == (SERVER_10_11 | C.MYSQL) & 0xFFFFFFFF,
        session={"capabilities": (SERVER_10_11 | C.MYSQL) & 0xFFFFFFFF},
    ),
    logs_in(
        "compression is only used where the server has it",
        greeting(),
        asks_for(SERVER_10_11),
        Credentials(b"app", b"s3cret", b"shop", capabilities=C.COMPRESS),
        session={"capabilities": SERVER_10_11},
    ),
    logs_in(
        "further capabilities",
        greeting(capabilities=EVERYTHING),
        asks_for(SERVER_10_11 | C.FOUND_ROWS | C.MARIADB_BULK),
        Credentials(b"app", b"s3cret", b"shop", capabilities=C.FOUND_ROWS | C.MARIADB_BULK),
        session={"capabilities": SERVER_10_11 | C.FOUND_ROWS | C.MARIADB_BULK},
    ),
    logs_in(
        "without DEPRECATE_EOF and SESSION_TRACK",
        greeting(capabilities=OLD | C.CONNECT_WITH_DB),
        asks_for(OLD | C.CONNECT_WITH_DB),
        outcome=ok(status=0x4002, tail=b"Welcome"),
        answer=("ok", 0, 0, 0x4002, 0, b"Welcome"),
        session={"variables": {}, "schema": "shop", "status": 0x4002},
    ),
    logs_in(
        "the least that we need",
        greeting(b"5.5.68-MariaDB", REQUIRED, None),
        lambda fields: (
            set(fields) == {"max_packet", "collation", "capabilities", "user", "answer"}
            and proves(b"s3cret", CHALLENGE, fields["answer"])
        ),
        Credentials(b"app", b"s3cret"),
        session={"capabilities": REQUIRED, "schema": None},
    ),
    logs_in(
        "without a password and a database",
        greeting(),
        lambda fields: (
            (fields["plugin"], fields["answer"]) == (b"mysql_native_password", b"")
            and "database" not in fields
            and fields["attributes"] == {}
        ),
        Credentials(b"app"),
        session={"capabilities": WANTED, "schema": None, "plugin": ""},
    ),
    logs_in(
        "a greeting for a plugin that we lack",
        greeting(plugin=b"sso_of_tomorrow"),
        lambda fields: fields["plugin"] == b"none" and fields["answer"] == b"",
        session={"refusals": [], "plugin": ""},
    ),
    logs_in(
        "session tracking",
        greeting(),
        is_user,
        outcome=ok(
            status=0x4002,
            tail=tracked((0, text(b"autocommit") + text(b"ON") + text(b"time_zone") + text(b"")), (1, text(b"other"))),
        ),
        answer=("ok", 0, 0, 0x4002, 0, b""),
        session={"variables": {"autocommit": "ON", "time_zone": ""}, "schema": "other"},
    ),
    logs_in(
        "a database name that is not UTF-8",
        greeting(),
        lambda fields: fields["database"] == b"\xe4",
        Credentials(database=b"\xe4"),
        session={"schema": "\\xe4"},
    ),
    logs_in(
        "access denied",
        greeting(),
        is_user,
        outcome=err(1045, b"Access denied", b"28000"),
        answer=("err", 1045, "28000", "Access denied"),
        state=State.CLOSED,
        session={"schema": None, "status": 2, "capabilities": SERVER_10_11},
    ),
    Script(
        "too many connections",
        call("login", USER),
        [server(err(1040, b"Too many connections", None), sequence=0), HANGS_UP],
        ("err", 1040, "", "Too many connections"),
        start=Session,
        state=State.CLOSED,
        session={"greeting": None},
    ),
]


@pytest.mark.parametrize("script", LOGINS, ids=repr)
def test_login(script: Script) -> None:
    replay_all_ways(script)


@pytest.mark.parametrize("script", LOGINS, ids=repr)
def test_login_cut(script: Script) -> None:
    assert cut_everywhere(script) == len(script.reply)


@pytest.mark.parametrize("script", LOGINS, ids=repr)
def test_login_flipped(script: Script) -> None:
    assert flip_everywhere(script) == 8 * len(script.reply)


REFUSED = [
    (greeting(capabilities=WANTED & ~C.PROTOCOL_41), "lacks capabilities that this client needs: 0x200"),
    (greeting(capabilities=C.PROTOCOL_41, plugin=None, challenge=CHALLENGE[:8])[:-1], "client needs: 0x8000"),
    (greeting(protocol_version=9), "the server speaks protocol version 9, this client 10"),
    (greeting() + b"\0", "malformed greeting of [0-9]+ bytes: has 1 bytes after"),
    (ok(), "the server speaks protocol version 0"),
    (b"", "malformed greeting of 0 bytes"),
]


@pytest.mark.parametrize(("greets", "match"), REFUSED, ids=[match for _, match in REFUSED])
def test_login_is_not_possible(greets: bytes, match: str) -> None:
    script = Script("refused", call("login", Credentials()), [server(greets, sequence=0)], raises=RemoteProtocolError)
    script.match, script.start = match, Session
    replay_all_ways(script)


def test_a_database_that_the_server_cannot_take() -> None:
    """It would be a session without the database that was asked for."""
    steps = [server(greeting(capabilities=WANTED), sequence=0)]
    script = Script("no database", call("login", USER), steps, raises=RemoteProtocolError, start=Session)
    script.match = "lacks capabilities that this client needs: 0x8$"
    replay_all_ways(script)


def test_the_greeting_is_kept() -> None:
    session = Session()
    script = logs_in("greeting", greeting(), is_user)
    script.start = lambda: session
    replay(script)
    assert session.greeting is not None
    assert (session.greeting.connection_id, session.greeting.version) == (4711, "10.11.6-MariaDB-0+deb12u1")


def test_nothing_may_follow_the_greeting() -> None:
    """What comes before our answer was not meant for it; with TLS it could come from anyone."""
    reply = packets(0, greeting()) + packets(2, ok())
    script = Script("eager", call("login", USER), [("server", reply)], raises=RemoteProtocolError, start=Session)
    script.match = "11 bytes arrived behind the greeting"
    replay(script)


def test_no_greeting() -> None:
    script = Script("silent", call("login", USER), [HANGS_UP], raises=ConnectionClosed, start=Session)
    replay(script)


@pytest.mark.parametrize(
    ("credentials", "match"),
    [
        (Credentials(b"a\0b"), "user name contains a NUL byte at offset 1"),
        (Credentials(b"a", database=b"\0"), "database name contains a NUL byte at offset 0"),
        (Credentials(b"a", attributes={"k": "v" * 70000}), "auth_packet_size is 65536, the payload to send has 70"),
    ],
)
def test_credentials_that_cannot_be_sent(credentials: Credentials, match: str) -> None:
    steps = [server(greeting(), sequence=0)]
    script = Script("unsendable", call("login", credentials), steps, raises=LocalProtocolError, match=match)
    script.start = Session
    replay(script)


@pytest.mark.parametrize("size", [0, 250, 251, 252, 600, 60000])
def test_attributes_of_any_length(size: int) -> None:
    attributes = {"k": "v" * size, "x" * (size // 100): "ä"}
    sent = {key.encode(): value.encode() for key, value in attributes.items()}
    script = logs_in(
        "attributes",
        greeting(),
        lambda fields: fields["attributes"] == sent,
        Credentials(b"app", b"s3cret", attributes=attributes),
    )
    replay(script)


def test_no_attributes_for_a_server_that_does_not_take_them() -> None:
    script = logs_in(
        "attributes",
        greeting(capabilities=SERVER_10_11 & ~C.CONNECT_ATTRS),
        lambda fields: "attributes" not in fields and fields["plugin"] == b"mysql_native_password",
    )
    replay(script)


# Negotiation


@pytest.mark.parametrize("extra", [0, C.FOUND_ROWS, C.MULTI_STATEMENTS | C.MARIADB_BULK, C.CONNECT_WITH_DB])
@pytest.mark.parametrize("offered", [REQUIRED, OLD, WANTED, EVERYTHING, EVERYTHING | C.MYSQL])
def test_negotiate(offered: int, extra: int) -> None:
    greets = decode_greeting(greeting(capabilities=offered, plugin=b"x" if offered & C.PLUGIN_AUTH else None))
    agreed = negotiate(greets, Credentials(capabilities=extra))  # type: ignore[arg-type]
    if offered & C.MYSQL:
        offered &= 0xFFFFFFFF
        assert agreed & C.MYSQL
    assert agreed & ~C.MYSQL == (WANTED | extra) & offered & ~C.MYSQL


@pytest.mark.parametrize(
    "dangerous",
    ["LOCAL_FILES", "MULTI_STATEMENTS", "COMPRESS", "SSL", "INTERACTIVE", "FOUND_ROWS", "MARIADB_PROGRESS"],
)
def test_never_asked_for_unless_told_to(dangerous: str) -> None:
    assert not WANTED & getattr(C, dangerous)


@pytest.mark.parametrize(
    ("offered", "payloads_sent"),
    [
        (WANTED, [b"\x01", column(kind=3), row(b"7"), end()]),
        (OLD, [b"\x01", column(kind=3), eof(), row(b"7"), eof()]),
        (WANTED & ~C.SESSION_TRACK, [b"\x01", column(kind=3), row(b"7"), end(tail=b"as it is")]),
        (WANTED & ~C.DEPRECATE_EOF, [b"\x01", column(kind=3), eof(), row(b"7"), eof()]),
        (WANTED & ~C.MARIADB_EXTENDED_METADATA, [b"\x01", column(kind=3, extended=None), row(b"7"), end()]),
        (WANTED | C.MYSQL, [b"\x01", column(kind=3, extended=None), row(b"7"), end()]),
    ],
)
def test_what_was_negotiated_is_what_is_read(offered: int, payloads_sent: list[bytes]) -> None:
    tail = b"as it is" if b"as it is" in payloads_sent[-1] else b""
    steps = [
        server(greeting(capabilities=offered), sequence=0),
        responds(lambda fields: True),
        server(ok(), sequence=2),
        client(b"\x03SELECT 7"),
        server(*payloads_sent),
    ]
    both = in_turn(call("login", Credentials(b"app")), call("query", b"SELECT 7"))
    script = Script("negotiated", both, steps, start=Session)
    rows = result_set(["c"], [(7,)])
    script.answer = [("ok", 0, 0, 2, 0, b""), (*rows[:3], ("ok", 0, 0, 2, 0, tail))]
    replay_all_ways(script)


# Limits are those of the login only during the login


def test_limits_of_the_login_end_with_it() -> None:
    start = Limits(greeting_size=200, auth_packet_size=200, packet_size=1000)
    steps = [
        server(greeting(), sequence=0),
        responds(lambda fields: True),
        server(ok(tail=text(b"i" * 150)), sequence=2),
        client(b"\x0e"),
        server(ok(tail=text(b"i" * 900))),
    ]
    script = Script("limits", in_turn(call("login", Credentials()), call("ping")), steps)
    script.start = lambda: Session(start)
    script.answer = [("ok", 0, 0, 2, 0, b"i" * 150), ("ok", 0, 0, 2, 0, b"i" * 900)]
    replay(script)
    steps[2] = server(ok(tail=text(b"i" * 200)), sequence=2)
    script = Script("limits", call("login", Credentials()), steps[:3], raises=LimitExceeded, match="auth_packet_size")
    script.start = lambda: Session(start)
    replay(script)


def test_credentials_do_not_show_the_password() -> None:
    shown = repr(Credentials(b"app", b"s3cret", b"shop"))
    assert shown == "Credentials(user=b'app', database=b'shop')"


# Compression

SQUEEZED = Credentials(b"app", b"s3cret", None, capabilities=C.COMPRESS)
GREETS_COMPRESSED = [
    server(greeting(capabilities=WANTED | C.COMPRESS), sequence=0),
    responds(asks_for(WANTED | C.COMPRESS)),
]


def framed(sequence: int, packet: bytes) -> bytes:
    """A packet in a frame that is not compressed."""
    return len(packet).to_bytes(3, "little") + bytes((sequence, 0, 0, 0)) + packet


def test_compression_begins_behind_the_login() -> None:
    steps: list[Step] = [
        *(*GREETS_COMPRESSED, server(ok(), sequence=2)),
        *(("client", framed(0, packets(0, b"\x0e"))), ("server", framed(1, packets(1, ok())))),
    ]
    run = in_turn(call("login", SQUEEZED), call("ping"))
    replay_all_ways(Script("compression", run, steps, [AUTOCOMMIT, AUTOCOMMIT], start=Session))


def test_a_refused_login_is_not_compressed() -> None:
    steps: list[Step] = [*GREETS_COMPRESSED, server(err(1045, b"no", b"28000"), sequence=2)]
    answer = ("err", 1045, "28000", "no")
    replay_all_ways(Script("denied", call("login", SQUEEZED), steps, answer, start=Session, state=State.CLOSED))


def test_bytes_behind_a_login_are_not_taken_for_frames() -> None:
    steps: list[Step] = [*GREETS_COMPRESSED, ("server", packets(2, ok()) + b"abc")]
    script = Script("behind", call("login", SQUEEZED), steps, raises=RemoteProtocolError, start=Session)
    script.match = "3 bytes arrived behind the login"
    replay(script)


def test_credentials_keep_the_password_to_themselves() -> None:
    assert repr(USER) == "Credentials(user=b'app', database=b'shop')"
