"""proof.py: the server shows that it knows the password's hash, or does not."""

from __future__ import annotations

from hashlib import pbkdf2_hmac, sha512
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mariadb_protocol import OkPacket, SecurityError
from mariadb_protocol.auth.proof import check_proof
from mariadb_protocol.security import Proof, Verified
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_auth import (
    CERTIFICATE,
    CHANNELS,
    LONG,
    NATIVE,
    OTHER,
    SECRET,
    attempt,
    channel,
    log_in,
    native,
    native_hash,
    server_proof,
    sha2_scramble,
)
from tests.support.scripts import AUTOCOMMIT, CHALLENGE, Script, ok, replay, replay_all_ways, switch, text

NO_RESPONSE = ("mysql_native_password", b"")
NONE_NAMED = ("none", b"")
PARAMETERS = b"P\0" + bytes(range(1, 19))
# A password of 32 bytes: for client_ed25519 it is a seed as RFC 8032 has it, so that `cryptography` knows its key.
SEED = b"a password of just 32 characters"
ED25519 = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
DERIVED = Ed25519PrivateKey.from_private_bytes(pbkdf2_hmac("sha512", SEED, PARAMETERS[2:], 1024, 32))
PARSEC = PARAMETERS + DERIVED.public_key().public_bytes_raw()
WRONG = "the server's proof that it knows the password is wrong: somebody may be in the middle"
MISSING = "the server's certificate is not verified, and the server does not prove that it knows the password"


def says(info: bytes) -> bytes:
    """The OK that ends the login, with this info."""
    return ok(tail=text(info) if info else b"")


def signs(sent: bytes) -> bool:
    Ed25519PrivateKey.from_private_bytes(SEED).public_key().verify(sent, LONG)  # raises if it does not
    return True


def derives(sent: bytes) -> bool:
    DERIVED.public_key().verify(sent[32:], LONG + sent[:32])
    return True


# plugin -> what comes before the OK, and how the server makes its proof then
ROADS: dict[str, tuple[list[Any], bytes, bytes]] = {
    "native": ([], native_hash(SEED), CHALLENGE),
    "a switch to native": ([NATIVE, native(OTHER, SEED)], native_hash(SEED), OTHER),
    "ed25519": ([switch(b"client_ed25519", LONG), signs], ED25519, CHALLENGE),
    "parsec": ([switch(b"parsec", LONG), b"", PARAMETERS, derives], PARSEC, CHALLENGE),
    # The challenge of the last switch to native counts, whatever comes behind it.
    "native, then ed25519": ([NATIVE, native(OTHER, SEED), switch(b"client_ed25519", LONG), signs], ED25519, OTHER),
    "ed25519, then native": (
        [switch(b"client_ed25519", LONG), signs, NATIVE, native(OTHER, SEED)],
        native_hash(SEED),
        OTHER,
    ),
}


def proving(name: str, road: str, info: bytes, *, way: str = "TLS unverified", **more: Any) -> Script:
    first = ("mysql_native_password", native(CHALLENGE, SEED))
    if "answer" not in more and "raises" not in more:
        more["answer"] = ("ok", 0, 0, 2, 0, b"")
    said = [*ROADS[road][0], says(info)]
    return log_in(name, *said, way=way, password=SEED, response=first, **more)


@pytest.mark.parametrize("road", ROADS)
def test_a_right_proof(road: str) -> None:
    _, stored, scramble = ROADS[road]
    session = {"channel.verified": Verified.PROOF, "channel.certificate": CERTIFICATE, "refusals": []}
    info = server_proof(stored, scramble)
    replay(proving("wanted", road, info, proof=Proof.WANTED, session=session))
    script = proving("required", road, info, proof=Proof.REQUIRED, session=session)
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)


