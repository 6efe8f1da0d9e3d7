"""auth/__init__.py: the loop, played from a login; test_change_user.py plays it from COM_CHANGE_USER.

What a plugin says and when a password may travel is tested in the files of the plugins and in test_plugin.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mariadb_protocol import Credentials, LimitExceeded, RemoteProtocolError, SecurityError, Session, State
from mariadb_protocol.auth import DEFAULT_PLUGIN, PLUGINS, Plugin, first_answer, refusal
from mariadb_protocol.constants import Capability, Limits
from mariadb_protocol.security import Proof
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_auth import (
    CHANNELS,
    LONG,
    NATIVE,
    OFFERS,
    OTHER,
    SECRET,
    USER,
    attempt,
    encrypts,
    log_in,
    native,
    rsa_pem,
    sha2_scramble,
    turns,
)
from tests.support.script_fields import handshake_fields, proves
from tests.support.scripts import (
    AUTOCOMMIT,
    CHALLENGE,
    Script,
    call,
    err,
    greeting,
    ok,
    replay,
    replay_all_ways,
    switch,
    text,
    tracked,
)

if TYPE_CHECKING:
    from collections.abc import Generator

LACKING = switch(b"sso_of_tomorrow", b"?")
DIALOG = switch(b"dialog", b"\5Password: ")
CLEAR = switch(b"mysql_clear_password", b"")
ED25519 = switch(b"client_ed25519", LONG)
PARSEC = switch(b"parsec", LONG)
NOT_HERE = "this client does not have it"
NOT_ALLOWED = "it is not among the auth_plugins"
BARE = (
    "the password would travel as it is, which is done only over a unix socket; "
    "over TLS that is verified by a CA (ssl_ca) or a fingerprint (tls_peer_fp)"
)
NO_PROOF = "the certificate is not verified, and the server cannot prove by this plugin who it is"
NO_PASSWORD = "the certificate is not verified, and without a password the server cannot prove who it is"
NONE_NAMED = ("none", b"")
EMPTY = (DEFAULT_PLUGIN, b"")
DENIED: dict[str, Any] = {"answer": ("err", 1045, "28000", "Access denied"), "state": State.CLOSED}
DENIES = err(1045, b"Access denied", b"28000")


def refused(*pairs: tuple[str, str], plugin: str = DEFAULT_PLUGIN) -> dict[str, Any]:
    """A session that has turned down these plugins for these reasons; `plugin` answered last."""
    return {"refusals": [f"{name} was not used: {reason}" for name, reason in pairs], "plugin": plugin}


def signs(answer: bytes) -> bool:
    return len(answer) == 64


# The loop

ROUNDS = [
    log_in("no round", ok(), session=refused()),
    log_in("a switch with a new challenge", NATIVE, native(), ok(), session=refused()),
    log_in("a switch to a challenge without its NUL", switch(b"mysql_native_password", OTHER), native(), ok()),
    log_in("the same plugin twice", NATIVE, native(), NATIVE, native(), ok()),
    log_in("denied", DENIES, session=refused(), **DENIED),
    log_in("denied behind a switch", NATIVE, native(), DENIES, session=refused(), **DENIED),
    log_in(
        "multi-auth: the second plugin is the one",
        *(PARSEC, b"", NATIVE, native(), ok()),
        session=refused(),
    ),
    log_in(
        "multi-auth: one that we lack, then ours",
        *(LACKING, b"", NATIVE, native(), ok()),
        session=refused(("sso_of_tomorrow", NOT_HERE)),
    ),
    log_in(
        "multi-auth: ours, one that we lack, ours",
        *(NATIVE, native(), LACKING, b"", switch(b"caching_sha2_password", OTHER), sha2_scramble(SECRET, OTHER), ok()),
        session=refused(("sso_of_tomorrow", NOT_HERE), plugin="caching_sha2_password"),
    ),
    log_in(
        "multi-auth: none is for us",
        *(LACKING, b"", DIALOG, b"", CLEAR, b"", DENIES),
        session=refused(("sso_of_tomorrow", NOT_HERE), ("dialog", BARE), ("mysql_clear_password", NOT_ALLOWED)),
        **DENIED,
    ),
    log_in(
        "one that we lack goes on talking",
        *(LACKING, b"", b"\1tell me", b"", b"more", b"", b"", b"", NATIVE, native(), ok()),
        session=refused(("sso_of_tomorrow", NOT_HERE)),
    ),
    log_in(
        "the old password is never sent",
        *(b"\xfe", b"", DENIES),
        session=refused(("mysql_old_password", NOT_ALLOWED)),
        **DENIED,
    ),
    log_in(
        "a password in clear is never sent, not even where nobody can read it",
        *(CLEAR, b"", DENIES),
        way="TLS by chain",
        session=refused(("mysql_clear_password", NOT_ALLOWED)),
        **DENIED,
    ),
    log_in(
        "a password in clear is never sent where somebody can read it",
        *(CLEAR, b"", DENIES),
        way="TLS unverified",
        plugins=frozenset(PLUGINS),
        session=refused(("mysql_clear_password", BARE)),
        **DENIED,
    ),
    log_in(
        "an allow-list",
        *(NATIVE, b"", switch(b"caching_sha2_password", OTHER), sha2_scramble(SECRET, OTHER), [b"\1\3", ok()]),
        greets=b"caching_sha2_password",
        response=("caching_sha2_password", sha2_scramble(SECRET, CHALLENGE)),
        plugins=frozenset({"caching_sha2_password"}),
        session=refused(("mysql_native_password", NOT_ALLOWED), plugin="caching_sha2_password"),
    ),
    log_in(
        "an allow-list without the greeting's plugin",
        *(NATIVE, b"", DENIES),
        response=NONE_NAMED,
        plugins=frozenset({"parsec"}),
        session=refused(("mysql_native_password", NOT_ALLOWED), plugin=""),
        **DENIED,
    ),
    log_in(
        "an allow-list of nothing that we have",
        *(NATIVE, b"", DENIES),
        response=NONE_NAMED,
        plugins=frozenset(),
        session=refused(("mysql_native_password", NOT_ALLOWED), plugin=""),
        **DENIED,
    ),
    log_in(
        "what proves nothing is not used where a proof is required",
        *(switch(b"caching_sha2_password", OTHER), b"", switch(b"sha256_password", OTHER), b"", DENIES),
        way="TLS unverified",
        proof=Proof.REQUIRED,
        public_key=rsa_pem(),
        session=refused(("caching_sha2_password", NO_PROOF), ("sha256_password", NO_PROOF)),
        **DENIED,
    ),
    log_in(
        "no password is no proof",
        *(NATIVE, b"", DENIES),
        way="TLS unverified",
        proof=Proof.REQUIRED,
        password=b"",
        response=NONE_NAMED,
        session=refused(("mysql_native_password", NO_PASSWORD), plugin=""),
        **DENIED,
    ),
    # The first answer is empty: as long as no plugin has said anything, none is in use.
    log_in("no password", ok(), password=b"", response=EMPTY, session=refused(plugin="")),
    log_in(
        "no password, and a switch to the same plugin",
        *(NATIVE, b"", ok()),
        password=b"",
        response=EMPTY,
        session=refused(),
    ),
    log_in(
        "no plugin is named, OK at once",
        ok(),
        greets=b"client_ed25519",
        response=NONE_NAMED,
        session=refused(plugin=""),
    ),
    log_in(
        "no plugin of the allow-list is named, OK at once",
        ok(),
        response=NONE_NAMED,
        plugins=frozenset({"parsec"}),
        session=refused(plugin=""),
    ),
    log_in(
        "no plugin is named, denied at once",
        DENIES,
        greets=b"client_ed25519",
        response=NONE_NAMED,
        session=refused(plugin=""),
        **DENIED,
    ),
    log_in(
        "no plugin is named, and a switch to the greeting's",
        *(ED25519, signs, ok()),
        greets=b"client_ed25519",
        response=NONE_NAMED,
        session=refused(plugin="client_ed25519"),
    ),
    log_in(
        "no plugin is named, and a switch to another one",
        *(NATIVE, native(), ok()),
        greets=b"sso_of_tomorrow",
        response=NONE_NAMED,
        session=refused(),
    ),
]


@pytest.mark.parametrize("script", ROUNDS, ids=repr)
def test_rounds(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)


@pytest.mark.parametrize("script", ROUNDS, ids=repr)
def test_rounds_flipped(script: Script) -> None:
    assert flip_everywhere(script) == 8 * len(script.reply)


def test_an_account_of_several_plugins() -> None:
    script = log_in("many", *(ED25519, signs, LACKING, b"", NATIVE, native(), ED25519, signs, ok()))
    script.session = refused(("sso_of_tomorrow", NOT_HERE), plugin="client_ed25519")
    replay_all_ways(script)


@pytest.mark.parametrize("rounds", [1, 2, 10])
def test_rounds_are_limited(rounds: int) -> None:
    """`auth_rounds` packets of the server are read, the next one is one too many."""
    limits = Limits(auth_rounds=rounds)
    said = [NATIVE, native()] * (rounds - 1)
    replay(log_in("limit", *said, ok(), limits=limits))
    match = f"auth_rounds is {rounds}, the server sent {rounds + 1}"
    replay(log_in("limit", *said, NATIVE, limits=limits, raises=LimitExceeded, match=match))


@pytest.mark.parametrize("packet", [b"\1tell me", LACKING], ids=["more data", "switches"])
def test_rounds_of_a_plugin_that_we_lack_are_limited(packet: bytes) -> None:
    said = [LACKING, b"", *[packet, b""] * 8, packet]
    match = "auth_rounds is 10, the server sent 11"
    replay(log_in("limit", *said, raises=LimitExceeded, match=match))


def test_what_the_last_packet_says_of_the_session() -> None:
    last = ok(status=0x4022, warnings=1, tail=tracked((1, text(b"shop"))))
    script = log_in("last", last, answer=("ok", 0, 0, 0x4022, 1, b""))
    script.session = {"status": 0x4022, "warnings": 1, "schema": "shop"}
    replay_all_ways(script)


UNEXPECTED = [
    (b"\x01", "0 bytes of authentication data that the plugin does not expect"),
    (b"\x01abc", "3 bytes of authentication data that the plugin does not expect"),
    (b"abc", "3 bytes of authentication data that the plugin does not expect"),
    (b"", "0 bytes of authentication data that the plugin does not expect"),
    (b"\x02", "1 bytes of authentication data that the plugin does not expect"),
    (b"\xfeabc", "malformed AuthSwitchRequest of 4 bytes"),
    (b"\0", "malformed OK packet of 1 bytes"),
    (b"\xff", "malformed ERR packet of 1 bytes"),
]


@pytest.mark.parametrize(("payload", "match"), UNEXPECTED)
def test_unexpected(payload: bytes, match: str) -> None:
    replay_all_ways(log_in("unexpected", payload, raises=RemoteProtocolError, match=match))


def test_data_for_a_plugin_that_has_not_begun() -> None:
    """The login named none."""
    match = "1 bytes of authentication data that the plugin does not expect"
    script = log_in("data", b"\1\4", response=NONE_NAMED, plugins=frozenset({"caching_sha2_password"}))
    script.raises, script.match, script.state = RemoteProtocolError, match, State.BROKEN
    replay_all_ways(script)


def test_an_answer_before_the_question() -> None:
    """What the server sends before it can know our answer is an answer to somebody else's."""
    match = "11 bytes of an answer arrived before the question"
    replay(log_in("before", [NATIVE, ok()], raises=RemoteProtocolError, match=match))
    replay(log_in("before", [LACKING, ok()], raises=RemoteProtocolError, match=match))


