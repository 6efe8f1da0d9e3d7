"""plugin.py: when a password may travel, and how."""

from __future__ import annotations

import re

import pytest

from mariadb_protocol import LocalProtocolError, RemoteProtocolError, SecurityError
from mariadb_protocol.auth.plugin import Attempt, Plugin, challenge_of, send_password
from mariadb_protocol.constants import Limits
from mariadb_protocol.security import Channel, Security
from tests.support.script_auth import CHANNELS, OTHER, SECRET, attempt, encrypts, rsa_pem

REQUEST = b"key?"
AS_IT_IS, ENCRYPTED, ASKS, REFUSED = "as it is", "encrypted by the pinned key", "asks for a key", "refused"
KEYS = {
    "no key": {},
    "pinned key": {"public_key": rsa_pem()},
    "retrieval": {"retrieve_public_key": True},
    "pinned key and retrieval": {"public_key": rsa_pem(), "retrieve_public_key": True},
}
# channel -> what happens with the KEYS, in their order
TABLE = {
    "plain": (REFUSED, ENCRYPTED, ASKS, ENCRYPTED),
    "unix socket": (AS_IT_IS,) * 4,
    "TLS by chain": (AS_IT_IS,) * 4,
    "TLS by fingerprint": (AS_IT_IS,) * 4,
    # Over TLS a server takes no RSA.
    "TLS unverified": (REFUSED,) * 4,
    "TLS proven": (REFUSED,) * 4,
    "unix socket, TLS unverified": (AS_IT_IS,) * 4,
}
# The same for a plugin whose server takes the password as it is only over TLS.
ONLY_OVER_TLS = {**TABLE, "unix socket": (ASKS, ENCRYPTED, ASKS, ENCRYPTED)}


def outcome(login: Attempt, only_over_tls: bool = False) -> str:
    exchange = send_password(login, OTHER, REQUEST, "some_plugin", only_over_tls)
    try:
        sent = next(exchange)
    except SecurityError as error:
        assert error.errno == SecurityError.PLUGIN == 2061
        return REFUSED
    assert sent is not None
    if sent == REQUEST:
        answer = exchange.send(rsa_pem())
        assert answer is not None
        assert encrypts(OTHER)(answer)
    with pytest.raises(StopIteration):
        exchange.send(b"")
    if sent == REQUEST:
        return ASKS
    return AS_IT_IS if sent == SECRET + b"\0" else ENCRYPTED if encrypts(OTHER)(sent) else "something else"


def test_every_channel_is_in_the_table() -> None:
    assert sorted(TABLE) == sorted(CHANNELS)


@pytest.mark.parametrize("way", TABLE)
def test_when_a_password_may_travel(way: str) -> None:
    assert tuple(outcome(attempt(way=way, **keys)) for keys in KEYS.values()) == TABLE[way]
    assert tuple(outcome(attempt(way=way, **keys), True) for keys in KEYS.values()) == ONLY_OVER_TLS[way]


WAYS = "over a unix socket; over TLS that is verified by a CA (ssl_ca) or a fingerprint (tls_peer_fp)"
BY_KEY = "; or encrypted by the server's RSA key (server_public_key); or with allow_public_key_retrieval=True"


@pytest.mark.parametrize("only_over_tls", [False, True])
@pytest.mark.parametrize(
    ("way", "keys", "more"),
    [
        ("plain", "no key", BY_KEY),
        # Neither of these would help here.
        ("TLS unverified", "no key", ""),
        ("TLS unverified", "pinned key and retrieval", ""),
        ("TLS proven", "no key", ""),
        ("TLS proven", "pinned key and retrieval", ""),
    ],
)
def test_the_error_names_the_ways_that_work(way: str, keys: str, more: str, only_over_tls: bool) -> None:
    message = f"some_plugin has to send the password, which is done only {WAYS}{more}"
    with pytest.raises(SecurityError, match=f"^{re.escape(message)}$"):
        next(send_password(attempt(way=way, **KEYS[keys]), OTHER, REQUEST, "some_plugin", only_over_tls))


@pytest.mark.parametrize("keys", ["pinned key", "retrieval"])
def test_a_key_needs_random_bytes(keys: str) -> None:
    with pytest.raises(LocalProtocolError, match=r"this authentication plugin needs Security\(crypto=\.\.\.\)"):
        outcome(attempt(crypto=None, **KEYS[keys]))


def test_a_key_that_is_none() -> None:
    exchange = send_password(attempt(retrieve_public_key=True), OTHER, REQUEST, "some_plugin")
    next(exchange)
    with pytest.raises(RemoteProtocolError):
        exchange.send(b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n")


@pytest.mark.parametrize(
    ("data", "length"), [(b"abc", 3), (b"abc\0", 3), (b"ab\0", 3), (b"ab\0\0", 3), (b"\0", 1), (b"", 0), (b"\0", 0)]
)
def test_challenge_of(data: bytes, length: int) -> None:
    assert challenge_of(data, length, "p") == data[:length]


@pytest.mark.parametrize(("data", "length"), [(b"abcd", 3), (b"ab", 3), (b"", 3), (b"abc\0\0", 3), (b"x", 0)])
def test_challenges_of_another_length(data: bytes, length: int) -> None:
    with pytest.raises(
        RemoteProtocolError, match=f"^p wants a challenge of {length} bytes, the server sent {len(data)}$"
    ):
        challenge_of(data, length, "p")


def test_an_attempt_at_its_beginning() -> None:
    made = Attempt(SECRET, Security(), Channel(), Limits())
    assert (made.scramble, made.hash, made.refused) == (b"", None, None)


def test_a_plugin_of_its_own() -> None:
    made = Plugin(lambda attempt, challenge: send_password(attempt, challenge, b"", ""))
    assert (made.greets, made.proves, made.bare, made.asked_for, made.needs) == (False, False, False, False, "")


def test_no_password_is_shown() -> None:
    login = attempt(public_key=rsa_pem())
    shown = repr(login) + str(login) + repr(login.security) + repr(login.channel) + repr(login.crypto)
    exchange = send_password(attempt(), OTHER, REQUEST, "some_plugin")
    with pytest.raises(SecurityError) as caught:
        next(exchange)
    shown += repr(caught.value) + str(caught.value) + repr(exchange)
    assert "s3cret" not in shown
