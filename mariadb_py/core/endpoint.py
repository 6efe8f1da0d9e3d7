"""Where servers are: host lists, and the choice between a unix socket and TCP. Opens nothing."""

from __future__ import annotations

from mariadb_protocol.constants import DEFAULT_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Where servers put their socket, by distribution. Not those in /tmp, where anybody can put one.
USUAL_SOCKETS = (
    "/run/mysqld/mysqld.sock",
    "/var/run/mysqld/mysqld.sock",
    "/var/lib/mysql/mysql.sock",
)
LOCALHOST = "localhost"
MAX_PORT = 65535


class Endpoint:
    """Where a server is.

    Attributes:
        host: host name or address; None for a unix socket.
        port: TCP port; 0 for a unix socket.
        path: path of a unix socket, or None.
        tried: paths at which a unix socket was looked for in vain.
        address: (family, address) that the name stands for, if it is known; None: to be looked up.
    """

    __slots__ = ("address", "host", "path", "port", "tried")

    def __init__(
        self, host: str | None = None, port: int = 0, path: str | None = None, tried: tuple[str, ...] = ()
    ) -> None:
        self.host = host
        self.port = port
        self.path = path
        self.tried = tried
        self.address: tuple[int, Any] | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in (self.host or "") else f"{self.host}:{self.port}"


def parse_hosts(text: str) -> list[tuple[str, int]] | None:
    """Take a host list apart.

    Args:
        text: names and addresses, separated by commas, each perhaps with `:port`; IPv6 addresses in brackets, or as
            they are if no port follows.

    Returns:
        Hosts and ports (0: none given), in order; None if the text is not such a list.
    """
    hosts = [_parse_host(item.strip()) for item in text.split(",")]
    return None if None in hosts else hosts  # type: ignore[return-value]


def _parse_host(item: str) -> tuple[str, int] | None:
    if item.startswith("["):
        host, bracket, rest = item[1:].partition("]")
        if not bracket:
            return None
    elif item.count(":") > 1:
        host, rest = item, ""  # an IPv6 address: without brackets none of its colons can be a port's
    else:
        host, colon, digits = item.partition(":")
        rest = colon + digits
    port = _parse_port(rest)
    return None if not host or "[" in host or "]" in host or port is None else (host, port)


def _parse_port(text: str) -> int | None:
    """The number in ":number", 0 for an empty text."""
    if not text:
        return 0
    digits = text[1:]
    if text[0] != ":" or not (digits.isascii() and digits.isdigit()) or len(digits) > 5 or int(digits) > MAX_PORT:
        return None
    return int(digits)


def redirected(url: str) -> Endpoint | None:
    """Where a server's redirect_url leads; None if that cannot be told.

    Only host and port count: who logs in is not the server's business.

    Args:
        url: "mariadb://host:port" or "mysql://host:port", perhaps with more behind it.
    """
    scheme, _, rest = url.partition("://")
    hosts = parse_hosts(rest.partition("/")[0].partition("?")[0].rpartition("@")[2])
    if scheme not in ("mariadb", "mysql") or not hosts or len(hosts) > 1:
        return None
    host, port = hosts[0]
    return Endpoint(host, port or DEFAULT_PORT)


def choose_endpoint(host: str, port: int, is_socket: Callable[[str], bool]) -> Endpoint:
    """A unix socket if the host is "localhost", no port is given and one of the usual sockets exists; TCP otherwise.

    Args:
        host: name or address.
        port: TCP port, 0 if none is given.
        is_socket: tells whether there is a unix socket at a path.
    """
    if host != LOCALHOST or port:
        return Endpoint(host, port or DEFAULT_PORT)
    for path in USUAL_SOCKETS:
        if is_socket(path):
            return Endpoint(path=path)
    return Endpoint(host, DEFAULT_PORT, tried=USUAL_SOCKETS)
