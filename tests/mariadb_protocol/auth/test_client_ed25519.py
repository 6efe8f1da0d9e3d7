from __future__ import annotations

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol import RemoteProtocolError
from mariadb_protocol.auth.client_ed25519 import client_ed25519
from tests.support.faults import cut_everywhere
from tests.support.script_auth import LONG, attempt, log_in
from tests.support.scripts import ok, packets, replay_all_ways, switch

# What MariaDB keeps of "secret", as the documentation shows it.
STORED = b64decode("ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY=")


def answer(password: bytes, challenge: bytes) -> bytes:
    (found,) = list(client_ed25519(attempt(password), challenge))
    assert found is not None
    return found


def accepts(stored: bytes, challenge: bytes, signature: bytes) -> bool:
    Ed25519PublicKey.from_public_bytes(stored).verify(signature, challenge)  # raises if it does not
    return True


def test_the_server_accepts_the_answer() -> None:
    assert accepts(STORED, LONG, answer(b"secret", LONG))


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_password_of_the_length_of_a_seed(password: bytes, challenge: bytes) -> None:
    """There it is the Ed25519 of RFC 8032."""
    assert answer(password, challenge) == Ed25519PrivateKey.from_private_bytes(password).sign(challenge)


def test_an_empty_password_signs_too() -> None:
    assert len(answer(b"", LONG)) == 64


def test_the_nul_behind_the_challenge_does_not_count() -> None:
    assert answer(b"secret", LONG + b"\0") == answer(b"secret", LONG)


@pytest.mark.parametrize("challenge", [b"", LONG[:-1], LONG + b"x", LONG + b"\0\0", bytes(20)])
def test_challenges_of_another_length(challenge: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match=f"wants a challenge of 32 bytes, the server sent {len(challenge)}$"):
        next(client_ed25519(attempt(), challenge))


@pytest.mark.parametrize(
    ("password", "way", "stored"),
    [
        (b"secret", "TLS unverified", STORED),
        (b"", "TLS unverified", None),
        # Nothing needs it there, and it costs as much as the signature.
        *((b"secret", way, None) for way in ("plain", "unix socket", "TLS by chain", "TLS proven")),
    ],
)
def test_what_the_proof_of_the_server_needs(password: bytes, way: str, stored: bytes | None) -> None:
    login = attempt(password, way)
    next(client_ed25519(login, LONG))
    assert login.hash == stored


def test_a_login() -> None:
    script = log_in(
        "ed25519",
        switch(b"client_ed25519", LONG),
        lambda sent: accepts(STORED, LONG, sent),
        ok(),
        password=b"secret",
        response=("mysql_native_password", lambda sent: len(sent) == 20),
        session={"plugin": "client_ed25519", "refusals": []},
    )
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply) > len(packets(0, LONG))
