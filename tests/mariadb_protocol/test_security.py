from __future__ import annotations

import copy
import pickle
from typing import Callable

import pytest

from mariadb_protocol import Credentials
from mariadb_protocol.auth.plugin import Attempt
from mariadb_protocol.constants import Limits
from mariadb_protocol.crypto import Crypto
from mariadb_protocol.security import Channel, Proof, Secretive, Security, Verified
from tests.support.script_auth import CHANNELS, SECRET, channel

# channel -> (a password may be sent as it is, the server may be anybody)
TABLE = {
    "plain": (False, False),
    "unix socket": (True, False),
    "TLS by chain": (True, False),
    "TLS by fingerprint": (True, False),
    "TLS unverified": (False, True),
    "TLS proven": (False, False),
    "unix socket, TLS unverified": (True, False),
}


@pytest.mark.parametrize("way", CHANNELS)
def test_channels(way: str) -> None:
    made = channel(way)
    assert (made.confidential, made.unproven) == TABLE[way]


@pytest.mark.parametrize("verified", [Verified.CHAIN, Verified.FINGERPRINT, Verified.PROOF, "something"])
def test_what_is_verified_but_not_encrypted(verified: str) -> None:
    made = Channel()
    made.verified = verified
    assert (made.confidential, made.unproven) == (False, False)


def test_an_unknown_way_to_verify_is_not_trusted_with_a_password() -> None:
    made = channel("TLS unverified")
    made.verified = "something"
    assert not made.confidential


@pytest.mark.parametrize("local", [False, True])
def test_a_channel_at_its_beginning(local: bool) -> None:
    made = Channel(local)
    assert (made.local, made.encrypted, made.verified, made.certificate) == (local, False, Verified.NO, b"")


def test_nothing_is_permitted_by_default() -> None:
    made = Security()
    assert (made.tls, made.proof, made.plugins) == (False, Proof.IGNORED, None)
    assert (made.public_key, made.retrieve_public_key) == (b"", False)
    assert (made.prompt, made.gssapi, made.crypto) == (None, None, None)


def test_what_the_user_says_is_kept() -> None:
    said = {
        "tls": True,
        "proof": Proof.REQUIRED,
        "plugins": frozenset({"parsec"}),
        "public_key": b"PEM",
        "retrieve_public_key": True,
        "prompt": lambda question, visible: "",
        "gssapi": lambda name, mechanism: lambda token: None,
        "crypto": Crypto(bytes),
    }
    made = Security(**said)  # type: ignore[arg-type]
    assert sorted(Security.__slots__) == sorted(said)
    assert {name: getattr(made, name) for name in said} == said


def test_what_shows_in_words_is_empty_only_where_nothing_is_verified() -> None:
    words = [value for name, value in vars(Verified).items() if name.isupper()]
    assert len(words) == len(set(words)) == 4
    assert [word for word in words if not word] == [Verified.NO]


class Subclass(Credentials):
    """With a dictionary, unlike its base."""


SECRETIVE = [Secretive(), Credentials(b"app", SECRET), Attempt(SECRET, Security(), Channel(), Limits()), Subclass()]
COPIES = {
    **{f"pickle {number}": lambda it, number=number: pickle.dumps(it, number) for number in range(-1, 6)},
    "pickle in a list": lambda it: pickle.dumps([it]),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("how", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("it", SECRETIVE, ids=lambda it: type(it).__name__)
def test_what_may_hold_a_password_cannot_be_pickled(it: Secretive, how: Callable[[object], object]) -> None:
    """By no protocol, and so not copied either."""
    match = f"^a {type(it).__name__} cannot be pickled: it may hold a password$"
    with pytest.raises(TypeError, match=match):
        how(it)


def test_secretive_adds_nothing() -> None:
    assert [hasattr(it, "__dict__") for it in SECRETIVE] == [False, False, False, True]


def test_neither_shows_what_is_in_it() -> None:
    made = Security(public_key=b"s3cret")
    secured = channel("TLS proven")
    secured.certificate = b"s3cret"
    assert "s3cret" not in repr(made) + str(made) + repr(secured) + str(secured)