def test_a_right_proof_flipped() -> None:
    """No bit of it is without meaning."""
    script = proving("flipped", "native", server_proof(native_hash(SEED)), proof=Proof.REQUIRED)
    assert flip_everywhere(script) == 8 * len(script.reply)
    right = server_proof(native_hash(SEED))
    for position in range(1, len(right)):
        for bit in range(8):
            wrong = bytearray(right)
            wrong[position] ^= 1 << bit
            replay(proving("bit", "native", bytes(wrong), proof=Proof.WANTED, raises=SecurityError, match=f"^{WRONG}$"))


FORGERIES = {
    "another certificate": lambda stored, scramble: server_proof(stored, scramble, b"another certificate"),
    "another password": lambda stored, scramble: server_proof(native_hash(b"guess"), scramble),
    "another challenge": lambda stored, scramble: server_proof(stored, bytes(20)),
    "nothing to be kept of a password": lambda stored, scramble: server_proof(b"", scramble),
    "lower case": lambda stored, scramble: server_proof(stored, scramble).lower(),
    "cut": lambda stored, scramble: server_proof(stored, scramble)[:-1],
    "longer": lambda stored, scramble: server_proof(stored, scramble) + b"0",
    "no text": lambda stored, scramble: b"\1\xff\xfe",
    "another mark behind the mark": lambda stored, scramble: b"\1" + server_proof(stored, scramble),
}


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("demand", [Proof.WANTED, Proof.REQUIRED])
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_wrong_proof(road: str, demand: str, forgery: str) -> None:
    """Also where none is required: whoever sends one says that this is a server that has them."""
    _, stored, scramble = ROADS[road]
    info = FORGERIES[forgery](stored, scramble)
    session = {"channel.verified": Verified.NO}
    script = proving("wrong", road, info, proof=demand, raises=SecurityError, match=f"^{WRONG}$", session=session)
    replay(script)
    replay(script, range(1, len(script.reply)))


@pytest.mark.parametrize("road", ["a switch to native", "native, then ed25519", "ed25519, then native"])
def test_the_challenge_of_the_greeting_does_not_count_behind_a_switch_to_native(road: str) -> None:
    info = server_proof(ROADS[road][1], CHALLENGE)
    replay(proving("greeting", road, info, proof=Proof.WANTED, raises=SecurityError, match=f"^{WRONG}$"))


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("info", [b"", b"\1", b"Welcome", b" \1AB"])
def test_a_missing_proof(road: str, info: bytes) -> None:
    """Info that is for people stays."""
    script = proving("missing", road, info, proof=Proof.REQUIRED, raises=SecurityError, match=f"^{MISSING}$")
    replay(script)
    replay(script, range(1, len(script.reply)))
    answer = ("ok", 0, 0, 2, 0, info)
    session = {"channel.verified": Verified.NO}
    replay(proving("missing", road, info, proof=Proof.WANTED, answer=answer, session=session))


def test_errors_are_about_the_connection() -> None:
    for info, message in ((b"", MISSING), (b"\1AB", WRONG)):
        with pytest.raises(SecurityError, match=f"^{message}$") as caught:
            check_proof(attempt(way="TLS unverified", proof=Proof.REQUIRED), OkPacket(info=info))
        assert caught.value.errno == SecurityError.TLS == 2026


# Where it does not count

RIGHT = server_proof(native_hash())
AB = b"\1AB"


@pytest.mark.parametrize("info", [RIGHT, AB])
@pytest.mark.parametrize("demand", [Proof.IGNORED, Proof.WANTED, Proof.REQUIRED])
@pytest.mark.parametrize("way", CHANNELS)
def test_where_it_counts(way: str, demand: str, info: bytes) -> None:
    """Only over TLS to a server that may be anybody; over any TLS the user does not see it."""
    login = attempt(way=way, proof=demand)
    login.hash = native_hash()
    before = channel(way)
    packet = OkPacket(info=info)
    counts = way == "TLS unverified" and demand != Proof.IGNORED
    if counts and info == AB:
        with pytest.raises(SecurityError, match=f"^{WRONG}$"):
            check_proof(login, packet)
    else:
        check_proof(login, packet)
    assert login.channel.verified == (Verified.PROOF if counts and info == RIGHT else before.verified)
    assert packet.info == (b"" if before.encrypted else info)


