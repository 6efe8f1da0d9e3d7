"""Both ways of doing cryptography, with `cryptography` and without, give the same results."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from mariadb_protocol.crypto import Crypto, ed25519
from mariadb_protocol.errors import LocalProtocolError, RemoteProtocolError
from mariadb_py.io.crypto import provider

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
ED25519 = "cryptography.hazmat.primitives.asymmetric.ed25519"
RSA = "cryptography.hazmat.primitives.asymmetric.rsa"
OAEP = padding.OAEP(padding.MGF1(SHA1()), SHA1(), None)
SEED = bytes(range(32))


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem() -> bytes:
    return private_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def never(*_: object) -> bytes:
    raise AssertionError("pure Python was asked")


class Broken:
    """A module that raises when something is taken from it."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self.error


class PanicException(BaseException):
    """Named like what the compiled part of cryptography raises."""


def spoil(monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    """Put something in the place of cryptography's modules; None: as if it were not installed."""
    for name in (ED25519, RSA):
        monkeypatch.setitem(sys.modules, name, module)


def test_random_bytes_come_from_the_system() -> None:
    assert provider().random_bytes is os.urandom


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_both_ways_sign_alike(seed: bytes, message: bytes) -> None:
    crypto, pure = provider(), Crypto(os.urandom)
    assert crypto.sign(seed, message) == pure.sign(seed, message)
    assert crypto.public_key(seed) == pure.public_key(seed)


@settings(deadline=None)
@given(st.binary(max_size=214))
def test_both_ways_encrypt_for_the_same_key(message: bytes) -> None:
    for crypto in (provider(), Crypto(os.urandom)):
        assert private_key().decrypt(crypto.rsa_encrypt(pem(), message, crypto.random_bytes), OAEP) == message


def test_cryptography_is_used_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ed25519, "sign", never)
    monkeypatch.setattr(ed25519, "public_key", never)
    crypto = provider()
    assert len(crypto.sign(SEED, b"")) == 64
    assert len(crypto.public_key(SEED)) == 32
    assert private_key().decrypt(crypto.rsa_encrypt(pem(), b"secret", never), OAEP) == b"secret"


@pytest.mark.parametrize(
    "module",
    [
        None,
        object(),
        Broken(ImportError("cannot import name 'x'")),
        Broken(RuntimeError("OpenSSL 3.0's legacy provider failed to load")),
        Broken(Exception("Version mismatch")),
        Broken(PanicException("Python API call failed")),
    ],
    ids=["absent", "old", "import", "runtime", "plain", "panic"],
)
def test_without_it_pure_python_does_the_work(monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    spoil(monkeypatch, module)
    crypto = provider()
    assert crypto.sign(SEED, b"message") == ed25519.sign(SEED, b"message")
    assert crypto.public_key(SEED) == ed25519.public_key(SEED)
    fixed = Crypto(bytes).rsa_encrypt(pem(), b"secret", bytes)
    assert crypto.rsa_encrypt(pem(), b"secret", bytes) == fixed
    assert private_key().decrypt(fixed, OAEP) == b"secret"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), TimeoutError("from a signal handler")])
def test_an_interruption_is_no_failure_of_cryptography(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    spoil(monkeypatch, Broken(error))
    crypto = provider()
    calls: list[Callable[[], bytes]] = [
        lambda: crypto.sign(SEED, b""),
        lambda: crypto.public_key(SEED),
        lambda: crypto.rsa_encrypt(pem(), b"", bytes),
    ]
    for call in calls:
        with pytest.raises(type(error)) as caught:
            call()
        assert caught.value is error


# What is wrong is refused alike


def both(monkeypatch: pytest.MonkeyPatch, error: type[Exception], call: Callable[[Crypto], object]) -> set[str]:
    """What the two ways say."""
    said = set()
    for module in ("cryptography", None):
        if module is None:
            spoil(monkeypatch, None)
        with pytest.raises(error) as caught:
            call(provider())
        assert type(caught.value) is error
        said.add(str(caught.value))
    return said


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_of_another_length(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    expected = {f"an Ed25519 seed has 32 bytes, not {size}"}
    with monkeypatch.context() as patch:
        assert both(patch, LocalProtocolError, lambda crypto: crypto.sign(bytes(size), b"")) == expected
    assert both(monkeypatch, LocalProtocolError, lambda crypto: crypto.public_key(bytes(size))) == expected


def test_a_message_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    said = both(monkeypatch, LocalProtocolError, lambda crypto: crypto.rsa_encrypt(pem(), bytes(215), bytes))
    assert said == {"215 bytes to encrypt with an RSA key that takes 214"}


@pytest.mark.parametrize(
    ("key", "fact"),
    [
        (b"key", "RSA public key of 3 bytes is no PEM: it begins with b'key'"),
        (pem().replace(b"MII", b"MIH", 1), None),
        (pem().replace(b"BgkqhkiG9w0BAQEF", b"BgkqhkiG9w0BAQEE"), None),
    ],
)
def test_a_bad_key(monkeypatch: pytest.MonkeyPatch, key: bytes, fact: str | None) -> None:
    said = both(monkeypatch, RemoteProtocolError, lambda crypto: crypto.rsa_encrypt(key, b"secret", bytes))
    assert len(said) == 1
    assert fact is None or said == {fact}


PROBE = """
import sys
sys.path[:0] = {paths!r}
from mariadb_py.io.crypto import provider
crypto = provider()
print("cryptography" in sys.modules)
crypto.sign(bytes(32), b"")
print("cryptography" in sys.modules)
"""


def test_it_is_imported_when_it_is_first_needed() -> None:
    code = PROBE.format(paths=[str(ROOT), str(ROOT / "protocol")])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "True"]
