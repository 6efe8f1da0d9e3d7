"""The options of connect() as a table: names, aliases, types, defaults, ranges; and the names that are refused.

Knows nothing of where values come from.
"""

from __future__ import annotations

from mariadb_protocol.auth import PLUGINS
from mariadb_protocol.constants import Limits

from ..exceptions import NotSupportedError, ProgrammingError
from .endpoint import MAX_PORT, parse_hosts
from .keywords import (
    FLAG,
    FUNCTION,
    INTEGER,
    KEY,
    MAPPING,
    NAMES,
    SECONDS,
    SECRET,
    SWITCH,
    TEXT,
    Option,
    by_name,
    read_flag,
)
from .pool.options import POOL_BY_NAME
from .security import read_fingerprints, read_versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Limits of what the server takes.
MIN_PACKET, MAX_PACKET = 1 << 10, 1 << 30  # of max_allowed_packet, in bytes
MAX_FLAGS = (1 << 64) - 1
MAX_ATTRIBUTES = 1 << 16  # bytes of all names and values together


def _unicode(value: Any) -> str | None:
    try:
        value.encode() if isinstance(value, str) else None
    except UnicodeEncodeError:
        return "is not a text that UTF-8 can encode"
    return None


def _text(value: str) -> str | None:
    return "may not contain a NUL character" if "\0" in value else _unicode(value)


def _hosts(value: str) -> str | None:
    if value and parse_hosts(value) is None:
        return "is a name, an address, name:port or [address]:port, or a list of these with commas between them"
    return _text(value)


def _seconds(value: float) -> str | None:
    return None if 0 <= value < float("inf") else "is a time in seconds of at least 0"


def _within(least: int, most: int, what: str) -> Callable[[int], str | None]:
    return lambda value: None if least <= value <= most else f"is {what} from {least} to {most}"


def _charset(value: str) -> str | None:
    if value.lower() not in ("utf8mb4", "utf8"):
        raise NotSupportedError(f"charset {value!r} is not supported: a connection speaks utf8mb4")
    return None


def _zero_date(value: str) -> str | None:
    return None if value in ("str", "raise") else 'is None, "str" or "raise"'


def _attributes(value: dict[str, str]) -> str | None:
    for text in (*value, *value.values()):
        wrong = _text(text)
        if wrong is not None:
            return wrong
    size = sum(len(name.encode()) + len(text.encode()) for name, text in value.items())
    return None if size <= MAX_ATTRIBUTES else f"has {size} bytes; {MAX_ATTRIBUTES} are allowed"


def _says(read: Callable[[str], object]) -> Callable[[Any], str | None]:
    """A check by a function that raises a ValueError."""

    def check(value: Any) -> str | None:
        try:
            for text in (value,) if isinstance(value, str) else value:
                read(text)
        except ValueError as error:
            return str(error)
        return None

    return check


def _no_blank(value: str) -> str | None:
    """A path that asks for TLS: an empty one must not mean that there is none."""
    return _text(value) if value.strip() else "is a path; None for none"


def _some_ciphers(value: str) -> str | None:
    return _text(value) if value.strip() else "has no cipher; None for none"


def _some_fingerprint(value: Any) -> str | None:
    return _says(read_fingerprints)(value) or (None if _fingerprints(value) else "has no fingerprint; None for none")


def _fingerprints(value: Any) -> tuple[str, ...]:
    return tuple(one for text in _groups(value) for one in read_fingerprints(text))


def _names(value: Any) -> tuple[str, ...]:
    return tuple(name.strip() for text in _groups(value) for name in text.split(","))


def _plugins(value: Any) -> str | None:
    for name in _names(value):
        if name not in PLUGINS:
            return f"is a list of {', '.join(PLUGINS)}"
    return None


def _limits(value: dict[str, int]) -> str | None:
    for name, limit in value.items():
        if name not in Limits.__slots__:
            return f"is a dict of {', '.join(Limits.__slots__)}"
        if isinstance(limit, bool) or not 0 < limit <= MAX_FLAGS:
            return f"has a {name} that is no number from 1 to {MAX_FLAGS}"
    return None


def _or_none(value: Any) -> Any:
    """0 and the empty text mean none in the keywords; None is what the rest of the driver understands."""
    return value or None


