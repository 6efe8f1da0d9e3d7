"""RSA-OAEP against the private keys of `cryptography`, and public keys as an evil server would send them."""

from __future__ import annotations

import os
from base64 import encodebytes
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.crypto.rsa import MAX_PEM_SIZE, encrypt, public_numbers
from mariadb_protocol.errors import LocalProtocolError, RemoteProtocolError
from tests.support import der
from tests.support.der import integer, public_key_info, sequence, spoiled, tlv

OAEP = padding.OAEP(padding.MGF1(SHA1()), SHA1(), None)
FORMATS = (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1)
N = 2**2047 + 1  # no modulus, but it looks like one


@cache
def private_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def pem_of(key: rsa.RSAPrivateKey, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, form)


def armour(data: bytes, label: str = "RSA PUBLIC KEY") -> bytes:
    return f"-----BEGIN {label}-----\n".encode() + encodebytes(data) + f"-----END {label}-----\n".encode()


def key(n: int = N, e: int = 65537) -> bytes:
    return sequence(integer(n), integer(e))


# Encryption


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("bits", [1024, 1032, 1031, 2048, 3072])
def test_the_private_key_decrypts(bits: int, form: PublicFormat) -> None:
    size = (bits + 7) // 8
    for message in (b"", b"\0", b"secret\0", os.urandom(size - 42)):
        found = encrypt(pem_of(private_key(bits), form), message, os.urandom)
        assert len(found) == size
        assert private_key(bits).decrypt(found, OAEP) == message


@given(st.binary(max_size=214), st.binary(min_size=20, max_size=20))
def test_any_message_and_seed(message: bytes, seed: bytes) -> None:
    asked = []

    def random_bytes(count: int) -> bytes:
        asked.append(count)
        return seed

    found = encrypt(pem_of(private_key()), message, random_bytes)
    assert private_key().decrypt(found, OAEP) == message
    assert encrypt(pem_of(private_key()), message, random_bytes) == found
    assert asked == [20, 20]


def test_another_seed_gives_another_ciphertext() -> None:
    pem = pem_of(private_key())
    assert encrypt(pem, b"secret", bytes) != encrypt(pem, b"secret", lambda count: b"\1" * count)


@pytest.mark.parametrize(("bits", "longest"), [(1024, 86), (2048, 214)])
def test_a_message_that_is_too_long(bits: int, longest: int) -> None:
    pem = pem_of(private_key(bits))
    message = f"^{longest + 1} bytes to encrypt with an RSA key that takes {longest}$"
    with pytest.raises(LocalProtocolError, match=message):
        encrypt(pem, bytes(longest + 1), os.urandom)


# Keys


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("change", [lambda pem: pem, bytes.strip, lambda pem: pem.replace(b"\n", b"\r\n")])
def test_keys_are_read_as_cryptography_reads_them(change: object, form: PublicFormat) -> None:
    assert callable(change)
    pem = change(pem_of(private_key(), form))
    other = load_pem_public_key(pem)
    assert isinstance(other, rsa.RSAPublicKey)
    numbers = other.public_numbers()
    assert public_numbers(pem) == (numbers.n, numbers.e)


@pytest.mark.parametrize("n", [2**1023 + 1, 2**16384 - 1], ids=int.bit_length)
@pytest.mark.parametrize("e", [3, 65537, 2**32 - 1])
def test_numbers_at_borders(n: int, e: int) -> None:
    assert public_numbers(armour(key(n, e))) == (n, e)
    assert len(encrypt(armour(key(n, e)), b"x", os.urandom)) == (n.bit_length() + 7) // 8


BITS_ALLOWED = "1024 to 16384 allowed"
NUMBERS = [
    (2**1023 - 1, 3, f"a modulus of 1023 bits, {BITS_ALLOWED}"),
    (2**16384 + 1, 3, f"a modulus of 16385 bits, {BITS_ALLOWED}"),
    (0, 3, f"a modulus of 0 bits, {BITS_ALLOWED}"),
    (-N, 3, f"a modulus of 0 bits, {BITS_ALLOWED}"),
    (N + 1, 3, "an even modulus"),
    (N, 2, "an exponent of 2 bits, 3 to 4294967296 allowed"),
    (N, 1, "an exponent of 1 bits, 3 to 4294967296 allowed"),
    (N, 0, "an exponent of 0 bits, 3 to 4294967296 allowed"),
    (N, -3, "an exponent of 2 bits, 3 to 4294967296 allowed"),
    (N, 2**32 + 1, "an exponent of 33 bits, 3 to 4294967296 allowed"),
    (N, 2**32, "an even exponent"),
    (N, 65536, "an even exponent"),
]


@pytest.mark.parametrize(("n", "e", "fact"), NUMBERS, ids=range(len(NUMBERS)))
def test_numbers_that_no_key_may_have(n: int, e: int, fact: str) -> None:
    for pem in (armour(key(n, e)), armour(public_key_info(key(n, e)), "PUBLIC KEY")):
        with pytest.raises(RemoteProtocolError, match=f"^RSA public key with {fact}$"):
            encrypt(pem, b"x", os.urandom)


def test_a_key_that_is_longer_than_any() -> None:
    longest = pem_of(private_key()).rjust(MAX_PEM_SIZE)
    assert public_numbers(longest) == public_numbers(pem_of(private_key()))
    with pytest.raises(RemoteProtocolError, match=r"^RSA public key of 16385 bytes, 16384 allowed$"):
        public_numbers(b" " + longest)


PUBLIC = armour(key())


