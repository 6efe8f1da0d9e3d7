"""The grammar of connection URIs: `mariadb://user:password@host:port,[address]:port/database?option=value`.

Percent-decoding happens exactly once and as RFC 3986 has it: `+` is a plus sign. What an option means, and whether
there is one of that name, is not known here. No error shows any part of a URI that may be a password.
"""

from __future__ import annotations

import re

from ..exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMES = ("mariadb", "mysql")
MAX_LENGTH = 1 << 16  # characters

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})?")


def parse_uri(uri: str) -> list[tuple[str, str]]:
    """Take a URI apart.

    Args:
        uri: with the scheme mariadb or mysql.

    Returns:
        Names of options and their texts, in the order in which they appear; a name may appear more than once.

    Raises:
        ProgrammingError: it is not such a URI.
    """
    found = _SCHEME.match(uri)
    if found is None or found.group(1).lower() not in SCHEMES:
        shown = f", not with {found.group()}" if found else ""
        raise ProgrammingError(f"A connection URI begins with mariadb:// or mysql://{shown}")
    if len(uri) > MAX_LENGTH:
        raise ProgrammingError(f"The URI has {len(uri)} characters; {MAX_LENGTH} are allowed")
    authority, path, query = _divide(uri[found.end() :])
    userinfo, _, hosts = authority.rpartition("@")
    return [*_user(userinfo), *_hosts(hosts), *_database(path), *_options(query)]


def _divide(rest: str) -> tuple[str, str, str]:
    """Authority, path and query."""
    if "#" in rest:
        raise ProgrammingError("A URI may not contain '#': write %23")
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    if "@" in path or "@" in query:
        # A password with a raw / or ? in it would otherwise be taken for a host, a database or an option, and shown.
        raise ProgrammingError("A URI may contain '@' only in front of the host: write / as %2F, ? as %3F, @ as %40")
    return authority, path, query


def _user(userinfo: str) -> Iterator[tuple[str, str]]:
    user, colon, password = userinfo.partition(":")
    if user:
        yield "user", _decode(user, "user")
    if colon:
        yield "password", _decode(password, "password")


def _hosts(hosts: str) -> Iterator[tuple[str, str]]:
    """One host is given as host and port, so that keywords can replace either; a list as it is."""
    from .endpoint import parse_hosts

    if not hosts:
        return
    decoded = _decode(hosts, "host")
    if decoded.startswith(":") and "," not in decoded:
        decoded = "localhost" + decoded
    parsed = parse_hosts(decoded)
    if parsed is None:
        raise ProgrammingError("The host in the URI is not name:port or [address]:port, or a list of these")
    if len(parsed) > 1:
        yield "host", decoded
        return
    host, port = parsed[0]
    yield "host", host
    if port:
        yield "port", str(port)


def _database(path: str) -> Iterator[tuple[str, str]]:
    if "/" in path:
        raise ProgrammingError("The URI's path is one database name: write / as %2F")
    if path:
        yield "database", _decode(path, "database")


def _options(query: str) -> Iterator[tuple[str, str]]:
    for item in filter(None, query.split("&")):
        name, sign, text = item.partition("=")
        if not sign:
            raise ProgrammingError("An option in the URI has no value: write name=value")
        name = _decode(name, "name of an option")
        yield name, _decode(text, name)


def _decode(text: str, what: str) -> str:
    """Undo percent-encoding, once."""

    def byte(found: re.Match[bytes]) -> bytes:
        digits = found.group(1)
        if digits is None:
            raise ProgrammingError(f"% without two hexadecimal digits in the URI ({what}): write %25")
        return bytes.fromhex(digits.decode())

    try:
        return _ESCAPE.sub(byte, text.encode()).decode()
    except UnicodeError:
        # Without its cause, which carries the text.
        raise ProgrammingError(f"The URI is not UTF-8 after percent-decoding ({what})") from None
