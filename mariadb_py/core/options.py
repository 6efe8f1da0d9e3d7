"""What the user asks of connect(): where the values come from, which source wins, and how the server is reached.

Sources of values, strongest first: keywords that are not None, the URI, the option files, the environment (both only if
asked for), the defaults. In keywords a wrong type or an unknown name is a TypeError, a value out of range a
ProgrammingError; in texts all of these are ProgrammingErrors that say where the text came from. All before anything is
opened. Reads no file and opens nothing.
"""

from __future__ import annotations

from ..exceptions import ProgrammingError
from .endpoint import LOCALHOST, Endpoint, choose_endpoint, parse_hosts
from .keywords import Text, accept_all, defaults
from .optiontable import CONNECT_BY_NAME, CONNECT_OPTIONS, is_tls, refusal, switched_off, unknown
from .pooloptions import MAX_POOL_SIZE, PoolOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, Protocol

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
        if name in CONNECT_BY_NAME:
            known[name] = value
            continue
        if value is not None and value is not False:
            raise refusal(name) or unknown(name)
        if refusal(name) is None:
            raise unknown(name)
    return accept_all(CONNECT_BY_NAME, known)


def _from_texts(texts: Iterable[tuple[str, str]], origin: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in texts:
        place = text.origin if isinstance(text, Text) else origin
        option = CONNECT_BY_NAME.get(name)
        if option is None:
            if not (is_tls(name) and switched_off(name, text)):
                raise refusal(name, place) or unknown(name, place)
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
    for name, value in weaker.items():
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


class ConnectOptions:
    """The options of one connection.

    Attributes are named as the keywords of connect(), without aliases and without `uri` and `socket_timeout`, which
    stand for others; times are seconds or None.
    """

    __slots__ = tuple(sorted({*_DEFAULTS} - {"uri", "socket_timeout"}))

    default_file: str | None
    default_group: tuple[str, ...]
    environment: bool
    host: str | None
    port: int
    unix_socket: str | None
    user: str | None
    password: str | bytes | Callable[[], str | bytes] | None
    database: str | None
    connect_attrs: dict[str, str] | None
    connect_timeout: float | None
    read_timeout: float | None
    write_timeout: float | None
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
            NotSupportedError: something is asked for that this version does not have, such as TLS.
        """
        values = {**_DEFAULTS, **_gather(keywords, sources)}
        options = cls()
        for name in cls.__slots__:
            setattr(options, name, values[name])
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
        return f"ConnectOptions({', '.join(shown)})"