def _groups(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _key(value: str | bytes) -> str | None:
    return _text(value) if isinstance(value, str) else None


CONNECT_OPTIONS = (
    # Where the values come from
    Option("uri", TEXT, secret=True, textual=False),
    Option("default_file", TEXT, check=_text),
    Option("default_group", NAMES, (), convert=_groups, items=(str,)),
    Option("environment", FLAG, False, convert=bool, textual=False),
    # Where the server is
    Option("host", TEXT, check=_hosts),
    Option("port", INTEGER, 0, check=_within(0, MAX_PORT, "a number")),
    Option("unix_socket", TEXT, aliases=("socket",), check=_text),
    # Who is there
    Option("user", TEXT, aliases=("username",), check=_text),
    Option("password", SECRET, aliases=("passwd",), check=_unicode, secret=True),
    Option("database", TEXT, aliases=("db",), check=_text, convert=_or_none),
    Option("connect_attrs", MAPPING, check=_attributes, convert=dict, items=(str, str), secret=True),
    # Times in seconds
    Option("connect_timeout", SECONDS, 10, check=_seconds, convert=_or_none),
    Option("read_timeout", SECONDS, check=_seconds, convert=_or_none),
    Option("write_timeout", SECONDS, check=_seconds, convert=_or_none),
    Option("socket_timeout", SECONDS, check=_seconds, convert=_or_none),
    Option("query_timeout", SECONDS, check=_seconds, convert=_or_none),
    Option("cancel_grace", SECONDS, 2, check=_seconds),
    # TLS and passwords
    Option("ssl", SWITCH, aliases=("use_ssl", "ssl_enforce", "tls_enforce")),
    Option("ssl_ca", TEXT, aliases=("tls_ca",), check=_no_blank),
    Option("ssl_capath", TEXT, aliases=("tls_capath",), check=_no_blank),
    Option("ssl_cert", TEXT, aliases=("tls_cert",), check=_no_blank),
    Option("ssl_key", TEXT, aliases=("tls_key",), check=_no_blank),
    Option("ssl_passphrase", TEXT, aliases=("tls_passphrase",), check=_text, convert=_or_none, secret=True),
    Option("ssl_cipher", TEXT, aliases=("tls_cipher",), check=_some_ciphers),
    Option("ssl_crl", TEXT, aliases=("tls_crl",), check=_no_blank),
    Option("ssl_crlpath", TEXT, aliases=("tls_crlpath",), check=_no_blank),
    Option("ssl_verify_cert", FLAG, aliases=("ssl_verify_server_cert", "tls_verify_peer"), convert=bool),
    Option("tls_version", TEXT, check=_says(read_versions), convert=read_versions),
    Option(
        "tls_peer_fp",
        NAMES,
        (),
        aliases=("tls_fp", "ssl_fp"),
        check=_some_fingerprint,
        convert=_fingerprints,
        items=(str,),
    ),
    Option(
        "tls_peer_fp_list",
        TEXT,
        aliases=("tls_fp_list", "tls_fplist", "ssl_fp_list", "ssl_fplist"),
        check=_no_blank,
    ),
    Option("auth_plugins", NAMES, aliases=("restricted_auth",), check=_plugins, convert=_names, items=(str,)),
    Option("auth_prompt", FUNCTION),
    Option("auth_gssapi", FUNCTION),
    Option("server_public_key", KEY, check=_key, convert=_or_none),
    Option("allow_public_key_retrieval", FLAG, False, convert=bool),
    Option("permit_redirect", FLAG, convert=bool),
    Option("limits", MAPPING, check=_limits, convert=lambda value: Limits(**value), items=(str, int)),
    # The session
    Option("autocommit", FLAG, False, convert=bool),
    Option("init_command", TEXT, check=_text, secret=True),
    Option("read_only", FLAG, False, convert=bool),
    Option(
        "charset", TEXT, aliases=("character_encoding", "character_set"), check=_charset, convert=lambda _: "utf8mb4"
    ),
    Option("client_flag", INTEGER, 0, check=_within(0, MAX_FLAGS, "a number")),
    Option("compress", FLAG, False, convert=bool),
    Option("local_infile", FLAG, False, convert=bool),
    Option("max_allowed_packet", INTEGER, check=_within(MIN_PACKET, MAX_PACKET, "a size in bytes")),
    Option("reconnect", FLAG, False, convert=bool),
    Option("status_callback", FUNCTION),
    Option("plugin_dir", TEXT),
    # Statements and results
    Option("binary", FLAG, False, convert=bool),
    Option("dictionary", FLAG, False, convert=bool),
    Option("named_tuple", FLAG, False, convert=bool),
    Option("native_object", FLAG, False, convert=bool),
    Option("zero_date", TEXT, check=_zero_date),
    Option("converter", MAPPING, convert=dict, items=(int, FUNCTION[0])),
    Option("cache_prep_stmts", FLAG, True, convert=bool),
    Option("prep_stmt_cache_size", INTEGER, 100, check=_within(0, 1 << 16, "a number")),
    Option("pipeline", FLAG, convert=bool),
)
CONNECT_BY_NAME = by_name(CONNECT_OPTIONS)

# Options of other programs about TLS, in texts: refused rather than overlooked, unless they ask for nothing.
_TLS_PREFIXES = ("ssl_", "tls_")


def is_tls(name: str) -> bool:
    """Whether an option of this name, in a text, is about TLS."""
    return name.startswith(_TLS_PREFIXES)


def switched_off(text: str) -> bool:
    """Whether a text for an option about TLS asks for no TLS."""
    return read_flag(text) is False or text.lower() in ("", "disabled")


def unknown(name: str, origin: str = "") -> Exception:
    """The error for a name that no option of connect() has."""
    if name == "dsn":
        return ProgrammingError("dsn keyword is not supported")
    if name in POOL_BY_NAME:
        if origin:
            return ProgrammingError(
                f"{name} is an option of a pool, and can only be given as a keyword (from {origin})"
            )
        return TypeError(f"{name} is an option of a pool, and no pool_name is given")
    from difflib import get_close_matches

    known = CONNECT_BY_NAME if origin else (*CONNECT_BY_NAME, *POOL_BY_NAME)
    near = get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    if origin:
        return ProgrammingError(f"There is no option {name!r} (from {origin}){hint}")
    return TypeError(f"connect() has no keyword {name!r}{hint}")
