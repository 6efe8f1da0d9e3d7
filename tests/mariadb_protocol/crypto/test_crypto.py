from __future__ import annotations

from mariadb_protocol.crypto import Crypto, ed25519, rsa


def fixed(count: int) -> bytes:
    return bytes(count)


def test_what_is_not_given_is_pure_python() -> None:
    crypto = Crypto(fixed)
    assert crypto.random_bytes is fixed
    assert crypto.sign is ed25519.sign
    assert crypto.public_key is ed25519.public_key
    assert crypto.rsa_encrypt is rsa.encrypt


def test_what_is_given_is_taken() -> None:
    crypto = Crypto(
        fixed, lambda seed, message: b"sign", lambda seed: b"key", lambda pem, message, random_bytes: random_bytes(3)
    )
    assert crypto.sign(b"seed", b"message") == b"sign"
    assert crypto.public_key(b"seed") == b"key"
    assert crypto.rsa_encrypt(b"pem", b"message", crypto.random_bytes) == bytes(3)
