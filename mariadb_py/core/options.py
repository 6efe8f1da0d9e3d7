"""What the user asks of connect() and of a pool: names, aliases, types, defaults and ranges, as tables.

A wrong type or an unknown name is a TypeError, a value out of range a ProgrammingError; both before anything is opened.
Decides how the server is reached; opens nothing.
"""

from __future__ import annotations

from mariadb_protocol.constants import DEFAULT_PORT

from ..exceptions import NotSupportedError, ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

# Where servers put their socket, by operating system and distribution.
USUAL_SOCKETS = (
    "/run/mysqld/mysqld.sock",
    "/var/run/mysqld/mysqld.sock",
    "/var/lib/mysql/mysql.sock",
    "/tmp/mysql.sock",
    "/tmp/mariadb.sock",
)
LOCALHOST = "localhost"
MAX_POOL_SIZE = 64
MAX_INTERVAL = 1 << 31


class Option:
    """One keyword.

    Args:
        name: its name.
        types: types that its value may have.
        default: value when it is not given, or given as None.
        aliases: other names of the same option.
        check: returns what is wrong with a value of the right type, or None.
        secret: its value is never shown.
    """

    __slots__ = ("aliases", "check", "default", "name", "secret", "types")

    def __init__(
        self,
        name: str,
        types: tuple[type, ...],
        default: Any = None,
        aliases: tuple[str, ...] = (),
        check: Callable[[Any], str | None] | None = None,
        secret: bool = False,
    ) -> None:
        self.name = name
        self.types = types
        self.default = default
        self.aliases = aliases
        self.check = check
        self.secret = secret

    def accept(self, value: Any, keyword: str) -> Any:
        """The value to use for one that is given by this keyword.

        Raises:
            TypeError: it has the wrong type.
            ProgrammingError: it is out of range.
        """
        if value is None:
            return self.default
        # bool is an int to Python, and to nobody who meant a number.
        if not isinstance(value, self.types) or (isinstance(value, bool) and bool not in self.types):
            expected = " or ".join(kind.__name__ for kind in self.types)
            raise TypeError(f"{keyword} wants {expected}, not {type(value).__name__}")
        wrong = self.check(value) if self.check is not None else None
        if wrong is not None:
            shown = "" if self.secret else f", not {value!r}"
            raise ProgrammingError(f"{keyword} {wrong}{shown}")
        return value


def _no_nul(value: str | bytes) -> str | None:
    found = "\0" in value if isinstance(value, str) else 0 in value
    return "may not contain a NUL character" if found else None


def _seconds(value: float) -> str | None:
    return None if 0 <= value < float("inf") else "is a time in seconds of at least 0"


def _port(value: int) -> str | None:
    return None if 0 <= value <= 65535 else "is a number from 0 to 65535"


def _milliseconds(value: int) -> str | None:
    return None if 0 <= value <= MAX_INTERVAL else f"is a time in milliseconds from 0 to {MAX_INTERVAL}"


CONNECT_OPTIONS = (
    Option("host", (str,), check=_no_nul),
    Option("port", (int,), 0, check=_port),
    Option("user", (str,), aliases=("username",), check=_no_nul),
    Option("password", (str, bytes), aliases=("passwd",), secret=True),
    Option("database", (str,), aliases=("db",), check=_no_nul),
    Option("unix_socket", (str,), check=_no_nul),
    Option("connect_timeout", (int, float), 10, check=_seconds),
    Option("read_timeout", (int, float), 0, check=_seconds),
    Option("write_timeout", (int, float), 0, check=_seconds),
    Option("autocommit", (bool, int), False),
    Option("init_command", (str,)),
)

POOL_OPTIONS = (
    Option("pool_name", (str,)),
    Option("pool_size", (int,), 5),
    Option("pool_reset_session", (bool,), True, aliases=("pool_reset_connection",)),
    Option("pool_invalidation_interval", (int,), 500, aliases=("pool_validation_interval",), check=_milliseconds),
)

# Known, and refused rather than overlooked: a connection that should have been encrypted must not be opened in plain.
TLS_KEYWORDS = (
    *("ssl", "use_ssl", "ssl_key", "ssl_cert", "ssl_ca", "ssl_capath", "ssl_cipher", "ssl_crl", "ssl_crlpath"),
    *("ssl_verify_cert", "tls_version", "tls_fp", "tls_fp_list", "tls_peer_fp", "tls_peer_fp_list"),
)


def _by_name(options: tuple[Option, ...]) -> dict[str, Option]:
    return {name: option for option in options for name in (option.name, *option.aliases)}


def _defaults(options: tuple[Option, ...]) -> dict[str, Any]:
    return {option.name: option.default for option in options}


_CONNECT_BY_NAME = _by_name(CONNECT_OPTIONS)
_CONNECT_DEFAULTS = _defaults(CONNECT_OPTIONS)
_POOL_BY_NAME = _by_name(POOL_OPTIONS)
_POOL_DEFAULTS = _defaults(POOL_OPTIONS)