@pytest.mark.parametrize(
    ("payload", "reason"),
    [(LACKING, f"sso_of_tomorrow was not used: {NOT_HERE}"), (DIALOG, "dialog was not used: the password would")],
)
def test_a_login_that_is_accepted_without_its_plugin(payload: bytes, reason: str) -> None:
    """Somebody else may be logged in, or the server may be somebody else."""
    match = f"^the server accepts the login, though {reason}"
    replay_all_ways(log_in("accepted", payload, b"", ok(), raises=SecurityError, match=match))
    replay_all_ways(log_in("accepted", payload, b"", b"data", b"", ok(), raises=SecurityError, match=match))
    replay_all_ways(log_in("accepted", NATIVE, native(), payload, b"", ok(), raises=SecurityError, match=match))


def test_a_plugin_of_several_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data has a mark, or not; a mark in the data is doubled by the server."""

    def talks(attempt: object, challenge: bytes) -> Generator[bytes | None, bytes, None]:
        more = yield b"?" + challenge
        while more != b"last":
            more = yield b"<" + more + b">"
        assert (yield None) == b""
        yield b""

    monkeypatch.setitem(PLUGINS, "talks", Plugin(talks))
    said = [switch(b"talks", b"c"), b"?c", b"\1one", b"<one>", b"one", b"<one>", b"\1", b"<>", b"\1\1", b"<\1>"]
    said += [b"\1\0zero", b"<\0zero>", b"\1\xfe", b"<\xfe>", b"\1\xff", b"<\xff>"]
    script = log_in("talks", *said, [b"\1last", b"\1"], b"", ok(), limits=Limits(auth_rounds=20))
    script.session = {"plugin": "talks"}
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)


# The first answer


@pytest.mark.parametrize(
    ("plugin", "named", "security"),
    [
        ("mysql_native_password", "mysql_native_password", {}),
        ("", "mysql_native_password", {}),  # a server without plugins
        ("caching_sha2_password", "caching_sha2_password", {}),
        ("sha256_password", "sha256_password", {"retrieve_public_key": True}),
    ],
)
def test_the_plugin_of_the_greeting_answers(plugin: str, named: str, security: dict[str, Any]) -> None:
    answers = {
        "mysql_native_password": native(CHALLENGE),
        "caching_sha2_password": lambda answer: answer == sha2_scramble(SECRET, CHALLENGE),
        "sha256_password": lambda answer: answer == b"\1",
    }
    name, answer, exchange = first_answer(attempt(**security), plugin)
    assert name == named
    assert answers[named](answer)
    assert exchange is not None


@pytest.mark.parametrize(
    ("plugin", "demands"),
    [
        # Not of those that answer a greeting, or not known.
        ("client_ed25519", {}),
        ("parsec", {}),
        ("dialog", {"way": "unix socket"}),
        ("sso_of_tomorrow", {}),
        ("none", {}),
        # Not allowed, whatever else is.
        ("mysql_native_password", {"plugins": frozenset({"client_ed25519", "parsec"})}),
        ("mysql_native_password", {"plugins": frozenset()}),
        ("caching_sha2_password", {"plugins": frozenset({"mysql_native_password"})}),
        ("", {"plugins": frozenset({"parsec"})}),
        ("client_ed25519", {"plugins": frozenset({"client_ed25519", "mysql_native_password"})}),
        # It would not be a proof.
        ("caching_sha2_password", {"way": "TLS unverified", "proof": Proof.REQUIRED}),
        ("mysql_native_password", {"way": "TLS unverified", "proof": Proof.REQUIRED, "password": b""}),
        # No way for a password.
        ("sha256_password", {}),
        ("sha256_password", {"way": "TLS unverified", "public_key": rsa_pem(), "retrieve_public_key": True}),
    ],
)
def test_no_plugin_is_named(plugin: str, demands: dict[str, Any]) -> None:
    """By the name of one a server could take the empty answer for an empty password; so it has to switch."""
    assert first_answer(attempt(**demands), plugin) == ("none", b"", None)


def test_none_is_no_plugin() -> None:
    assert "none" not in PLUGINS


def test_no_password_is_an_answer() -> None:
    """The plugin of the greeting is named."""
    name, answer, exchange = first_answer(attempt(b""), "mysql_native_password")
    assert (name, answer, exchange is not None) == (DEFAULT_PLUGIN, b"", True)


@pytest.mark.parametrize(
    ("plugin", "longest", "length"),
    [
        ("sha256_password", None, 256),
        ("sha256_password", 256, 256),
        ("sha256_password", 255, 0),
        ("mysql_native_password", 20, 20),
        ("mysql_native_password", 19, 0),
    ],
)
def test_an_answer_that_is_too_long(plugin: str, longest: int | None, length: int) -> None:
    name, answer, exchange = first_answer(attempt(public_key=rsa_pem()), plugin, longest)
    assert (name, len(answer), exchange is not None) == (plugin if length else "none", length, length > 0)
    assert length != 256 or encrypts(CHALLENGE)(answer)


def test_a_plugin_that_has_nothing_to_say_to_a_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLUGINS, "waits", Plugin(lambda attempt, challenge: iter([None]), greets=True))  # type: ignore
    name, answer, exchange = first_answer(attempt(), "waits")
    assert (name, answer, exchange is not None) == ("waits", b"", True)


def test_a_server_without_plugins() -> None:
    """It can send no switch: what answers the greeting has to be the whole answer."""

    def responds(payload: bytes) -> bool:
        fields = handshake_fields(payload)
        return "plugin" not in fields and proves(SECRET, CHALLENGE, fields["answer"])

    greets = greeting(b"5.5.68-MariaDB", OFFERS & ~Capability.PLUGIN_AUTH, None)
    steps = turns(0, greets, responds, ok())
    script = Script("old", call("login", USER), steps, AUTOCOMMIT, start=Session)
    script.session = {"plugin": DEFAULT_PLUGIN}
    replay_all_ways(script)


# Which plugins are used


def everything_but(*asked_for: str) -> list[str]:
    return [name for name in PLUGINS if name not in asked_for]


GSSAPI = {"gssapi": lambda name, mechanism: lambda token: b""}
ASKED_FOR = ("mysql_clear_password", "mysql_old_password")
USED = {
    "plain": everything_but("auth_gssapi_client", "dialog", *ASKED_FOR),
    "unix socket": everything_but("auth_gssapi_client", *ASKED_FOR),
    "TLS by chain": everything_but("auth_gssapi_client", *ASKED_FOR),
    "TLS by fingerprint": everything_but("auth_gssapi_client", *ASKED_FOR),
    "TLS unverified": everything_but("auth_gssapi_client", "dialog", *ASKED_FOR),
    "TLS proven": everything_but("auth_gssapi_client", "dialog", *ASKED_FOR),
    "unix socket, TLS unverified": everything_but("auth_gssapi_client", *ASKED_FOR),
}
BARE_ONES = ("dialog", "mysql_clear_password")


@pytest.mark.parametrize("way", CHANNELS)
def test_what_is_used(way: str) -> None:
    confidential = way not in ("plain", "TLS unverified", "TLS proven")
    used = [name for name in PLUGINS if refusal(attempt(way=way), name) is None]
    assert used == USED[way]
    everything = {"plugins": frozenset(PLUGINS), **GSSAPI}
    used = [name for name in PLUGINS if refusal(attempt(way=way, **everything), name) is None]
    assert used == (list(PLUGINS) if confidential else everything_but(*BARE_ONES))
    for name in PLUGINS:
        assert refusal(attempt(way=way, plugins=frozenset(PLUGINS) - {name}, **GSSAPI), name) == NOT_ALLOWED


PROVING = ["mysql_native_password", "client_ed25519", "parsec"]


@pytest.mark.parametrize("way", CHANNELS)
@pytest.mark.parametrize("demand", [Proof.IGNORED, Proof.WANTED, Proof.REQUIRED])
def test_what_is_used_where_a_proof_is_required(way: str, demand: str) -> None:
    demands: dict[str, Any] = {"way": way, "proof": demand}
    used = [name for name in PLUGINS if refusal(attempt(**demands), name) is None]
    without = [name for name in PLUGINS if refusal(attempt(b"", **demands), name) is None]
    if way == "TLS unverified" and demand == Proof.REQUIRED:
        assert (used, without) == (PROVING, [])
    else:
        assert used == without == USED[way]


@pytest.mark.parametrize(
    ("name", "reason", "demands"),
    [
        ("mysql_native_password", None, {}),
        ("sso_of_tomorrow", NOT_HERE, {}),
        ("sso_of_tomorrow", NOT_HERE, {"plugins": frozenset({"sso_of_tomorrow"})}),
        ("", NOT_HERE, {}),
        ("mysql_old_password", NOT_ALLOWED, {}),
        ("mysql_old_password", None, {"plugins": frozenset({"mysql_old_password"})}),
        ("mysql_clear_password", NOT_ALLOWED, {"way": "unix socket"}),
        ("mysql_clear_password", BARE, {"plugins": frozenset({"mysql_clear_password"})}),
        ("auth_gssapi_client", "it needs auth_gssapi=...", {}),
        ("auth_gssapi_client", None, GSSAPI),
        ("dialog", BARE, {}),
        ("dialog", BARE, {"way": "TLS proven", "proof": Proof.REQUIRED}),
        ("caching_sha2_password", NO_PROOF, {"way": "TLS unverified", "proof": Proof.REQUIRED}),
        ("auth_gssapi_client", NO_PROOF, {"way": "TLS unverified", "proof": Proof.REQUIRED, **GSSAPI}),
        ("parsec", NO_PASSWORD, {"way": "TLS unverified", "proof": Proof.REQUIRED, "password": b""}),
    ],
)
def test_why_a_plugin_is_not_used(name: str, reason: str | None, demands: dict[str, Any]) -> None:
    assert refusal(attempt(**demands), name) == reason


def test_nothing_leaves_unless_it_may() -> None:
    """Whatever a server asks for in plain, the password is not in what it hears."""
    heard: list[bytes] = []

    def hears(payload: bytes) -> bool:
        heard.append(payload)
        return True

    asks = [NATIVE, ED25519, DIALOG, CLEAR, b"\xfe", LACKING, switch(b"caching_sha2_password", OTHER)]
    for last in (b"\1\4", switch(b"sha256_password", OTHER)):
        said = [part for payload in asks for part in (payload, hears)]
        replay(log_in("asks", *said, last, raises=SecurityError, match="has to send the password"))
    assert len(heard) == 2 * len(asks)
    assert [payload for payload in heard if SECRET in payload] == []


def test_no_password_is_shown() -> None:
    script = log_in("error", LACKING, b"", ok(), raises=SecurityError)
    session = script.start()
    login = script.command(session)
    next(login)
    assert "s3cret" not in repr(session) + repr(session.security) + repr(login) + repr(Credentials(b"app", SECRET))
