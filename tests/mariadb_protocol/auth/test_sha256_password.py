from __future__ import annotations

import re
from typing import Any

import pytest

from mariadb_protocol import RemoteProtocolError, SecurityError
from mariadb_protocol.auth.sha256_password import sha256_password
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_auth import NATIVE, OTHER, attempt, encrypts, log_in, native, rsa_pem
from tests.support.scripts import CHALLENGE, Script, ok, replay_all_ways, switch

PLUGIN = "sha256_password"
ASKS = switch(b"sha256_password", OTHER + b"\0")
SESSION = {"plugin": PLUGIN, "refusals": []}
KEY = b"\1" + rsa_pem()


NONE_NAMED = ("none", b"")


def greeted(name: str, answer: Any, *said: Any, **more: Any) -> Script:
    """A login to a server whose greeting is for this plugin."""
    return log_in(name, *said, greets=b"sha256_password", response=(PLUGIN, answer), session=SESSION, **more)


LOGINS = [
    greeted("TLS by chain", b"s3cret\0", ok(), way="TLS by chain"),
    greeted("TLS by fingerprint", b"s3cret\0", ok(), way="TLS by fingerprint"),
    greeted("TLS, and a key is pinned", b"s3cret\0", ok(), way="TLS by chain", public_key=rsa_pem()),
    greeted("unix socket with TLS", b"s3cret\0", ok(), way="unix socket, TLS unverified"),
    greeted("no password", b"\0", ok(), password=b""),
    greeted("no password, TLS unverified", b"\0", ok(), password=b"", way="TLS unverified"),
    log_in("a switch", ASKS, b"s3cret\0", ok(), way="TLS by chain", session=SESSION),
    log_in("a switch without a NUL", switch(b"sha256_password", OTHER), b"s3cret\0", ok(), way="TLS by chain"),
    log_in(
        "a switch, no password",
        *(ASKS, b"\0", ok()),
        password=b"",
        response=("mysql_native_password", b""),
        session=SESSION,
    ),
]
RSA = [
    greeted("pinned key", encrypts(CHALLENGE), ok(), public_key=rsa_pem()),
    greeted("key of the server", b"\1", KEY, encrypts(CHALLENGE), ok(), retrieve_public_key=True),
    greeted("key without a mark", b"\1", rsa_pem(), encrypts(CHALLENGE), ok(), retrieve_public_key=True),
    greeted("key with a NUL", b"\1", KEY + b"\0", encrypts(CHALLENGE), ok(), retrieve_public_key=True),
    # Over a unix socket the server wants RSA as over TCP; nobody but it can send the key.
    greeted("unix socket", b"\1", KEY, encrypts(CHALLENGE), ok(), way="unix socket"),
    greeted("unix socket, pinned key", encrypts(CHALLENGE), ok(), way="unix socket", public_key=rsa_pem()),
    log_in("a switch, pinned key", ASKS, encrypts(OTHER), ok(), public_key=rsa_pem(), session=SESSION),
    log_in("a switch, key", ASKS, b"\1", KEY, encrypts(OTHER), ok(), retrieve_public_key=True, session=SESSION),
    log_in("a switch, unix socket", ASKS, b"\1", KEY, encrypts(OTHER), ok(), way="unix socket", session=SESSION),
    # No way to answer the greeting, but the account has another plugin.
    log_in(
        "a switch to another plugin",
        *(NATIVE, native(), ok()),
        greets=b"sha256_password",
        response=NONE_NAMED,
        session={"plugin": "mysql_native_password", "refusals": []},
    ),
]


@pytest.mark.parametrize("script", [*LOGINS, *RSA], ids=repr)
def test_logins(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)


@pytest.mark.parametrize("script", LOGINS, ids=repr)
def test_logins_flipped(script: Script) -> None:
    assert flip_everywhere(script) == 8 * len(script.reply)


@pytest.mark.parametrize("password", [b"s3cret", "pässwörd€".encode(), b"x" * 200])
@pytest.mark.parametrize("nul", [b"", b"\0"])
def test_the_challenge_is_repeated_over_a_long_password(password: bytes, nul: bytes) -> None:
    (answer,) = sha256_password(attempt(password, public_key=rsa_pem()), OTHER + nul)
    assert answer is not None
    assert encrypts(OTHER, password)(answer)


def test_an_empty_password_needs_no_challenge_and_no_key() -> None:
    assert list(sha256_password(attempt(b""), b"")) == [b"\0"]


@pytest.mark.parametrize("challenge", [b"", OTHER[:-1], OTHER + b"x", bytes(32)])
def test_challenges_of_another_length(challenge: bytes) -> None:
    match = f"sha256_password wants a challenge of 20 bytes, the server sent {len(challenge)}$"
    with pytest.raises(RemoteProtocolError, match=match):
        next(sha256_password(attempt(), challenge))


OVER_TLS = "over a unix socket; over TLS that is verified by a CA (ssl_ca) or a fingerprint (tls_peer_fp)"
BY_KEY = "; or encrypted by the server's RSA key (server_public_key); or with allow_public_key_retrieval=True"
KEYS = {"public_key": rsa_pem(), "retrieve_public_key": True}


@pytest.mark.parametrize(
    ("way", "keys", "ways"),
    [
        ("plain", {}, OVER_TLS + BY_KEY),
        ("TLS unverified", {}, OVER_TLS),
        ("TLS unverified", KEYS, OVER_TLS),
        ("TLS proven", {}, OVER_TLS),
        ("TLS proven", KEYS, OVER_TLS),
    ],
)
def test_no_safe_way(way: str, keys: dict[str, Any], ways: str) -> None:
    """The script ends behind the server's wish: nothing more is sent."""
    match = f"^{re.escape(f'sha256_password has to send the password, which is done only {ways}')}$"
    demands = {"way": way, "raises": SecurityError, "match": match, **keys}
    replay_all_ways(log_in("a switch", ASKS, **demands))
    replay_all_ways(log_in("greeted", ASKS, greets=b"sha256_password", response=NONE_NAMED, **demands))
