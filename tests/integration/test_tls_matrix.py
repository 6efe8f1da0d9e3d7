"""Each set of TLS options against each ability of a server: how the connection ends up protected, or why there is none.

Over TCP and over the unix socket. What the connection says of itself is compared with what the server says.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("cryptography")

import mariadb_py
from mariadb_py.constants import CLIENT
from mariadb_py.testing import temp_server
from tests.support.tls import connect_quietly, local, proves, server_certificates, server_options, status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.support.certificates import Certificates

pytestmark = pytest.mark.mariadb("a server without TLS and one with a certificate of our own are set up as MariaDB's")

# What the server can do. "own": MariaDB 11.4 and later make a certificate when they start without one.
ABILITIES = ("no-TLS", "good", "self-signed", "expired", "wrong-name", "TLS-1.2", "own")

# plain; or encrypted, and verified by chain, print (fingerprint) or proof, or not verified: warned about, or quiet.
# In capitals why there is no connection. "proof?" is warned, "proof!" UNPROVEN, where the server is too old for proofs.
OVER_TCP = """
                                  no-TLS  good       self-signed  expired    wrong-name  TLS-1.2    own

nothing                         | plain   plain      plain        plain      plain       plain      plain
ssl=False                       | plain   plain      plain        plain      plain       plain      plain
verify=False                    | plain   plain      plain        plain      plain       plain      plain

ssl=True                        | NO-TLS  proof?     proof?       proof?     proof?      proof?     proof?
ssl={}                          | NO-TLS  proof?     proof?       proof?     proof?      proof?     proof?
client_flag=SSL                 | NO-TLS  proof?     proof?       proof?     proof?      proof?     proof?
URI: ssl                        | NO-TLS  proof?     proof?       proof?     proof?      proof?     proof?
client certificate              | NO-TLS  proof?     proof?       proof?     proof?      proof?     STRANGER
version 1.2                     | NO-TLS  proof?     proof?       proof?     proof?      proof?     proof?
version 1.3                     | NO-TLS  proof?     proof?       proof?     proof?      VERSION    proof?
versions 1.2 and 1.3            | NO-TLS  proof?     proof?       proof?     proof?      proof?     proof?
cipher                          | NO-TLS  proof?     proof?       proof?     proof?      proof?     proof?

verify=True                     | NO-TLS  proof!     proof!       EXPIRED    proof!      proof!     proof!
ssl=True, verify=True           | NO-TLS  proof!     proof!       EXPIRED    proof!      proof!     proof!
option file: verify             | NO-TLS  proof!     proof!       EXPIRED    proof!      proof!     proof!

ssl=True, verify=False          | NO-TLS  quiet      quiet        quiet      quiet       quiet      quiet
CA, verify=False                | NO-TLS  quiet      quiet        quiet      quiet       quiet      quiet
careless context                | NO-TLS  quiet      quiet        quiet      quiet       quiet      quiet

CA                              | NO-TLS  chain      UNTRUSTED    EXPIRED    NAME        chain      UNTRUSTED
ssl={"ca": CA}                  | NO-TLS  chain      UNTRUSTED    EXPIRED    NAME        chain      UNTRUSTED
CA, verify=True                 | NO-TLS  chain      UNTRUSTED    EXPIRED    NAME        chain      UNTRUSTED
CA, ssl=True                    | NO-TLS  chain      UNTRUSTED    EXPIRED    NAME        chain      UNTRUSTED
CA, client certificate          | NO-TLS  chain      UNTRUSTED    EXPIRED    NAME        chain      UNTRUSTED
CA, version 1.3                 | NO-TLS  chain      UNTRUSTED    EXPIRED    NAME        VERSION    UNTRUSTED
URI: CA                         | NO-TLS  chain      UNTRUSTED    EXPIRED    NAME        chain      UNTRUSTED
option file: CA                 | NO-TLS  chain      UNTRUSTED    EXPIRED    NAME        chain      UNTRUSTED
strict context                  | NO-TLS  chain      UNTRUSTED    EXPIRED    NAME        chain      UNTRUSTED
strict context, any name        | NO-TLS  chain      UNTRUSTED    EXPIRED    chain       chain      UNTRUSTED
other CA                        | NO-TLS  UNTRUSTED  UNTRUSTED    UNTRUSTED  UNTRUSTED   UNTRUSTED  UNTRUSTED

