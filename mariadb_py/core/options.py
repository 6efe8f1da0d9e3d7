"""What the user asks of connect(): where the values come from, which source wins, and how the server is reached.

Sources of values, strongest first: keywords that are not None, the URI, the option files, the environment (both only if
asked for), the defaults. In keywords a wrong type or an unknown name is a TypeError, a value out of range a
ProgrammingError; in texts all of these are ProgrammingErrors that say where the text came from. All before anything is
opened. Reads no file and opens nothing.
"""

from __future__ import annotations

from mariadb_protocol.security import Secretive

from ..exceptions import ProgrammingError
from .endpoint import LOCALHOST, Endpoint, choose_endpoint, parse_hosts
from .keywords import Text, accept_all, defaults
from .optiontable import CONNECT_BY_NAME, CONNECT_OPTIONS, is_tls, switched_off, unknown
from .pool.options import MAX_POOL_SIZE, PoolOptions
from .security import TLS_NAMES, TLSOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, Protocol

    from mariadb_protocol.constants import Limits

    class Sources(Protocol):
        """Where the values come from that are not in the program; implemented by `io.optionfile`."""

        def option_file(self, path: str, groups: tuple[str, ...]) -> Mapping[str, str]:
            """Texts by option name from the option file at `path`, or from the default files if it is empty.

            `groups` are read in addition to the usual ones.
            """

        def environment(self) -> Mapping[str, str]:
            """The environment variables."""


__all__ = ("MAX_POOL_SIZE", "ConnectOptions", "Endpoint", "PoolOptions")

_DEFAULTS = defaults(CONNECT_OPTIONS)

# What a connection needs to log in.
_LOGIN = frozenset(
    (
        *("host", "port", "unix_socket", "user", "password", "tls", "connect_timeout", "limits"),
        *("auth_plugins", "auth_gssapi", "server_public_key", "allow_public_key_retrieval"),
    )
)

# The first variable that is set and not empty counts.
ENVIRONMENT = {
    "host": ("MARIADB_HOST",),
    "port": ("MARIADB_TCP_PORT", "MARIADB_PORT"),
    "user": ("MARIADB_USER",),
    "password": ("MARIADB_PASSWORD", "MARIADB_PWD"),
    "database": ("MARIADB_DATABASE",),
    "unix_socket": ("MARIADB_UNIX_SOCKET",),
}


def _from_keywords(keywords: Mapping[str, Any]) -> dict[str, Any]:
    known = {}
    for name, value in keywords.items():
        option = CONNECT_BY_NAME.get(name)
        if option is None:
            if name != "dsn" or value not in (None, False):
                raise unknown(name)
        elif option.name == "ssl" and isinstance(value, dict):
            known[name] = True
            for key, item in value.items():
                _add_of_ssl(known, keywords, key, item)
        elif value is not None:
            known[name] = value
    return accept_all(CONNECT_BY_NAME, known)


def _add_of_ssl(known: dict[str, Any], keywords: Mapping[str, Any], key: object, value: Any) -> None:
    """Make an item of `ssl={...}` the keyword that it stands for."""
    name = f"ssl_{key}"
    if name not in CONNECT_BY_NAME:
        raise TypeError(f"ssl has a key {key!r}: there is no keyword {name!r}")
    if value is None:
        return
    if any(other not in (None, value) for other in (keywords.get(name), known.get(name))):
        raise TypeError(f"{name} and {key!r} in ssl are the same option and have different values")
    known[name] = value


def _from_texts(texts: Iterable[tuple[str, str]], origin: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in texts:
        place = text.origin if isinstance(text, Text) else origin
        option = CONNECT_BY_NAME.get(name)
        if option is None:
            if not (is_tls(name) and switched_off(text)):
                raise unknown(name, place)
        elif option.name in values:
            raise ProgrammingError(f"{option.name} is given twice (from {place})")
        else:
            values[option.name] = option.read(text, place)
    return values


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Text]]:
    for name, variables in ENVIRONMENT.items():
        for variable in variables:
            text = environment.get(variable)
            if text:
                yield name, Text(text, f"environment variable {variable}")
                break


def _add(values: dict[str, Any], weaker: dict[str, Any]) -> None:
    """Put the values of the next weaker source where there is none yet."""
    for values_of_one in (values, weaker):
        if "socket_timeout" in values_of_one:
            timeout = values_of_one.pop("socket_timeout")
            values_of_one.setdefault("read_timeout", timeout)
            values_of_one.setdefault("write_timeout", timeout)
    # A server that is named somewhere else must not be replaced by the local one of an option file.
    if values.get("port") or values.get("host", LOCALHOST) not in ("", LOCALHOST):
        weaker.pop("unix_socket", None)
    no_tls = not values.get("ssl", True)
    for name, value in weaker.items():
        if not (no_tls and name in TLS_NAMES):
            values.setdefault(name, value)


