"""Ed25519 against RFC 8032, against `cryptography` and against what MariaDB's server has accepted."""

from __future__ import annotations

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.crypto import ed25519
from mariadb_protocol.crypto.ed25519 import password_public_key, public_key, sign, sign_password
from mariadb_protocol.errors import LocalProtocolError

# RFC 8032 section 7.1: name, seed, public key, message, signature.
VECTORS = [
    (
        "TEST 1",
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0"
        "595bbe24655141438e7a100b",
    ),
    (
        "TEST 2",
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eae"
        "b4302aeeb00d291612bb0c00",
    ),
    (
        "TEST 3",
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9"
        "716ed28dc027beceea1ec40a",
    ),
    (
        "TEST 1024",
        "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
        "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98fa6e264bf09efe12ee50f8f54e9f77b1e355f6c5"
        "0544e23fb1433ddf73be84d879de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b270b20329d658675fc6ea534e0"
        "810a4432826bf58c941efb65d57a338bbd2e26640f89ffbc1a858efcb8550ee3a5e1998bd177e93a7363c344fe6b199ee5d02e82"
        "d522c4feba15452f80288a821a579116ec6dad2b3b310da903401aa62100ab5d1a36553e06203b33890cc9b832f79ef80560ccb9"
        "a39ce767967ed628c6ad573cb116dbefefd75499da96bd68a8a97b928a8bbc103b6621fcde2beca1231d206be6cd9ec7aff6f6c9"
        "4fcd7204ed3455c68c83f4a41da4af2b74ef5c53f1d8ac70bdcb7ed185ce81bd84359d44254d95629e9855a94a7c1958d1f8ada5"
        "d0532ed8a5aa3fb2d17ba70eb6248e594e1a2297acbbb39d502f1a8c6eb6f1ce22b3de1a1f40cc24554119a831a9aad6079cad88"
        "425de6bde1a9187ebb6092cf67bf2b13fd65f27088d78b7e883c8759d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63bcbcc"
        "2732e69485bbc9c90bfbd62481d9089beccf80cfe2df16a2cf65bd92dd597b0707e0917af48bbb75fed413d238f5555a7a569d80"
        "c3414a8d0859dc65a46128bab27af87a71314f318c782b23ebfe808b82b0ce26401d2e22f04d83d1255dc51addd3b75a2b1ae078"
        "4504df543af8969be3ea7082ff7fc9888c144da2af58429ec96031dbcad3dad9af0dcbaaaf268cb8fcffead94f3c7ca495e056a9"
        "b47acdb751fb73e666c6c655ade8297297d07ad1ba5e43f1bca32301651339e22904cc8c42f58c30c04aafdb038dda0847dd988d"
        "cda6f3bfd15c4b4c4525004aa06eeff8ca61783aacec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34dff7310fdc"
        "82aebfd904b01e1dc54b2927094b2db68d6f903b68401adebf5a7e08d78ff4ef5d63653a65040cf9bfd4aca7984a74d371459867"
        "80fc0b16ac451649de6188a7dbdf191f64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e488acba6b965610b5480109c8"
        "b17b80e1b7b750dfc7598d5d5011fd2dcc5600a32ef5b52a1ecc820e308aa342721aac0943bf6686b64b2579376504ccc493d97e"
        "6aed3fb0f9cd71a43dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5fb93246f6b1116398a346f1a641f3b041e989f791"
        "4f90cc2c7fff357876e506b50d334ba77c225bc307ba537152f3f1610e4eafe595f6d9d90d11faa933a15ef1369546868a7f3a45"
        "a96768d40fd9d03412c091c6315cf4fde7cb68606937380db2eaaa707b4c4185c32eddcdd306705e4dc1ffc872eeee475a64dfac"
        "86aba41c0618983f8741c5ef68d3a101e8a3b8cac60c905c15fc910840b94c00a0b9d0",
        "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b5e8fcd4f"
        "681e30a6ac00a9704a188a03",
    ),
    (
        "TEST SHA(abc)",
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423"
        "643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c"
        "138ac17ad9bef1177331a704",
    ),
]
# What MariaDB 10.11 keeps of a password, the challenge that it sent, and the answer that it let in.
LOGINS = [
    (
        "secret",
        "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY=",
        "73fb9cca1027160f5aba46986466052e3f3dfb2d804c8f89d7d164d5259350b1",
        "e0f0ea8dd649de1ccafda3f731bbab94e416673702663fef4734754ec16f79da"
        "010bdfd16b8e2f2a2cee08f03f7f536228f00beb9c454007a83a9426285ae70e",
    ),
    (
        "x",
        "Gv2JI8Env2fd5YGonZ082tX3UAW+yJYldOlj4R1bfK4=",
        "d88a5678288af589d2d5b60b37b4a7b5dcbbc39f1474a414ff178bbb0824da59",
        "022f41de7c77ad368d5b2967467bd949e7f207071c5e3b17951e291505c1bae5"
        "b572504cf2ea3e3ebd408a6d9acad54cbf8dce52e9fb3e6aedf0575d5058500a",
    ),
    (
        "pässwörd€",
        "1gvWC6tH+FOorVZzfeRfnfXeE9Q8JC9UVYOwlkhV/1w=",
        "0d8a4f46e0d9c057dcc386e57e344d064103f6f6005d1db522a2848efebc188c",
        "da938dbff5a712726a8923c8befa0ebba3835c5b0508e5fcdc3d0e3c8970782a"
        "737b53217f844b87a59fb9dbdcd71d7ea04eee6985a2f44b149ffe2edd1a1f02",
    ),
    (
        "b" * 200,
        "qvoHhmGpZYlgEdK3+9ZFfH57Ttx7dFk4Fu6emGThn9s=",
        "dc587705112197b5ced98d296019c504493e1111fc36a0e87daea7bc947c6195",
        "19b9df6af36f2e2058858ed3487d3b41d26ea99b5e0071668ee88d54e6be9ded"
        "d9e0d0bce19085473b24a00e728a252ee6f9ae013fa155803fdb111081bc140d",
    ),
]
SEEDS = st.binary(min_size=32, max_size=32)
MESSAGES = st.binary(max_size=200)


