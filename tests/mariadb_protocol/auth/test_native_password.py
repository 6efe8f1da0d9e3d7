from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.auth.native_password import native_password
from tests.support.script_auth import attempt, native_hash
from tests.support.script_fields import proves

CHALLENGE = bytes(range(20))


def answer(password: bytes, challenge: bytes = CHALLENGE) -> bytes:
    found = next(native_password(attempt(password), challenge))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        (b"s3cret", "0bd8b0e24becc01086e2273997e285e6e5de5d59"),
        ("pässwörd€".encode(), "03aa3efde337519fecf4955f9690a15cd00b7fbe"),
    ],
)
def test_known_answers(password: bytes, expected: str) -> None:
    assert answer(password).hex() == expected


@given(st.binary(min_size=1, max_size=80), st.binary(min_size=20, max_size=20))
def test_the_server_accepts_the_answer(password: bytes, challenge: bytes) -> None:
    assert proves(password, challenge, answer(password, challenge))
    assert not proves(password + b"x", challenge, answer(password, challenge))


def test_the_nul_behind_the_challenge_does_not_count() -> None:
    assert answer(b"s3cret", CHALLENGE + b"\0") == answer(b"s3cret")


def test_an_empty_password_has_an_empty_answer() -> None:
    assert answer(b"") == b""


@pytest.mark.parametrize("password", [b"", b"s3cret"])
def test_it_answers_once(password: bytes) -> None:
    exchange = native_password(attempt(password), CHALLENGE)
    next(exchange)
    with pytest.raises(StopIteration):
        exchange.send(b"more")


@pytest.mark.parametrize(("password", "stored"), [(b"", None), (b"s3cret", native_hash(b"s3cret"))])
def test_what_the_proof_of_the_server_needs(password: bytes, stored: bytes | None) -> None:
    login = attempt(password)
    next(native_password(login, CHALLENGE + b"\0"))
    assert (login.scramble, login.hash) == (CHALLENGE, stored)
