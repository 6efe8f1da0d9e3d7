"""Opening sockets: name resolution and connection attempts under one absolute deadline.

Knows endpoints and sockets; knows no protocol.
"""

from __future__ import annotations

import os
import socket
import stat
from contextlib import contextmanager

from ..exceptions import CR_CONNECTION_ERROR, CR_UNKNOWN_HOST, OperationalError
from .threads import allocate_lock, monotonic, sleep, start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..core.options import Endpoint

    Address = tuple[Any, ...]

LONGEST_WAIT = 1e6  # seconds; locks and sockets refuse to wait longer than about 2**63 nanoseconds
_QUEUE_FULL = 0.01  # seconds until a server that has too many callers at once is tried again


def is_socket(path: str) -> bool:
    """There is a unix socket at `path`."""
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def remaining(deadline: float | None) -> float | None:
    """Seconds until `deadline` (a monotonic time), from 0 to `LONGEST_WAIT`; None without one."""
    return None if deadline is None else min(max(deadline - monotonic(), 0.0), LONGEST_WAIT)


def share(deadline: float | None, attempts: int) -> float | None:
    """The deadline of the next of so many attempts: one that hears nothing must leave time for those behind it."""
    if deadline is None:
        return None
    now = monotonic()
    return now + max(deadline - now, 0.0) / attempts


def dial(endpoint: Endpoint, deadline: float | None) -> socket.socket:
    """Open a blocking socket to `endpoint`.

    Args:
        endpoint: where to.
        deadline: monotonic time by which it must be open; None: no bound but the system's.

    Raises:
        OperationalError: errno 2002, nothing answers there in time; 2005, the host name is unknown.
    """
    if endpoint.path is not None:
        return _attempt(endpoint, socket.AF_UNIX, endpoint.path, deadline)
    addresses = _resolve(endpoint, deadline)
    for index, (family, address) in enumerate(addresses):
        try:
            return _attempt(endpoint, family, address, share(deadline, len(addresses) - index))
        except OperationalError as error:
            failure = error
    raise failure


def _attempt(endpoint: Endpoint, family: int, address: Any, deadline: float | None) -> socket.socket:
    with opening(endpoint, family) as sock:
        _connect(sock, address, deadline)
        sock.settimeout(None)
    return sock


@contextmanager
def opening(endpoint: Endpoint, family: int) -> Iterator[socket.socket]:
    """A new socket, to be connected in the block; what is raised there closes it, and says where it was to lead."""
    sock = None
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
        yield sock
        if family != getattr(socket, "AF_UNIX", None):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    except BaseException as error:
        if sock is not None:
            sock.close()
        # A path with a lone surrogate is a UnicodeError, and the name of nothing.
        if isinstance(error, (OSError, UnicodeError)):
            raise connect_error(endpoint, error) from error
        raise


def _connect(sock: socket.socket, address: Any, deadline: float | None) -> None:
    while True:
        left = remaining(deadline)
        if left == 0:
            raise TimeoutError("connect_timeout passed")
        sock.settimeout(left)
        try:
            return sock.connect(address)
        except BlockingIOError:  # a unix socket with a full queue; the system offers nothing to wait for
            sleep(_QUEUE_FULL)


def connect_error(endpoint: Endpoint, error: OSError | UnicodeError) -> OperationalError:
    """The exception for a server that cannot be reached."""
    tried = f"; no unix socket at {', '.join(endpoint.tried)}" if endpoint.tried else ""
    reason = "connect_timeout passed" if isinstance(error, (TimeoutError, socket.timeout)) else _reason(error)
    return OperationalError(f"Can't connect to server on '{endpoint}' ({reason}{tried})", errno=CR_CONNECTION_ERROR)


def _reason(error: BaseException) -> object:
    return getattr(error, "strerror", None) or error


# Names


def _resolve(endpoint: Endpoint, deadline: float | None) -> list[tuple[int, Address]]:
    known = known_addresses(endpoint)
    return known if known is not None else addresses(endpoint, _within(*name_of(endpoint), deadline))


def name_of(endpoint: Endpoint) -> tuple[str, int]:
    """Host and port."""
    return endpoint.host or "localhost", endpoint.port


def known_addresses(endpoint: Endpoint) -> list[tuple[int, Address]] | None:
    """Addresses of an endpoint for which nothing has to be looked up; None if something has."""
    if endpoint.address is not None:
        return [endpoint.address]
    host, port = name_of(endpoint)
    literal = _literal_family(host)
    return [(literal, (host, port))] if literal is not None else None


def addresses(endpoint: Endpoint, outcome: Any) -> list[tuple[int, Address]]:
    """Addresses in what `look_up` returned.

    Raises:
        OperationalError: errno 2005, the host name is unknown.
    """
    host, _ = name_of(endpoint)
    if isinstance(outcome, OSError):
        raise OperationalError(f"Unknown server host '{host}' ({_reason(outcome)})", errno=CR_UNKNOWN_HOST) from outcome
    if isinstance(outcome, BaseException):
        raise OperationalError(f"Host name {host!r} cannot be resolved: {outcome}", errno=CR_UNKNOWN_HOST) from outcome
    return [(family, address) for family, _, _, _, address in outcome]


def _literal_family(host: str) -> int | None:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return family
    return None


def look_up(host: str, port: int) -> Any:
    """getaddrinfo's list, or the exception that it raised."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except Exception as error:
        return error


def _within(host: str, port: int, deadline: float | None) -> Any:
    """As `look_up`, which cannot be interrupted: it runs in a thread that is left behind at the deadline."""
    if deadline is None or start_new_thread is None:
        return look_up(host, port)
    outcome: list[Any] = []
    done = allocate_lock()
    done.acquire()

    def run() -> None:
        outcome.append(look_up(host, port))
        done.release()

    try:
        start_new_thread(run, ())
    except RuntimeError as error:  # the system has no more threads
        return error
    if not done.acquire(True, remaining(deadline) or 0):
        return TimeoutError(0, "connect_timeout passed while the name was looked up")
    return outcome[0]
