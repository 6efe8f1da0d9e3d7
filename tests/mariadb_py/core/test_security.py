"""What is demanded of a server, by what the user says about TLS; and how a connection is described."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol import Proof, Session, Verified
from mariadb_protocol.constants import Capability
from mariadb_py.core.options import ConnectOptions
from mariadb_py.core.security import (
    ALGORITHMS,
    TLS_NAMES,
    UNVERIFIED,
    Plan,
    TLSOptions,
    describe,
    plan,
    read_fingerprint,
    read_fingerprints,
    read_versions,
    security,
)
from mariadb_py.exceptions import ProgrammingError
from mariadb_py.io.crypto import provider

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SHA256 = "0123456789ABCDEF" * 4


def tls_of(**keywords: Any) -> TLSOptions | None:
    """The options of TLS among those of connect()."""
    return ConnectOptions.from_keywords(keywords).tls


def some_tls(**keywords: Any) -> TLSOptions:
    found = tls_of(**{"ssl": True, **keywords})
    assert found is not None
    return found


def unverified_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


# Fingerprints


@pytest.mark.parametrize("length", ALGORITHMS)
@pytest.mark.parametrize("sign", ["", ":", " ", ": "])
def test_read_fingerprint(length: int, sign: str) -> None:
    digits = (SHA256 * 2)[:length]
    pairs = [digits[at : at + 2] for at in range(0, length, 2)]
    for text in (sign.join(pairs), sign.join(pairs).lower(), f"\t{sign.join(pairs)}\r\n"):
        assert read_fingerprint(text) == digits


@pytest.mark.parametrize("length", [40, 32])
def test_weak_fingerprints(length: int) -> None:
    with pytest.raises(ValueError, match=r"^is of MD5 or SHA-1, which are too weak; take SHA-256$"):
        read_fingerprint(SHA256[:length])


@pytest.mark.parametrize(
    "text", ["", "A", SHA256[1:], SHA256 + "0", SHA256[:63] + "G", "sha256:" + SHA256, SHA256[:63] + "\u0661", "\ufffd"]
)
def test_what_is_no_fingerprint(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is the SHA-256 \(SHA-224, -384, -512\) of a certificate in hexadecimal"):
        read_fingerprint(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", 0),
        (" \n,\r\n , ", 0),
        (SHA256, 1),
        (f"{SHA256},{SHA256}", 2),
        (f"{SHA256}\r\n\r\n  {SHA256.lower()} ,\n{SHA256}\n", 3),
    ],
)
def test_read_fingerprints(text: str, found: int) -> None:
    assert read_fingerprints(text) == (SHA256,) * found


@pytest.mark.parametrize("text", [f"{SHA256} # a comment", f"# a comment\n{SHA256}", f"{SHA256};{SHA256}"])
def test_one_fingerprint_that_is_none_is_not_passed_over(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is the SHA-256 "):
        read_fingerprints(text)


@given(st.text(alphabet="0123456789abcdefABCDEF:, \n"))
def test_any_text_is_fingerprints_or_a_value_error(text: str) -> None:
    try:
        found = read_fingerprints(text)
    except ValueError:
        return
    assert all(len(one) in ALGORITHMS for one in found)


# Versions


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ("TLSv1.2", ("TLSv1.2", "TLSv1.2")),
        ("TLSv1.3", ("TLSv1.3", "TLSv1.3")),
        ("TLSv1.3,TLSv1.2", ("TLSv1.2", "TLSv1.3")),
        ("TLSv1.2..TLSv1.3", ("TLSv1.2", "TLSv1.3")),
        ("TLSv1.2..TLSv1.2", ("TLSv1.2", "TLSv1.2")),
        ("TLSv1.1..TLSv1.2", ("TLSv1.2", "TLSv1.2")),
        *((f"TLSv1{dot}..TLSv1.3", ("TLSv1.2", "TLSv1.3")) for dot in ("", ".0", ".1")),
        ("TLSv1.1,TLSv1.3", ("TLSv1.3", "TLSv1.3")),
        ("TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3", ("TLSv1.2", "TLSv1.3")),
        *((text, ("TLSv1.2", "TLSv1.2")) for text in (" tlsv1.2 ", "TLSV1_2", "TLS1.2", "tls1_2")),
    ],
)
def test_read_versions(text: str, versions: tuple[str, str]) -> None:
    assert read_versions(text) == versions


@pytest.mark.parametrize(
    "text", ["", ",", "TLSv1.2,", "TLSv1.2..", "..", "TLS", "SSLv3", "TLSv1.4", "1.2", "TLSv1.2 1.3"]
)
def test_versions_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is a list of TLSv1\.2 and TLSv1\.3$"):
        read_versions(text)


@pytest.mark.parametrize("text", ["TLSv1", "TLSv1.0", "TLSv1.1", "TLSv1.0,TLSv1.1", "TLSv1..TLSv1.1"])
def test_versions_that_are_obsolete(text: str) -> None:
    with pytest.raises(ValueError, match=r"^needs TLSv1\.2 or TLSv1\.3: older versions are obsolete \(RFC 8996\)$"):
        read_versions(text)


# Whether TLS is asked for

# Every option of TLS with a value that asks for something, and the attribute that has it then.
ASKING: dict[str, tuple[Any, str, Any]] = {
    **{f"ssl_{name}": ("/x", name, "/x") for name in ("ca", "capath", "cert", "key", "cipher", "crl", "crlpath")},
    "ssl_passphrase": ("p", "passphrase", "p"),
    "ssl_verify_cert": (True, "verify", True),
    "tls_version": ("TLSv1.3", "version", ("TLSv1.3", "TLSv1.3")),
    "tls_peer_fp": (SHA256, "fingerprints", (SHA256,)),
    "tls_peer_fp_list": ("/x", "fingerprint_list", "/x"),
}


def test_the_table_is_complete() -> None:
    assert ASKING.keys() == TLS_NAMES
    assert {attribute for _, attribute, _ in ASKING.values()} == set(TLSOptions.__slots__) - {"context"}


@pytest.mark.parametrize("name", ASKING)
def test_any_option_of_tls_asks_for_it(name: str) -> None:
    value, attribute, kept = ASKING[name]
    found = tls_of(**{name: value})
    assert found is not None
    assert getattr(found, attribute) == kept
    assert found.implied() == name
    assert found == some_tls(**{name: value})
    with pytest.raises(ProgrammingError, match=f"^ssl is switched off, and {name} asks for TLS$"):
        tls_of(**{name: value, "ssl": False})


@pytest.mark.parametrize("keywords", [{}, {"ssl": False}, {"ssl": 0}])
@pytest.mark.parametrize(
    "more", [{}, {"ssl_verify_cert": False}, {"ssl_ca": None}, {"client_flag": int(Capability.SSL) - 1}]
)
def test_nobody_asks_for_tls(keywords: dict[str, Any], more: dict[str, Any]) -> None:
    assert tls_of(**keywords, **more) is None


def test_a_capability_asks_for_tls() -> None:
    assert tls_of(client_flag=int(Capability.SSL)) == some_tls()
    assert some_tls().implied() is None
    with pytest.raises(ProgrammingError, match=r"^ssl is switched off, and client_flag asks for TLS$"):
        tls_of(client_flag=int(Capability.SSL), ssl=False)


def test_a_context_is_kept() -> None:
    context = unverified_context()
    assert some_tls(ssl=context).context is context
    assert some_tls(ssl=context, ssl_verify_cert=False, tls_peer_fp=SHA256).context is context
    assert some_tls().context is None


@pytest.mark.parametrize("name", sorted(TLS_NAMES - {"tls_peer_fp", "tls_peer_fp_list"}))
def test_a_context_and_an_option_that_it_decides(name: str) -> None:
    # ssl_verify_cert=True beside a context that verifies nothing must not look as if it were in force.
    with pytest.raises(ProgrammingError, match=f"^ssl is a context, which decides by itself: {name} is too much$"):
        tls_of(ssl=unverified_context(), **{name: ASKING[name][0]})


# TLSOptions as a key


@pytest.mark.parametrize("name", ASKING)
def test_options_are_equal_if_all_their_values_are(name: str) -> None:
    changed, plain = some_tls(**{name: ASKING[name][0]}), some_tls()
    assert changed != plain
    assert changed == some_tls(**{name: ASKING[name][0]})
    assert len({changed, plain, some_tls(**{name: ASKING[name][0]})}) == 2
    assert hash(changed) == hash(some_tls(**{name: ASKING[name][0]}))


def test_other_things_are_not_equal() -> None:
    context = unverified_context()
    assert some_tls(ssl=context) == some_tls(ssl=context) != some_tls(ssl=unverified_context())
    assert some_tls() != some_tls().key_of
    assert some_tls(ssl_verify_cert=False) != some_tls()


def test_repr_shows_what_is_set_but_no_passphrase() -> None:
    assert repr(some_tls()) == "TLSOptions()"
    every = some_tls(**{name: value for name, (value, _, _) in ASKING.items()})
    assert "passphrase" not in repr(every)
    assert repr(some_tls(ssl_passphrase="hush", ssl_key="/k")) == "TLSOptions(key='/k')"
    assert {name for name in TLSOptions.__slots__ if f"{name}=" in repr(every)} == {*TLSOptions.__slots__} - {
        "context",
        "passphrase",
    }


# How a server is verified

CONTEXT = unverified_context()
ANY, HARD, WANTED = {}, {"chain": True, "hostname": True}, {"proof": Proof.WANTED, "warn": True}
CHAIN, LISTED = {"chain": True}, {"fingerprint": True}
ASK = {**HARD, "otherwise": {"proof": Proof.REQUIRED}}
FOUR: tuple[Any, ...] = (
    *({"ssl_ca": "/ca"}, {"ssl_capath": "/cas"}, {"ssl_crl": "/crl"}, {"ssl_crlpath": "/crls"}),
    {"ssl_ca": "/ca", "ssl_crl": "/crl"},
)
FINGERPRINTS: tuple[Any, ...] = ({"tls_peer_fp": SHA256}, {"tls_peer_fp_list": "/list"})
# What the user says, and what follows for a server over TCP, and at a unix socket.
PLANS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, WANTED, ANY),
    ({"client_flag": int(Capability.SSL), "ssl": None}, WANTED, ANY),
    *(
        ({name: ASKING[name][0]}, WANTED, ANY)
        for name in ("ssl_cert", "ssl_key", "ssl_passphrase", "ssl_cipher", "tls_version")
    ),
    ({"ssl_verify_cert": True}, ASK, ANY),
    ({"ssl_verify_cert": False}, ANY, ANY),
    *((authority, HARD, CHAIN) for authority in FOUR),
    *(({**authority, "ssl_verify_cert": True}, HARD, CHAIN) for authority in FOUR),
    *(({**authority, "ssl_verify_cert": False}, ANY, ANY) for authority in FOUR),
    *((one, LISTED, LISTED) for one in FINGERPRINTS),
    *(({**one, "ssl_verify_cert": verify}, LISTED, LISTED) for one in FINGERPRINTS for verify in (True, False)),
    *(({**one, "ssl_ca": "/ca"}, LISTED, LISTED) for one in FINGERPRINTS),
    *(({**one, "ssl": CONTEXT}, LISTED, LISTED) for one in FINGERPRINTS),
    ({"ssl": CONTEXT}, ANY, ANY),
    ({"ssl": CONTEXT, "ssl_verify_cert": False}, ANY, ANY),
]


def shown(made: Plan) -> dict[str, Any]:
    """What a plan has beside the least."""
    least = Plan(made.tls)
    found = {name: getattr(made, name) for name in Plan.__slots__ if getattr(made, name) != getattr(least, name)}
    if made.otherwise is not None:
        assert made.otherwise.tls is made.tls
        found["otherwise"] = shown(made.otherwise)
    return found


@pytest.mark.parametrize(("keywords", "remote", "local"), PLANS)
def test_plans(keywords: dict[str, Any], remote: dict[str, Any], local: dict[str, Any]) -> None:
    tls = some_tls(**keywords)
    assert shown(plan(tls, False)) == remote
    assert shown(plan(tls, True)) == local
    assert plan(tls, False).tls is tls


def test_the_least_plan() -> None:
    least = Plan(some_tls())
    assert (least.chain, least.hostname, least.fingerprint, least.proof) == (False, False, False, Proof.IGNORED)
    assert (least.otherwise, least.warn) == (None, False)


# What the protocol layer is told


def test_security_without_options() -> None:
    crypto = provider()
    found = security(ConnectOptions.from_keywords({}), None, b"", crypto)
    assert {name: getattr(found, name) for name in type(found).__slots__} == {
        "tls": False,
        "proof": Proof.IGNORED,
        "plugins": None,
        "public_key": b"",
        "retrieve_public_key": False,
        "prompt": None,
        "gssapi": None,
        "crypto": crypto,
    }


def test_security_with_all_options() -> None:
    options = ConnectOptions.from_keywords(
        {
            "ssl": True,
            "auth_plugins": ["parsec", "dialog", "parsec"],
            "allow_public_key_retrieval": True,
            "auth_prompt": print,
            "auth_gssapi": repr,
        }
    )
    assert options.tls is not None
    for chosen, proof in ((plan(options.tls, False), Proof.WANTED), (plan(options.tls, True), Proof.IGNORED)):
        found = security(options, chosen, b"key", provider())
        assert (found.tls, found.proof, found.plugins) == (True, proof, frozenset({"parsec", "dialog"}))
        assert (found.public_key, found.retrieve_public_key) == (b"key", True)
        assert (found.prompt, found.gssapi) == (print, repr)


def test_an_empty_list_of_plugins_allows_none() -> None:
    assert security(ConnectOptions.from_keywords({"auth_plugins": ()}), None, b"", provider()).plugins == frozenset()


def test_what_an_unverified_connection_is_told() -> None:
    for way in ("'db:3306'", "ssl_ca=", "tls_peer_fp=", "ssl_verify_cert=True", "ssl_verify_cert=False"):
        assert way in UNVERIFIED.format("db:3306")


# In words


@pytest.mark.parametrize(
    ("local", "encrypted", "verified", "plugin", "text"),
    [
        (False, False, "", "parsec", "not encrypted; authentication by parsec"),
        (True, False, "", "unix_socket", "unix socket, not encrypted; authentication by unix_socket"),
        (False, False, "", "", "not encrypted; authentication by the server alone"),
        (False, True, "", "p", "encrypted by TLSv1.3 (X), server not verified; authentication by p"),
        (True, True, "", "p", "unix socket, encrypted by TLSv1.3 (X); authentication by p"),
        *(
            (False, True, by, "p", f"encrypted by TLSv1.3 (X), server verified by {by}; authentication by p")
            for by in (Verified.CHAIN, Verified.FINGERPRINT, Verified.PROOF)
        ),
        (
            *(True, True, Verified.CHAIN, "p"),
            "unix socket, encrypted by TLSv1.3 (X), server verified by certificate chain; authentication by p",
        ),
    ],
)
def test_describe(local: bool, encrypted: bool, verified: str, plugin: str, text: str) -> None:
    session = Session()
    session.plugin = plugin
    session.channel.local, session.channel.encrypted, session.channel.verified = local, encrypted, verified
    assert describe(session, "TLSv1.3 (X)") == text
