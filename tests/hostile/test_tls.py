"""TLS that is refused: the rogue server has heard the wish for TLS in plain text, and no name and no secret at all."""

from __future__ import annotations

import contextlib
import ssl
import time
import warnings
from hashlib import sha1
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("cryptography")

import mariadb_py
from mariadb_py.exceptions import OperationalError
from tests.hostile.cases_tls import CASES as OTHERS
from tests.hostile.table import PASSWORD
from tests.hostile.tls_cases import CASES, GREETING, OLD_VERSIONS, Case, Forge, old
from tests.support.rogue import Close, Expect, Send, rogue
from tests.support.scripts import CHALLENGE

if TYPE_CHECKING:
    from tests.support.rogue import Visit

pytestmark = pytest.mark.usefixtures("hard_limit", "leaves_nothing")

USER = "the-user-of-the-tests"
PATIENCE = 2.0  # seconds that a case may take
TLS_REQUEST = 36  # bytes of it, with its header


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Forge:
    return Forge(tmp_path_factory.mktemp("forge"))


def scramble() -> bytes:
    """What mysql_native_password answers to the challenge of the greeting."""
    once = sha1(PASSWORD.encode()).digest()
    return bytes(a ^ b for a, b in zip(once, sha1(CHALLENGE + sha1(once).digest()).digest()))


SECRETS = (USER.encode(), PASSWORD.encode(), scramble(), sha1(PASSWORD.encode()).digest())


def refuse(case: Case, forge: Forge) -> list[Visit]:
    script = case.script(forge)
    with rogue(script) as server:
        arguments = {**server.connect_args, "user": USER, "password": PASSWORD, **case.options(forge)}
        since = time.monotonic()
        with pytest.raises(OperationalError, match=case.match):
            mariadb_py.connect(**arguments)
        assert time.monotonic() - since < PATIENCE
        return server.visits


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_refused(case: Case, forge: Forge) -> None:
    (visit,) = refuse(case, forge)
    for secret in SECRETS:
        assert secret not in visit.plain
    assert not case.asks or len(visit.plain) >= TLS_REQUEST
    wish, rest = visit.plain[:TLS_REQUEST], visit.plain[TLS_REQUEST:]
    assert wish[:4] == (b"\x20\0\0\1" if case.asks else b"")
    assert rest[:2] in (b"", b"\x16\3")  # a record of TLS's handshake, where the script has not taken it
    assert not case.sealed or visit.tls == b""


def test_the_secrets_would_be_seen(forge: Forge) -> None:
    """The same login without a demand for TLS."""
    script = Send(GREETING, sequence=0), Expect(), Close()
    with rogue(script) as server, pytest.raises(mariadb_py.LostConnectionError):
        mariadb_py.connect(**{**server.connect_args, "user": USER, "password": PASSWORD})
    assert SECRETS[0] in server.visits[0].plain
    assert SECRETS[2] in server.visits[0].plain


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_an_old_version_would_be_spoken(forge: Forge, version: str) -> None:
    """With a client that has it, too: the case above is refused for the version."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(forge.ca)
    client.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = ssl.TLSVersion.TLSv1
    here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(there, here, server_hostname="127.0.0.1"),
        old(forge, OLD_VERSIONS[version]).wrap_bio(here, there, server_side=True),
    ]
    try:
        for turn in range(6):
            with contextlib.suppress(ssl.SSLWantReadError):
                ends[turn % 2].do_handshake()
    except ssl.SSLError as error:
        pytest.skip(f"this OpenSSL does not speak {version} at all: {error.reason}")
    assert ends[0].version() == version.replace("TLS ", "TLSv").replace("v1.0", "v1")


def test_names_are_unique() -> None:
    names = [case.name for case in (*CASES, *OTHERS)]
    assert len(set(names)) == len(names)
