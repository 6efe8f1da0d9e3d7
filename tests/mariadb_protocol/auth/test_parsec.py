from __future__ import annotations

from hashlib import pbkdf2_hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from mariadb_protocol import LimitExceeded, LocalProtocolError, RemoteProtocolError
from mariadb_protocol.auth.parsec import parsec
from mariadb_protocol.constants import Limits
from mariadb_protocol.crypto import Crypto
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_auth import LONG, SECRET, attempt, fixed_bytes, log_in
from tests.support.scripts import ok, replay_all_ways, switch

SALT = bytes(range(1, 19))
PARAMETERS = b"P\0" + SALT


def server_key(password: bytes, factor: int = 0, salt: bytes = SALT) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(pbkdf2_hmac("sha512", password, salt, 1024 << factor, 32))


def accepts(challenge: bytes, answer: bytes, password: bytes = SECRET, factor: int = 0, salt: bytes = SALT) -> bool:
    own, signature = answer[:32], answer[32:]
    server_key(password, factor, salt).public_key().verify(signature, challenge + own)  # raises if it does not
    return own == fixed_bytes(32)


@pytest.mark.parametrize("factor", [0, 1, 2, 3])
@pytest.mark.parametrize("password", [b"", SECRET, "pässwörd€".encode(), b"x" * 300])
def test_the_server_accepts_the_answer(password: bytes, factor: int) -> None:
    exchange = parsec(attempt(password), LONG)
    assert next(exchange) == b""  # asks for the parameters
    answer = exchange.send(b"P" + bytes((factor,)) + SALT)
    assert answer is not None
    assert accepts(LONG, answer, password, factor)
    with pytest.raises(StopIteration):
        exchange.send(b"")


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=18, max_size=18), st.binary(max_size=80))
@settings(max_examples=30)
def test_any_challenge_and_salt(challenge: bytes, salt: bytes, password: bytes) -> None:
    exchange = parsec(attempt(password, crypto=Crypto(fixed_bytes)), challenge + b"\0")
    next(exchange)
    answer = exchange.send(b"P\0" + salt)
    assert answer is not None
    assert accepts(challenge, answer, password, salt=salt)


@pytest.mark.parametrize("challenge", [b"", LONG[:-1], LONG + b"x"])
def test_challenges_of_another_length(challenge: bytes) -> None:
    match = f"parsec wants a challenge of 32 bytes, the server sent {len(challenge)}$"
    with pytest.raises(RemoteProtocolError, match=match):
        next(parsec(attempt(), challenge))


@pytest.mark.parametrize(
    "parameters",
    [b"", b"P", b"P\0", PARAMETERS[:-1], PARAMETERS + b"\0", b"Q\0" + SALT, b"\1" + PARAMETERS],
    ids=["none", "P", "no salt", "short salt", "long salt", "another hash", "a mark too many"],
)
def test_what_is_no_parameters(parameters: bytes) -> None:
    exchange = parsec(attempt(), LONG)
    next(exchange)
    with pytest.raises(RemoteProtocolError, match=f"^parsec: {len(parameters)} bytes are no parameters of PBKDF2"):
        exchange.send(parameters)


@pytest.mark.parametrize(
    ("factor", "limit", "asked"),
    [
        (4, None, 16384),
        (63, None, 1024 << 63),
        (64, None, 1024 << 64),
        (65, None, 1024 << 64),  # not computed any more
        (255, None, 1024 << 64),
        (0, 1023, 1024),
        (3, 4096, 8192),
    ],
)
def test_iterations_are_limited(factor: int, limit: int | None, asked: int) -> None:
    """Before one of them is computed: the largest would take longer than the universe has."""
    limits = Limits() if limit is None else Limits(pbkdf2_iterations=limit)
    exchange = parsec(attempt(limits=limits), LONG)
    next(exchange)
    with pytest.raises(LimitExceeded) as caught:
        exchange.send(b"P" + bytes((factor,)) + SALT)
    error = caught.value
    assert (error.name, error.limit, error.value) == ("pbkdf2_iterations", limit or 8192, asked)


def test_iterations_that_are_allowed() -> None:
    exchange = parsec(attempt(limits=Limits(pbkdf2_iterations=16384)), LONG)
    next(exchange)
    answer = exchange.send(b"P\4" + SALT)
    assert answer is not None
    assert accepts(LONG, answer, factor=4)


@pytest.mark.parametrize(
    ("password", "way", "proves"),
    [(SECRET, "TLS unverified", True), (b"", "TLS unverified", False), (SECRET, "TLS by chain", False)],
)
def test_what_the_proof_of_the_server_needs(password: bytes, way: str, proves: bool) -> None:
    """52 bytes: the parameters and the public key."""
    login = attempt(password, way)
    exchange = parsec(login, LONG)
    next(exchange)
    exchange.send(PARAMETERS)
    stored = PARAMETERS + server_key(password).public_key().public_bytes_raw()
    assert login.hash == (stored if proves else None)


def test_without_random_bytes() -> None:
    exchange = parsec(attempt(crypto=None), LONG)
    next(exchange)
    with pytest.raises(LocalProtocolError, match=r"this authentication plugin needs Security\(crypto=\.\.\.\)"):
        exchange.send(PARAMETERS)


@pytest.mark.parametrize("mark", [b"", b"\1"], ids=["as they are", "marked"])
def test_a_login(mark: bytes) -> None:
    """The server may send the parameters with the mark of authentication data, or without."""
    script = log_in(
        "parsec",
        *(switch(b"parsec", LONG), b"", mark + PARAMETERS, lambda sent: accepts(LONG, sent), ok()),
        session={"plugin": "parsec", "refusals": []},
    )
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)
    assert flip_everywhere(script) == 8 * len(script.reply)
