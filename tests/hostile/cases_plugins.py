"""Hostile talk inside of authentication plugins: parameters that cost time, keys that are none, false acceptance."""

from __future__ import annotations

from base64 import encodebytes
from typing import TYPE_CHECKING

from mariadb_py import OperationalError
from tests.hostile.cases_login import DENIED, HELLO, NOT_AUTHENTICATION, SECRETS
from tests.hostile.table import CAPABILITIES, LOGIN, Case
from tests.support.der import integer, public_key_info, sequence
from tests.support.rogue import Expect, Send
from tests.support.scripts import CHALLENGE, greeting, ok, switch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mariadb_py import Error
    from tests.support.rogue import Step

LONG_CHALLENGE = bytes(range(32))
KEY_PLEASE = {"allow_public_key_retrieval": True}
SAFE_WAYS = "has to send the password, which is done only over a unix socket"


def _plugin(
    name: str,
    plugin: bytes,
    challenge: bytes,
    *answers: bytes,
    match: str,
    options: Mapping[str, Any] | None = None,
    raises: type[Error] = OperationalError,
) -> Case:
    """A switch to a plugin with this challenge, and answers to what the client says then."""
    steps: list[Step] = [Send(switch(plugin, challenge), sequence=2)]
    for number, answer in enumerate(answers):
        steps += [Expect(), Send(answer, sequence=4 + 2 * number)]
    return Case(name, (*HELLO, *steps), match, raises=raises, options=options or {}, unheard=SECRETS)


def _key(name: str, key: bytes, match: str) -> Case:
    """A public key that the password must not be encrypted with."""
    plugin, challenge = b"caching_sha2_password", CHALLENGE + b"\0"
    return _plugin(name, plugin, challenge, b"\1\4", b"\1" + key, match=match, options=KEY_PLEASE)


def _pem(n: int, e: int) -> bytes:
    body = encodebytes(public_key_info(sequence(integer(n), integer(e))))
    return b"-----BEGIN PUBLIC KEY-----\n" + body + b"-----END PUBLIC KEY-----\n"


def _accepts(plugin: str) -> Case:
    """An OK for a plugin that was not answered: whoever says so has not looked at the password."""
    steps = (*HELLO, Send(switch(plugin.encode(), CHALLENGE + b"\0"), sequence=2), Expect(), Send(ok(), sequence=4))
    return Case(
        f"a login by {plugin} that is accepted without answer",
        steps,
        f"the server accepts the login, though {plugin} was not used",
        unheard=SECRETS,
    )


PARSEC, ED25519, CACHING = b"parsec", b"client_ed25519", b"caching_sha2_password"
TALK = (
    _plugin(
        "parsec with a short challenge", PARSEC, CHALLENGE, match="parsec wants a challenge of 32 bytes, .* sent 20"
    ),
    _plugin(
        "parsec with more iterations than the limit",
        *(PARSEC, LONG_CHALLENGE, b"P\4" + bytes(18)),
        match="pbkdf2_iterations is 8192, the server sent 16384",
    ),
    _plugin(
        "parsec with 2**265 iterations",
        *(PARSEC, LONG_CHALLENGE, b"P\xff" + bytes(18)),
        match="pbkdf2_iterations is 8192, the server sent 18889465931478580854784",
    ),
    _plugin(
        "parsec with half a salt", PARSEC, LONG_CHALLENGE, b"P\0" + bytes(9), match="parsec: 11 bytes are no param"
    ),
    _plugin(
        "parsec of another kind", PARSEC, LONG_CHALLENGE, b"Q\0" + bytes(18), match="parsec: 20 bytes are no param"
    ),
    _plugin(
        "parsec that asks again",
        *(PARSEC, LONG_CHALLENGE, b"P\0" + bytes(18), b"P\0" + bytes(18)),
        match=NOT_AUTHENTICATION,
    ),
    _plugin("ed25519 with a short challenge", ED25519, CHALLENGE, match="client_ed25519 wants a challenge of 32 bytes"),
    _plugin("ed25519 that asks again", ED25519, LONG_CHALLENGE, b"\1more", match=NOT_AUTHENTICATION),
    _plugin(
        "a short challenge of caching_sha2_password", CACHING, b"short", match="wants a challenge of 20 bytes, .* 5"
    ),
    _plugin(
        "a word that caching_sha2_password has not", CACHING, CHALLENGE, b"\1\5", match=r"unexpected answer .* b'\\x05'"
    ),
    _plugin(
        "caching_sha2_password that asks again", CACHING, CHALLENGE, b"\1\3\1\4", match="caching_sha2_password: unexp"
    ),
    _plugin("the password of caching_sha2_password on plain TCP", CACHING, CHALLENGE, b"\1\4", match=SAFE_WAYS),
    _plugin("the password of sha256_password on plain TCP", b"sha256_password", CHALLENGE, match=SAFE_WAYS),
    Case(
        "a greeting by sha256_password",
        (
            *(Send(greeting(capabilities=CAPABILITIES, plugin=b"sha256_password"), sequence=0), Expect()),
            Send(switch(b"sha256_password", CHALLENGE), sequence=2),
        ),
        SAFE_WAYS,
        unheard=SECRETS,
    ),
    Case(
        "a greeting by mysql_clear_password",
        (Send(greeting(capabilities=CAPABILITIES, plugin=b"mysql_clear_password"), sequence=0), *LOGIN[1:]),
        raises=None,
        ready=True,
        unheard=SECRETS,
    ),
    _accepts("mysql_clear_password"),
    _accepts("dialog"),
    _accepts("mysql_old_password"),
    _accepts("a_plugin_that_nobody_has"),
    Case(
        "a refusal of one plugin behind another",
        (
            *HELLO,
            *(Send(switch(b"dialog", b""), sequence=2), Expect()),
            *(Send(switch(b"mysql_clear_password", b""), sequence=4), Expect()),
            Send(DENIED, sequence=6),
        ),
        r"Access denied \(dialog was not used: .*mysql_clear_password was not used: ",
        errno=1045,
        unheard=SECRETS,
    ),
)

KEYS = (
    _key("a public key that is none", b"junk", "RSA public key of 4 bytes is no PEM"),
    _key("a public key of 20,000 bytes", b"-" * 20_000, "RSA public key of 20000 bytes, 16384 allowed"),
    _key("a public key of 0 bytes", b"", "RSA public key"),
    _key("a public key of 512 bits", _pem(2**511 + 1, 65537), "RSA public key .*512"),
    _key("a public key of 60,000 bits", _pem(2**60_000 + 1, 65537), "RSA public key .*60001"),
    _key("a public key with exponent 1", _pem(2**2047 + 1, 1), "RSA public key .*exponent"),
    _key("a public key with an exponent of 2,000 bits", _pem(2**2047 + 1, 2**2000 + 1), "RSA public key .*exponent"),
    _key("a public key with a negative modulus", _pem(-(2**2047) + 1, 65537), "RSA public key"),
    Case(
        "a public key of which nobody spoke",
        (
            *HELLO,
            Send(switch(CACHING, CHALLENGE), sequence=2),
            Expect(),
            Send(b"\1" + _pem(2**2047 + 1, 3), sequence=4),
        ),
        "caching_sha2_password: unexpected answer",
        options=KEY_PLEASE,
        unheard=SECRETS,
    ),
)

CASES = (*TALK, *KEYS)
