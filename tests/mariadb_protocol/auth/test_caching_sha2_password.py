from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol import RemoteProtocolError, SecurityError
from mariadb_protocol.auth.caching_sha2_password import caching_sha2_password, scramble
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_auth import OTHER, SECRET, attempt, encrypts, log_in, rsa_pem, sha2_scramble
from tests.support.scripts import CHALLENGE, Script, ok, replay, replay_all_ways, switch

PLUGIN = "caching_sha2_password"
FAST = [b"\1\3", ok()]
ASKS = switch(b"caching_sha2_password", OTHER + b"\0")
PROVES = sha2_scramble(SECRET, OTHER)
SESSION = {"plugin": PLUGIN, "refusals": []}


def test_known_answer() -> None:
    expected = "4b73ee93fd67dfd21af341013fef18561c2b5e79ef394b0cd052aa5459381dfc"
    assert scramble(SECRET, CHALLENGE).hex() == expected


@given(st.binary(min_size=1, max_size=80), st.binary(min_size=20, max_size=20))
def test_any_password_and_challenge(password: bytes, challenge: bytes) -> None:
    expected = sha2_scramble(password, challenge)
    assert next(caching_sha2_password(attempt(password), challenge)) == expected
    assert next(caching_sha2_password(attempt(password), challenge + b"\0")) == expected


def test_an_empty_password_has_an_empty_answer() -> None:
    assert list(caching_sha2_password(attempt(b""), CHALLENGE)) == [b""]


@pytest.mark.parametrize("challenge", [b"", CHALLENGE[:-1], CHALLENGE + b"x", CHALLENGE + b"\0\0"])
def test_challenges_of_another_length(challenge: bytes) -> None:
    match = f"caching_sha2_password wants a challenge of 20 bytes, the server sent {len(challenge)}$"
    with pytest.raises(RemoteProtocolError, match=match):
        next(caching_sha2_password(attempt(), challenge))


def greeted(name: str, *said: object, **more: object) -> Script:
    """A login to a server whose greeting is for this plugin."""
    response = (PLUGIN, sha2_scramble(SECRET, CHALLENGE))
    return log_in(name, *said, greets=b"caching_sha2_password", response=response, session=SESSION, **more)  # type: ignore[arg-type]


LOGINS = [
    greeted("fast", FAST),
    greeted("fast, without a mark", [b"\3", ok()]),
    greeted("at once", ok()),
    log_in("a switch, fast", ASKS, PROVES, FAST, session=SESSION),
    log_in("a switch without a NUL", switch(b"caching_sha2_password", OTHER), PROVES, FAST, session=SESSION),
    log_in("a switch, full", ASKS, PROVES, b"\1\4", b"s3cret\0", ok(), way="unix socket", session=SESSION),
    greeted("full, over TLS", b"\1\4", b"s3cret\0", ok(), way="TLS by chain"),
    greeted("full, over TLS, and a key is pinned", b"\1\4", b"s3cret\0", ok(), way="TLS by chain", public_key=b"PEM"),
    greeted("fast, over TLS that is not verified", FAST, way="TLS unverified"),
    log_in(
        "no password",
        ok(),
        greets=b"caching_sha2_password",
        response=(PLUGIN, b""),
        password=b"",
        session={"plugin": "", "refusals": []},
    ),
    log_in(
        "no password, and a switch to the same plugin",
        *(ASKS, b"", ok()),
        greets=b"caching_sha2_password",
        response=(PLUGIN, b""),
        password=b"",
        session=SESSION,
    ),
    greeted("full, another switch behind", b"\1\4", b"s3cret\0", ASKS, PROVES, FAST, way="unix socket"),
]
RSA = [
    greeted("pinned key", b"\1\4", encrypts(CHALLENGE), ok(), public_key=rsa_pem()),
    greeted(
        "key of the server", b"\1\4", b"\2", b"\1" + rsa_pem(), encrypts(CHALLENGE), ok(), retrieve_public_key=True
    ),
    log_in(
        "a switch, key of the server",
        *(ASKS, PROVES, b"\1\4", b"\2", b"\1" + rsa_pem(), encrypts(OTHER), ok()),
        retrieve_public_key=True,
        session=SESSION,
    ),
]


@pytest.mark.parametrize("script", [*LOGINS, *RSA], ids=repr)
def test_logins(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)


@pytest.mark.parametrize("script", LOGINS, ids=repr)
def test_logins_flipped(script: Script) -> None:
    assert flip_everywhere(script) == 8 * len(script.reply)


def test_a_key_of_the_server_flipped() -> None:
    """What is encrypted by a wrong key tells nobody anything."""
    assert flip_everywhere(RSA[2]) == 8 * len(RSA[2].reply)


@pytest.mark.parametrize(
    ("said", "match"),
    [
        (b"\1", "unexpected answer of 0 bytes: b''"),
        (b"", "unexpected answer of 0 bytes: b''"),
        (b"\1\5", r"unexpected answer of 1 bytes: b'\\x05'"),
        (b"\1\4\0", r"unexpected answer of 2 bytes: b'\\x04'"),
        (b"\1\1\4", r"unexpected answer of 2 bytes: b'\\x01'"),
    ],
)
def test_unexpected_answers(said: bytes, match: str) -> None:
    replay_all_ways(greeted("unexpected", said, raises=RemoteProtocolError, match=f"^{PLUGIN}: {match}$"))


@pytest.mark.parametrize(
    "said",
    [[b"\1\3", b"\1\3"], [b"\1\3", b"\1\4"]],
    ids=["fast and fast", "fast and full"],
)
def test_behind_the_fast_path(said: list[bytes]) -> None:
    match = "1 bytes of authentication data that the plugin does not expect"
    replay_all_ways(greeted("behind", said, raises=RemoteProtocolError, match=match))


def test_authentication_data_behind_the_password() -> None:
    match = "1 bytes of authentication data that the plugin does not expect"
    said = (b"\1\4", b"s3cret\0", b"\1\4")
    replay_all_ways(greeted("again", *said, way="unix socket", raises=RemoteProtocolError, match=match))


def test_what_the_server_sends_is_no_key() -> None:
    said = (b"\1\4", b"\2", b"\1nothing")
    replay(greeted("no key", *said, retrieve_public_key=True, raises=RemoteProtocolError))


@pytest.mark.parametrize("way", ["TLS unverified", "TLS proven"])
@pytest.mark.parametrize("keys", [{}, {"public_key": rsa_pem(), "retrieve_public_key": True}], ids=["no key", "keys"])
def test_no_safe_way_over_tls_that_is_not_verified(way: str, keys: dict[str, object]) -> None:
    """The server would take only the password as it is. The script ends here, too: nothing more is sent."""
    ways = "over a unix socket; over TLS that is verified by a CA (ssl_ca) or a fingerprint (tls_peer_fp)"
    match = f"^{re.escape(f'{PLUGIN} has to send the password, which is done only {ways}')}$"
    replay_all_ways(greeted("full", b"\1\4", way=way, raises=SecurityError, match=match, **keys))


def test_no_safe_way() -> None:
    """The script ends behind the server's wish: nothing more is sent."""
    match = "^caching_sha2_password has to send the password, which is done only over a unix socket; "
    replay_all_ways(greeted("full", b"\1\4", raises=SecurityError, match=match))