@pytest.mark.parametrize("demand", [Proof.IGNORED, Proof.WANTED, Proof.REQUIRED])
def test_info_in_plain_is_for_people(demand: str) -> None:
    packet = OkPacket(info=AB)
    check_proof(attempt(proof=demand), packet)
    assert packet.info == AB


IGNORED = [
    log_in("ignored", says(AB), way="TLS unverified", session={"channel.verified": Verified.NO}),
    log_in("by chain", says(AB), way="TLS by chain", proof=Proof.REQUIRED),
    log_in("by fingerprint", says(AB), way="TLS by fingerprint", proof=Proof.REQUIRED),
    log_in("unix socket", says(AB), way="unix socket, TLS unverified", proof=Proof.REQUIRED),
    log_in("in plain", says(AB), answer=("ok", 0, 0, 2, 0, AB), proof=Proof.REQUIRED),
]


@pytest.mark.parametrize("script", IGNORED, ids=repr)
def test_it_is_not_looked_at(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)


# Without a password, or by a plugin that proves nothing

EMPTY: dict[str, Any] = {"password": b"", "response": NO_RESPONSE, "way": "TLS unverified"}
FORGED = [
    log_in("no password", says(server_proof(native_hash(b""))), **EMPTY, proof=Proof.WANTED),
    # Where one is required, no plugin is used without a password.
    log_in(
        "no password, required",
        says(server_proof(native_hash(b""))),
        **{**EMPTY, "response": NONE_NAMED},
        proof=Proof.REQUIRED,
    ),
    # A password, and the server asks for no answer to a challenge.
    log_in(
        "no plugin was named",
        says(RIGHT),
        greets=b"client_ed25519",
        response=NONE_NAMED,
        way="TLS unverified",
        proof=Proof.WANTED,
    ),
    log_in(
        "no password, ed25519",
        *(switch(b"client_ed25519", LONG), lambda sent: True, says(server_proof(sha512(b"").digest()[:32]))),
        **EMPTY,
        proof=Proof.WANTED,
    ),
    log_in(
        "no password, parsec",
        *(switch(b"parsec", LONG), b"", PARAMETERS, lambda sent: True, says(server_proof(PARAMETERS + bytes(32)))),
        **EMPTY,
        proof=Proof.WANTED,
    ),
    # The hash of the plugin that was left does not count.
    log_in(
        "native, then caching_sha2",
        *(switch(b"caching_sha2_password", OTHER), sha2_scramble(SECRET, OTHER), [b"\1\3", says(RIGHT)]),
        way="TLS unverified",
        proof=Proof.WANTED,
    ),
]


@pytest.mark.parametrize("script", FORGED, ids=repr)
def test_a_proof_of_nothing(script: Script) -> None:
    """Anybody could make it."""
    script.raises, script.match, script.state = SecurityError, f"^{WRONG}$", "broken"
    replay_all_ways(script)


def test_without_a_password_and_a_proof() -> None:
    replay_all_ways(log_in("empty", ok(), **EMPTY, proof=Proof.WANTED, answer=AUTOCOMMIT))
    required = {**EMPTY, "response": NONE_NAMED, "proof": Proof.REQUIRED}
    replay_all_ways(log_in("empty", ok(), **required, raises=SecurityError, match=f"^{MISSING}$"))


def test_without_a_plugin_and_a_proof() -> None:
    """The greeting's plugin cannot answer a greeting, and then the server wants no answer at all."""
    login: dict[str, Any] = {"greets": b"client_ed25519", "response": NONE_NAMED, "way": "TLS unverified"}
    replay_all_ways(log_in("none", ok(), **login, proof=Proof.WANTED, session={"plugin": ""}))
    replay_all_ways(log_in("none", ok(), **login, proof=Proof.REQUIRED, raises=SecurityError, match=f"^{MISSING}$"))