@pytest.mark.parametrize("end", [b"\0", b"\n\0", b"\0" * 5])
def test_nuls_behind_a_key(end: bytes) -> None:
    """The file of a MySQL's own key ends with one."""
    assert public_numbers(PUBLIC + end) == public_numbers(PUBLIC.strip() + end) == (N, 65537)


def test_nuls_behind_a_key_count() -> None:
    longest = PUBLIC.ljust(MAX_PEM_SIZE, b"\0")
    assert public_numbers(longest) == (N, 65537)
    with pytest.raises(RemoteProtocolError, match=r"^RSA public key of 16385 bytes, 16384 allowed$"):
        public_numbers(longest + b"\0")


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"\0",
        b"\n\0\0",
        PUBLIC.replace(b"-----END", b"----END"),
        PUBLIC.replace(b"RSA PUBLIC", b"RSA PRIVATE"),
        PUBLIC.replace(b"END RSA", b"END"),
        b"x" + PUBLIC,
        b"\0" + PUBLIC,
        PUBLIC + b"\0x",
        PUBLIC + b"\0\n",
        PUBLIC[: len(PUBLIC) // 2],
        armour(b"", "CERTIFICATE"),
    ],
)
def test_what_is_no_pem(pem: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        public_numbers(pem)
    assert str(caught.value) == f"RSA public key of {len(pem)} bytes is no PEM: it begins with {pem[:32]!r}"


@pytest.mark.parametrize(
    ("body", "size"),
    [
        (b"A", 1),
        (b"AAA", 3),
        (b"AA*AA=", 6),
        (b"AAA=AAAA", 8),
        (b"AAB=", 4),  # bits that belong to no byte
        (b"AA==\n====", 8),
        (b"Proc-Type: 4\n\nAAAA", 15),
        (b"AA\0AA", 5),
        ("äAAAA".encode(), 6),
    ],
)
def test_malformed_base64(body: bytes, size: int) -> None:
    pem = b"-----BEGIN PUBLIC KEY-----\n" + body + b"\n-----END PUBLIC KEY-----\n"
    with pytest.raises(RemoteProtocolError, match=f"^RSA public key in malformed base64 of {size} characters$"):
        public_numbers(pem)


EC_KEY = ec.generate_private_key(ec.SECP256R1()).public_key()


@pytest.mark.parametrize(
    ("label", "data", "fact"),
    [
        ("RSA PUBLIC KEY", b"", "wants 1 byte at offset 0, 0 left"),
        ("RSA PUBLIC KEY", key() + b"x", "has 1 bytes after its last field"),
        ("RSA PUBLIC KEY", sequence(integer(N), integer(3), integer(1)), "has 3 bytes after its last field"),
        ("RSA PUBLIC KEY", sequence(integer(N)), "wants 1 byte at offset 261, 0 left"),
        ("RSA PUBLIC KEY", sequence(tlv(4, b"x")), "has the tag 0x04 at offset 0, 0x02 expected"),
        ("RSA PUBLIC KEY", public_key_info(key()), "has the tag 0x30 at offset 0, 0x02 expected"),
        ("PUBLIC KEY", key(), "has the tag 0x02 at offset 0, 0x30 expected"),
        ("PUBLIC KEY", public_key_info(key()) + b"xy", "has 2 bytes after its last field"),
        ("PUBLIC KEY", public_key_info(key() + b"x"), "has 1 bytes after its last field"),
        ("PUBLIC KEY", public_key_info(key(), der.RSA_ENCRYPTION), "wants 1 byte at offset 11, 0 left"),
        ("PUBLIC KEY", public_key_info(key(), der.RSA_ENCRYPTION + der.NULL * 2), "has 2 bytes after its last field"),
        ("PUBLIC KEY", sequence(sequence(der.RSA_ENCRYPTION, der.NULL), der.bits(key()), b"x"), "has 1 bytes after"),
        ("PUBLIC KEY", sequence(sequence(der.RSA_ENCRYPTION, der.NULL), tlv(4, key())), "has the tag 0x04 at"),
    ],
)
def test_malformed_keys(label: str, data: bytes, fact: str) -> None:
    with pytest.raises(RemoteProtocolError, match=rf"^malformed RSA public key of \d+ bytes: {fact}"):
        public_numbers(armour(data, label))


def test_a_key_of_another_kind() -> None:
    message = r"^public key of the algorithm 1\.2\.840\.10045\.2\.1, RSA \(1\.2\.840\.113549\.1\.1\.1\) expected$"
    with pytest.raises(RemoteProtocolError, match=message):
        public_numbers(EC_KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


# Fuzzing


def survives(pem: bytes) -> None:
    """Any bytes give a key that is in order, or a RemoteProtocolError."""
    try:
        n, e = public_numbers(pem)
    except RemoteProtocolError:
        return
    assert 1024 <= n.bit_length() <= 16384
    assert n & e & 1
    assert 3 <= e <= 2**32
    assert len(encrypt(pem, b"x", bytes)) == (n.bit_length() + 7) // 8


@given(st.data())
def test_spoiled_pem(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(FORMATS))
    survives(data.draw(spoiled(pem_of(private_key(1024), form))))


@given(st.data())
def test_spoiled_der(data: st.DataObject) -> None:
    plain = private_key(1024).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    survives(armour(data.draw(spoiled(plain)), "PUBLIC KEY"))


@given(st.integers(-(2**1100), 2**1100), st.integers(-(2**34), 2**34))
def test_any_numbers(n: int, e: int) -> None:
    survives(armour(key(n, e)))