@pytest.mark.parametrize(("seed", "key", "message", "signature"), [v[1:] for v in VECTORS], ids=[v[0] for v in VECTORS])
def test_rfc_8032(seed: str, key: str, message: str, signature: str) -> None:
    assert public_key(bytes.fromhex(seed)).hex() == key
    assert sign(bytes.fromhex(seed), bytes.fromhex(message)).hex() == signature


@given(SEEDS, MESSAGES)
def test_seeds_are_used_as_cryptography_uses_them(seed: bytes, message: bytes) -> None:
    other = Ed25519PrivateKey.from_private_bytes(seed)
    assert public_key(seed) == other.public_key().public_bytes_raw()
    assert sign(seed, message) == other.sign(message)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_seeds_have_32_bytes(size: int) -> None:
    message = f"^an Ed25519 seed has 32 bytes, not {size}$"
    with pytest.raises(LocalProtocolError, match=message):
        sign(bytes(size), b"")
    with pytest.raises(LocalProtocolError, match=message):
        public_key(bytes(size))


# Passwords


@pytest.mark.parametrize(("password", "stored", "challenge", "answer"), LOGINS, ids=[v[0][:9] for v in LOGINS])
def test_the_server_has_let_in(password: str, stored: str, challenge: str, answer: str) -> None:
    assert password_public_key(password.encode()) == b64decode(stored)
    assert sign_password(password.encode(), bytes.fromhex(challenge)).hex() == answer


@given(st.binary(max_size=200), MESSAGES)
def test_signatures_with_a_password_are_verified_by_its_public_key(password: bytes, message: bytes) -> None:
    Ed25519PublicKey.from_public_bytes(password_public_key(password)).verify(sign_password(password, message), message)


@given(SEEDS, MESSAGES)
def test_a_password_of_32_bytes_is_a_seed(seed: bytes, message: bytes) -> None:
    assert sign_password(seed, message) == sign(seed, message)
    assert password_public_key(seed) == public_key(seed)


# Arithmetic


def test_the_base_point_is_on_the_curve_and_has_the_order_of_the_group() -> None:
    x, y, p = ed25519._BASE_X, ed25519._BASE_Y, ed25519.P
    assert (y * y - x * x - 1 - ed25519._D * x * x * y * y) % p == 0
    neutral = bytes([1]) + bytes(31)
    assert ed25519._encode(ed25519._times_base(ed25519.L)) == neutral
    assert ed25519._encode(ed25519._times_base(0)) == neutral


@pytest.mark.parametrize("scalar", [1, 2, 3, 2**254, 2**255 - 1])
def test_the_borders_of_scalars(scalar: int) -> None:
    point = ed25519._NEUTRAL
    base = ed25519._addend(ed25519._BASE)
    for bit in f"{scalar:b}":
        point = ed25519._add(point, ed25519._addend(point))
        if bit == "1":
            point = ed25519._add(point, base)
    assert ed25519._encode(ed25519._times_base(scalar)) == ed25519._encode(point)


def test_the_powers_are_made_when_they_are_first_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ed25519, "_powers", [])
    first = public_key(bytes(32))
    kept = ed25519._powers
    assert len(kept) == 255
    assert public_key(bytes(32)) == first
    assert ed25519._powers is kept
