from __future__ import annotations

import pytest

from mariadb_protocol.auth.old_password import hash_323, old_password, scramble
from tests.support.faults import cut_everywhere
from tests.support.script_auth import OTHER, attempt, log_in
from tests.support.scripts import CHALLENGE, ok, replay_all_ways, switch

SEED = b"12345678"


def test_known_answer() -> None:
    """Bytes that MariaDB's own client has sent."""
    assert list(old_password(attempt(b"s3cret"), SEED)) == [b"OVZDVW\\_\0"]


@pytest.mark.parametrize("rest", [b"\0", b"901234567890\0"])
def test_only_eight_bytes_of_the_challenge_count(rest: bytes) -> None:
    assert list(old_password(attempt(b"s3cret"), SEED + rest)) == [b"OVZDVW\\_\0"]


@pytest.mark.parametrize(
    ("password", "stored"),
    [(b"mypass", "6f8c114b58f2ce9e"), (b"password", "5d2e19393cc5ef67"), (b"test", "378b243e220ca493")],
)
def test_known_hashes(password: bytes, stored: str) -> None:
    """As OLD_PASSWORD() has them."""
    first, second = hash_323(password)
    assert f"{first:08x}{second:08x}" == stored


def test_spaces_and_tabs_do_not_count() -> None:
    assert hash_323(b" s3\tcr et ") == hash_323(b"s3cret") != hash_323(b"s3cr\net")


@pytest.mark.parametrize("password", [b"\xff" * 200, "pässwörd€".encode()])
def test_any_bytes(password: bytes) -> None:
    """No byte of the answer can be taken for its end."""
    assert max(hash_323(password)) < 1 << 31
    answer = scramble(password, SEED)
    assert len(answer) == 8
    assert all(0x40 <= byte < 0x60 for byte in answer)


def test_an_empty_password_has_an_empty_answer() -> None:
    assert list(old_password(attempt(b""), SEED)) == [b""]


@pytest.mark.parametrize(
    ("asked", "challenge"),
    [
        (b"\xfe", CHALLENGE),
        (switch(b"mysql_old_password", b""), CHALLENGE),
        (switch(b"mysql_old_password", OTHER + b"\0"), OTHER),
    ],
    ids=["short form", "without a challenge", "with a challenge"],
)
def test_a_switch(asked: bytes, challenge: bytes) -> None:
    """One without a challenge means the greeting's."""
    plugins = frozenset({"mysql_native_password", "mysql_old_password"})
    answer = scramble(b"s3cret", challenge[:8]) + b"\0"
    session = {"plugin": "mysql_old_password", "refusals": []}
    script = log_in("old", asked, answer, ok(), plugins=plugins, session=session)
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)