def _read(by_name: dict[str, Option], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the options that are given, by the options' names."""
    given: dict[str, str] = {}
    values: dict[str, Any] = {}
    for keyword, value in keywords.items():
        option = by_name[keyword]
        if value is None and option.name in given:
            continue
        if option.name in given and keywords[given[option.name]] != value:
            raise TypeError(f"{given[option.name]} and {keyword} are the same option and have different values")
        if value is not None:
            given[option.name] = keyword
        values[option.name] = option.accept(value, keyword)
    return values


def _unknown(keyword: str) -> TypeError:
    if keyword in _POOL_BY_NAME:
        return TypeError(f"{keyword} is an option of a pool, and no pool_name is given")
    from difflib import get_close_matches

    near = get_close_matches(keyword, (*_CONNECT_BY_NAME, *_POOL_BY_NAME), 1)
    return TypeError(f"connect() has no keyword {keyword!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


class Endpoint:
    """Where a server is.

    Attributes:
        host: host name or address; None for a unix socket.
        port: TCP port; 0 for a unix socket.
        path: path of a unix socket, or None.
        tried: paths at which a unix socket was looked for in vain.
    """

    __slots__ = ("host", "path", "port", "tried")

    def __init__(
        self, host: str | None = None, port: int = 0, path: str | None = None, tried: tuple[str, ...] = ()
    ) -> None:
        self.host = host
        self.port = port
        self.path = path
        self.tried = tried

    def __str__(self) -> str:
        if self.path is not None:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in (self.host or "") else f"{self.host}:{self.port}"


class ConnectOptions:
    """The options of one connection. Attributes are named as the keywords of connect(); times are seconds or None."""

    __slots__ = (
        *("autocommit", "connect_timeout", "database", "host", "init_command", "password", "port", "read_timeout"),
        *("unix_socket", "user", "write_timeout"),
    )

    host: str | None
    port: int
    user: str | None
    password: str | bytes | None
    database: str | None
    unix_socket: str | None
    connect_timeout: float | None
    read_timeout: float | None
    write_timeout: float | None
    autocommit: bool
    init_command: str | None

    @classmethod
    def from_keywords(cls, keywords: Mapping[str, Any]) -> ConnectOptions:
        """Check the keywords of connect().

        Raises:
            TypeError: a keyword is unknown, two names of one option differ, or a value has the wrong type.
            ProgrammingError: a value is out of range.
            NotSupportedError: TLS is asked for.
        """
        known = {}
        for keyword, value in keywords.items():
            if keyword in _CONNECT_BY_NAME:
                known[keyword] = value
            elif keyword not in TLS_KEYWORDS:
                raise _unknown(keyword)
            elif value is not None and value is not False:
                raise NotSupportedError(f"{keyword}: TLS is not supported in this version; nothing was sent")
        options = cls()
        for name, value in {**_CONNECT_DEFAULTS, **_read(_CONNECT_BY_NAME, known)}.items():
            setattr(options, name, value)
        # 0 means none in the keywords; None is what the rest of the driver understands.
        options.connect_timeout = options.connect_timeout or None
        options.read_timeout = options.read_timeout or None
        options.write_timeout = options.write_timeout or None
        options.autocommit = bool(options.autocommit)
        options.database = options.database or None
        return options

    def endpoint(self, is_socket: Callable[[str], bool]) -> Endpoint:
        """Decide how to reach the server.

        A unix socket if the host is "localhost" or not given, and either the path of a socket is given, or no port is
        and one of the usual sockets exists; TCP otherwise.

        Args:
            is_socket: tells whether there is a unix socket at a path.
        """
        host = self.host or LOCALHOST
        if self.unix_socket and host == LOCALHOST:
            return Endpoint(path=self.unix_socket)
        if host != LOCALHOST or self.port:
            return Endpoint(host, self.port or DEFAULT_PORT)
        for path in USUAL_SOCKETS:
            if is_socket(path):
                return Endpoint(path=path)
        return Endpoint(host, DEFAULT_PORT, tried=USUAL_SOCKETS)

    def __repr__(self) -> str:
        shown = (name for name in self.__slots__ if name != "password")
        return f"ConnectOptions({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


class PoolOptions:
    """The options of a pool.

    Attributes:
        name: name of the pool, None if none was given.
        size: number of connections, 1 to 64.
        reset: bring the session back when a connection is returned.
        validation_interval: seconds of idleness after which a connection is asked for a sign of life before it is given
            out; 0: always.
    """

    __slots__ = ("_values", "name", "reset", "size", "validation_interval")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.name: str | None = values["pool_name"]
        self.size: int = values["pool_size"]
        self.reset: bool = values["pool_reset_session"]
        self.validation_interval: float = values["pool_invalidation_interval"] / 1000
        if not 1 <= self.size <= MAX_POOL_SIZE:
            raise ProgrammingError(f"Pool size must be in range of 1 and {MAX_POOL_SIZE}, not {self.size}")

    @classmethod
    def split(
        cls, keywords: Mapping[str, Any], present: PoolOptions | None = None
    ) -> tuple[PoolOptions, dict[str, Any]]:
        """Take a pool's keywords out of those that are given together; the others are for its connections.

        Args:
            keywords: all keywords.
            present: what holds where nothing is given; None: the defaults.

        Raises:
            TypeError: a value has the wrong type.
            ProgrammingError: a value is out of range.
        """
        own = {keyword: value for keyword, value in keywords.items() if keyword in _POOL_BY_NAME}
        options = cls({**(present._values if present else _POOL_DEFAULTS), **_read(_POOL_BY_NAME, own)})
        return options, {keyword: value for keyword, value in keywords.items() if keyword not in own}
