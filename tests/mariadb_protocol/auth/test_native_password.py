from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.auth.native_password import native_password, scramble
from tests.support.script_fields import proves

CHALLENGE = bytes(range(20))


@pytest.mark.parametrize(
    ("password", "answer"),
    [
        (b"s3cret", "0bd8b0e24becc01086e2273997e285e6e5de5d59"),
        ("pässwörd€".encode(), "03aa3efde337519fecf4955f9690a15cd00b7fbe"),
    ],
)
def test_known_answers(password: bytes, answer: str) -> None:
    assert scramble(password, CHALLENGE).hex() == answer


@given(st.binary(min_size=1, max_size=80), st.binary(min_size=20, max_size=20))
def test_the_server_accepts_the_answer(password: bytes, challenge: bytes) -> None:
    assert proves(password, challenge, scramble(password, challenge))
    assert not proves(password + b"x", challenge, scramble(password, challenge))


def test_the_nul_behind_the_challenge_does_not_count() -> None:
    assert next(native_password(b"s3cret", CHALLENGE + b"\0")) == scramble(b"s3cret", CHALLENGE)


def test_an_empty_password_has_an_empty_answer() -> None:
    assert next(native_password(b"", CHALLENGE)) == b""


def test_it_answers_once() -> None:
    exchange = native_password(b"s3cret", CHALLENGE)
    assert len(next(exchange)) == 20
    with pytest.raises(StopIteration):
        exchange.send(b"more")