fingerprint                     | NO-TLS  print      print        print      print       print      print
fingerprint, verify=True        | NO-TLS  print      print        print      print       print      print
fingerprint, other CA           | NO-TLS  print      print        print      print       print      print
fingerprint, careless context   | NO-TLS  print      print        print      print       print      print
fingerprint in a list           | NO-TLS  print      print        print      print       print      print
fingerprint in a file           | NO-TLS  print      print        print      print       print      print
wrong fingerprint               | NO-TLS  PRINT      PRINT        PRINT      PRINT       PRINT      PRINT
wrong fingerprint, CA           | NO-TLS  PRINT      PRINT        PRINT      PRINT       PRINT      PRINT
wrong fingerprint, verify=False | NO-TLS  PRINT      PRINT        PRINT      PRINT       PRINT      PRINT
wrong fingerprints in a file    | NO-TLS  PRINT      PRINT        PRINT      PRINT       PRINT      PRINT
"""

# Whoever has the socket's file is the server; it has no host name.
OVER_UNIX = {
    "proof?": "quiet",
    "proof!": "quiet",
    "NAME": "chain",
}
OVER_UNIX_TOO = {
    "verify=True": {"expired": "quiet"},
    "ssl=True, verify=True": {"expired": "quiet"},
    "option file: verify": {"expired": "quiet"},
    "strict context": dict.fromkeys(ABILITIES[1:], "NAMELESS"),
}

REFUSALS = {
    "NO-TLS": "TLS is demanded, and the server does not offer it; nothing was sent",
    "UNTRUSTED": "refused: (self.signed certificate|unable to get local issuer certificate)",
    "EXPIRED": "certificate (is refused: certificate )?has expired",
    "NAME": r"refused: IP address mismatch, certificate is not valid for '127\.0\.0\.1'",
    "NAMELESS": "the context checks host names, and a unix socket has none",
    "PRINT": "the fingerprint of the server's certificate is not one of tls_peer_fp",
    "STRANGER": "(?i)unknown.ca",  # what the server says to the client's certificate
    "VERSION": "^TLS: the handshake failed: .*(PROTOCOL|protocol)",
    "UNPROVEN": "is not verified, and the server does not prove that it knows the password",
}
TOO_OLD = {"proof?": "warned", "proof!": "UNPROVEN"}
RIGHT = {"proof?": "proof", "proof!": "proof"}
VERIFIED = {
    ", server verified by certificate chain": "chain",
    ", server verified by certificate fingerprint": "print",
    ", server verified by proof of the password": "proof",
    ", server not verified": "unverified",
    "": "unverified",
}
TLS_NOT_ASKED_FOR = ("nothing", "ssl=False", "verify=False")
CIPHERS = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
WRONG = "AB" * 32


def read_table(text: str) -> dict[str, dict[str, str]]:
    """Option set -> ability -> outcome."""
    head, *rows = (line for line in text.splitlines() if line)
    assert head.split() == list(ABILITIES)
    cells = [row.split("|") for row in rows]
    return {name.strip(): dict(zip(ABILITIES, outcomes.split())) for name, outcomes in cells}


TABLE = read_table(OVER_TCP)


class Target:
    """A server, and how to reach it."""

    def __init__(self, server: TempServer, ability: str, certificates: Certificates, folder: Path) -> None:
        self.server = server
        self.ability = ability
        self.certificates = certificates
        self.folder = folder
        self.fingerprint = ""
        if ability == "own":
            # Nobody but the server has it before.
            with mariadb_py.connect(**server.connect_args, ssl=True, ssl_verify_cert=False) as connection:
                self.fingerprint = connection.tls_peer_cert_info["fingerprint"]  # type: ignore[index]
        elif ability != "no-TLS":
            self.fingerprint = certificates.fingerprint(certificate_of(ability)).hex().upper()


def certificate_of(ability: str) -> str:
    return {"wrong-name": "wrong name", "TLS-1.2": "good"}.get(ability, ability)


def context(target: Target, verify: bool, name: bool = True) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = verify and name
    made.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    made.load_verify_locations(target.certificates.ca)
    return made


def file(target: Target, text: str) -> str:
    path = target.folder / "file"
    path.write_text(text, encoding="ascii")
    return str(path)


def by_uri(target: Target, query: str) -> dict[str, Any]:
    """The options of TLS in a URI without anything else, whose place the keywords take."""
    return {"uri": f"mariadb:///?{query}"}


def by_option_file(target: Target, line: str) -> dict[str, Any]:
    return {"default_file": file(target, f"[client]\n{line}\n")}


def real(target: Target) -> str:
    return target.fingerprint or WRONG[::-1]


OPTION_SETS: dict[str, Callable[[Target], dict[str, Any]]] = {
    "nothing": lambda _: {},
    "ssl=False": lambda _: {"ssl": False},
    "verify=False": lambda _: {"ssl_verify_cert": False},
    "ssl=True": lambda _: {"ssl": True},
    "ssl={}": lambda _: {"ssl": {}},
    "client_flag=SSL": lambda _: {"client_flag": CLIENT.SSL},
    "URI: ssl": lambda target: by_uri(target, "ssl=true"),
    "client certificate": lambda target: {"ssl_cert": target.certificates.chain("client")},
    "version 1.2": lambda _: {"tls_version": "TLSv1.2"},
    "version 1.3": lambda _: {"tls_version": "TLSv1.3"},
    "versions 1.2 and 1.3": lambda _: {"tls_version": "TLSv1.2,TLSv1.3"},
    "cipher": lambda _: {"ssl_cipher": CIPHERS, "tls_version": "TLSv1.2"},
    "verify=True": lambda _: {"ssl_verify_cert": True},
    "ssl=True, verify=True": lambda _: {"ssl": True, "ssl_verify_cert": True},
    "option file: verify": lambda target: by_option_file(target, "ssl-verify-server-cert"),
    "ssl=True, verify=False": lambda _: {"ssl": True, "ssl_verify_cert": False},
    "CA, verify=False": lambda target: {"ssl_ca": target.certificates.ca, "ssl_verify_cert": False},
    "careless context": lambda target: {"ssl": context(target, False)},
    "CA": lambda target: {"ssl_ca": target.certificates.ca},
    'ssl={"ca": CA}': lambda target: {"ssl": {"ca": target.certificates.ca}},
    "CA, verify=True": lambda target: {"ssl_ca": target.certificates.ca, "ssl_verify_cert": True},
    "CA, ssl=True": lambda target: {"ssl_ca": target.certificates.ca, "ssl": True},
    "CA, client certificate": lambda target: {
        "ssl_ca": target.certificates.ca,
        "ssl_cert": target.certificates.chain("client"),
        "ssl_key": target.certificates.chain("client"),
    },
    "CA, version 1.3": lambda target: {"ssl_ca": target.certificates.ca, "tls_version": "TLSv1.3"},
    "URI: CA": lambda target: by_uri(target, f"ssl_ca={target.certificates.ca}"),
    "option file: CA": lambda target: by_option_file(target, f"ssl-ca={target.certificates.ca}"),
    "strict context": lambda target: {"ssl": context(target, True)},
    "strict context, any name": lambda target: {"ssl": context(target, True, name=False)},
    "other CA": lambda target: {"ssl_ca": target.certificates.other_ca},
    "fingerprint": lambda target: {"tls_peer_fp": real(target)},
    "fingerprint, verify=True": lambda target: {"tls_peer_fp": real(target), "ssl_verify_cert": True},
    "fingerprint, other CA": lambda target: {"tls_peer_fp": real(target), "ssl_ca": target.certificates.other_ca},
    "fingerprint, careless context": lambda target: {"tls_peer_fp": real(target), "ssl": context(target, False)},
    "fingerprint in a list": lambda target: {"tls_peer_fp": f"{WRONG},{real(target)}"},
    "fingerprint in a file": lambda target: {"tls_peer_fp_list": file(target, f"{WRONG}\n{real(target)}\n")},
    "wrong fingerprint": lambda _: {"tls_peer_fp": WRONG},
    "wrong fingerprint, CA": lambda target: {"tls_peer_fp": WRONG, "ssl_ca": target.certificates.ca},
    "wrong fingerprint, verify=False": lambda _: {"tls_peer_fp": WRONG, "ssl": True, "ssl_verify_cert": False},
    "wrong fingerprints in a file": lambda target: {"tls_peer_fp_list": file(target, f"{WRONG}\n{WRONG[::-1]}\n")},
}
# What these options mean beyond the outcome.
VERSIONS = {"version 1.2": "TLSv1.2", "version 1.3": "TLSv1.3", "cipher": "TLSv1.2", "CA, version 1.3": "TLSv1.3"}


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    with server_certificates() as made:
        yield made


@pytest.fixture(scope="module", params=ABILITIES)
def target(
    request: pytest.FixtureRequest,
    server: TempServer,
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Target]:
    if server.mysql:
        pytest.skip("MariaDB's options")  # before the mark, which comes with the single test
    ability = request.param
    options: tuple[str, ...] = ()
    if ability == "no-TLS":
        options = ("--skip-ssl",)
    elif ability != "own":
        options = server_options(certificates, certificate_of(ability))
    if ability == "TLS-1.2":
        options += ("--tls-version=TLSv1.2",)
    if ability == "own" and not proves(server):
        pytest.skip("the server makes no certificate of its own before 11.4")
    with temp_server(options=options) as server:
        yield Target(server, ability, certificates, tmp_path_factory.mktemp("options"))


def outcome(target: Target, name: str, place: dict[str, Any]) -> str:
    """How the connection ends up, as it says itself; the server and its other attributes agree."""
    try:
        connection, warned = connect_quietly(**place, **OPTION_SETS[name](target))
    except mariadb_py.OperationalError as error:
        word = next(word for word, pattern in REFUSALS.items() if re.search(pattern, str(error)))
        assert error.errno == (2013 if word == "STRANGER" else 2026)  # that one comes when TLS 1.3 has begun
        return word
    with connection:
        found = plain(connection) if status(connection, "Ssl_cipher") == "" else encrypted(connection, target, name)
    where = place.get("unix_socket") or f"{place['host']}:{place['port']}"
    assert [f"The TLS connection to '{where}' is encrypted" in text for text in warned] == [True] * len(warned)
    return {("unverified", 0): "quiet", ("unverified", 1): "warned"}.get((found, len(warned)), found)


def protection(connection: Connection) -> str:
    """What the connection says of its protection, without what is the same in all of them."""
    prefix, suffix = "unix socket, " if connection.unix_socket else "", "; authentication by mysql_native_password"
    assert connection.security.startswith(prefix)
    assert connection.security.endswith(suffix)
    return connection.security[len(prefix) : -len(suffix)]


def plain(connection: Connection) -> str:
    assert protection(connection) == "not encrypted"
    assert (connection.tls_version, connection.tls_cipher, connection.tls_peer_cert_info) == (None, None, None)
    return "plain"


def encrypted(connection: Connection, target: Target, name: str) -> str:
    version, cipher = connection.tls_version, connection.tls_cipher
    assert (version, cipher) == (status(connection, "Ssl_version"), status(connection, "Ssl_cipher"))
    assert version == VERSIONS.get(name, "TLSv1.2" if target.ability == "TLS-1.2" else "TLSv1.3")
    assert name != "cipher" or cipher in CIPHERS.split(":")
    info = connection.tls_peer_cert_info
    assert info is not None
    assert info["fingerprint"] == target.fingerprint
    assert target.ability == "own" or info["subject"] == f"/CN={certificate_of(target.ability)}"
    start, rest = f"encrypted by {version} ({cipher})", protection(connection)
    assert rest.startswith(start)
    return VERIFIED[rest[len(start) :]]


def test_over_tcp(target: Target) -> None:
    variants = RIGHT if proves(target.server) else TOO_OLD
    expected = {name: row[target.ability] for name, row in TABLE.items()}
    expected = {name: variants.get(word, word) for name, word in expected.items()}
    assert {name: outcome(target, name, target.server.connect_args) for name in OPTION_SETS} == expected


def test_over_a_unix_socket(target: Target) -> None:
    expected = {name: OVER_UNIX.get(row[target.ability], row[target.ability]) for name, row in TABLE.items()}
    for name, changes in OVER_UNIX_TOO.items():
        expected[name] = changes.get(target.ability, expected[name])
    assert {name: outcome(target, name, local(target.server)) for name in OPTION_SETS} == expected


def test_no_pair_ends_in_plain_text_once_tls_was_asked_for() -> None:
    assert list(TABLE) == list(OPTION_SETS)
    plain = {name for name, row in TABLE.items() if "plain" in row.values()}
    assert plain == set(TLS_NOT_ASKED_FOR)
    for name, row in TABLE.items():
        assert name in plain or row["no-TLS"] == "NO-TLS"
    assert "plain" not in {*OVER_UNIX.values(), *(word for row in OVER_UNIX_TOO.values() for word in row.values())}


@pytest.mark.parametrize("option", ["ssl_ca", "tls_version", "tls_peer_fp", "ssl_verify_cert", "client_flag"])
def test_tls_that_is_switched_off_and_asked_for(target: Target, option: str) -> None:
    value: Any = {
        "ssl_ca": target.certificates.ca,
        "tls_version": "TLSv1.3",
        "tls_peer_fp": WRONG,
        "ssl_verify_cert": True,
        "client_flag": CLIENT.SSL,
    }[option]
    with pytest.raises(mariadb_py.ProgrammingError, match=f"^ssl is switched off, and {option} asks for TLS$"):
        mariadb_py.connect(**target.server.connect_args, ssl=False, **{option: value})