def _gather(keywords: Mapping[str, Any], sources: Sources | None) -> dict[str, Any]:
    """What the sources say, the stronger ones first."""
    values = _from_keywords(keywords)
    uri = values.pop("uri", None)
    if uri is not None:
        from .uri import parse_uri

        _add(values, _from_texts(parse_uri(uri), "the URI"))
    if "default_file" in values or "default_group" in values:
        texts = _needed(sources).option_file(values.get("default_file", ""), values.get("default_group", ()))
        _add(values, _from_texts(texts.items(), "the option file"))
    if values.get("environment"):
        _add(values, _from_texts(_from_environment(_needed(sources).environment()), "the environment"))
    _add(values, {})
    return values


def _needed(sources: Sources | None) -> Sources:
    if sources is None:
        raise ProgrammingError("Option files and environment variables cannot be read here")
    return sources


class ConnectOptions(Secretive):
    """The options of one connection.

    Attributes are named as the keywords of connect(), without aliases and without `uri` and `socket_timeout`, which
    stand for others, and without those of TLS, which are together in `tls` (None: no TLS); times are seconds or None.
    """

    __slots__ = tuple(sorted({*_DEFAULTS, "tls"} - {"uri", "socket_timeout", "ssl", *TLS_NAMES}))

    default_file: str | None
    default_group: tuple[str, ...]
    environment: bool
    host: str | None
    port: int
    unix_socket: str | None
    user: str | None
    password: str | bytes | Callable[[], str | bytes] | None
    database: str | None
    tls: TLSOptions | None
    auth_plugins: tuple[str, ...] | None
    auth_prompt: Callable[[str, bool], str | bytes] | None
    auth_gssapi: Callable[..., Any] | None
    server_public_key: str | bytes | None
    allow_public_key_retrieval: bool
    permit_redirect: bool | None
    limits: Limits | None
    connect_attrs: dict[str, str] | None
    connect_timeout: float | None
    read_timeout: float | None
    write_timeout: float | None
    query_timeout: float | None
    cancel_grace: float
    autocommit: bool
    init_command: str | None
    read_only: bool
    charset: str | None
    client_flag: int
    compress: bool
    local_infile: bool
    max_allowed_packet: int | None
    reconnect: bool
    status_callback: Callable[..., object] | None
    plugin_dir: str | None
    binary: bool
    dictionary: bool
    named_tuple: bool
    native_object: bool
    zero_date: str | None
    converter: dict[int, Callable[[Any], Any]] | None
    cache_prep_stmts: bool
    prep_stmt_cache_size: int
    pipeline: bool | None

    @classmethod
    def from_keywords(cls, keywords: Mapping[str, Any], sources: Sources | None = None) -> ConnectOptions:
        """Check the keywords of connect(), and complete them from the sources that they name.

        Args:
            keywords: as given; a value that is None counts as not given.
            sources: for the contents of option files and the environment.

        Raises:
            TypeError: a keyword is unknown, two names of one option differ, or a value has the wrong type.
            ProgrammingError: a value is out of range, or what the URI, a file or the environment says is wrong.
            NotSupportedError: something is asked for that this driver does not have.
        """
        values = {**_DEFAULTS, **_gather(keywords, sources)}
        values["tls"] = TLSOptions.from_values(values)
        options = cls()
        for name in cls.__slots__:
            setattr(options, name, values[name])
        return options

    def for_cancelling(self, password: str | bytes | None) -> ConnectOptions:
        """The options of a connection that ends a statement of this one: the same login, and nothing else.

        Nobody is asked anything: not the function of the password, nor the user.

        Args:
            password: what this one has logged in with.
        """
        options = type(self)()
        for name in self.__slots__:
            setattr(options, name, getattr(self, name) if name in _LOGIN else _DEFAULTS[name])
        options.password = password
        options.autocommit = True
        return options

    def current_password(self) -> str | bytes | None:
        """The password to log in with now; where it is a function, that is called.

        Raises:
            TypeError: the function returned something else than str, bytes or None.
        """
        password = self.password() if callable(self.password) else self.password
        if password is not None and not isinstance(password, (str, bytes)):
            raise TypeError(f"the password function returned {type(password).__name__}, not str or bytes")
        return password

    def endpoints(self, is_socket: Callable[[str], bool]) -> tuple[Endpoint, ...]:
        """Where the server may be, in the order in which to try.

        A unix socket if its path is given, and no host but "localhost". Otherwise each host, at its own port or else
        at the one that is given; "localhost", and no host, at one of the usual unix sockets if no port is given and
        there is one.

        Args:
            is_socket: tells whether there is a unix socket at a path.
        """
        if self.unix_socket and (self.host or LOCALHOST) == LOCALHOST:
            return (Endpoint(path=self.unix_socket),)
        hosts = parse_hosts(self.host or LOCALHOST) or ()
        return tuple(choose_endpoint(host, port or self.port, is_socket) for host, port in hosts)

    def __repr__(self) -> str:
        """Only what differs from the default; never a value that may hold a secret."""
        shown = [
            f"{option.name}={getattr(self, option.name)!r}"
            for option in CONNECT_OPTIONS
            if not option.secret and getattr(self, option.name, option.default) != option.default
        ]
        if self.tls is not None:
            shown.append(f"tls={self.tls!r}")
        return f"ConnectOptions({', '.join(shown)})"
