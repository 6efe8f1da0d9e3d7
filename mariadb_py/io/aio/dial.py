"""Opening sockets under asyncio; names are looked up in a thread of their own, which a deadline leaves behind."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from ..dial import addresses, known_addresses, look_up, name_of, opening, remaining, share
from ..threads import start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any, TypeVar

    from ...core.options import Endpoint

    T = TypeVar("T")

_QUEUE_FULL = 0.01  # seconds until a server that has too many callers at once is tried again


async def within(work: Awaitable[T], deadline: float | None, message: str) -> T:
    """What `work` comes to.

    Args:
        work: a coroutine or future.
        deadline: monotonic time at which it is cancelled.
        message: of the TimeoutError that is raised then.
    """
    if deadline is None:
        return await work
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=remaining(deadline))
        if not task.done():
            raise TimeoutError(message)
    except BaseException:
        task.cancel()
        await asyncio.wait({task})  # its socket must not be closed before it has let go of it
        if not task.cancelled():
            task.exception()  # so that asyncio does not say that nobody has asked
        raise
    return task.result()


async def dial(endpoint: Endpoint, deadline: float | None) -> socket.socket:
    """Open a socket to `endpoint`; see `io.dial.dial`."""
    if endpoint.path is not None:
        return await _attempt(endpoint, socket.AF_UNIX, endpoint.path, deadline)
    found = known_addresses(endpoint)
    if found is None:
        found = addresses(endpoint, await _look_up(*name_of(endpoint), deadline))
    for index, (family, address) in enumerate(found):
        try:
            return await _attempt(endpoint, family, address, share(deadline, len(found) - index))
        except Exception as error:
            failure = error
    raise failure


async def _attempt(endpoint: Endpoint, family: int, address: Any, deadline: float | None) -> socket.socket:
    with opening(endpoint, family) as sock:
        sock.setblocking(False)
        await within(_connect(sock, address), deadline, "connect_timeout passed")
    return sock


async def _connect(sock: socket.socket, address: Any) -> None:
    if isinstance(address, tuple):
        await asyncio.get_running_loop().sock_connect(sock, address)
        return
    while True:
        try:
            sock.connect(address)  # a unix socket: at once, or not. asyncio takes a full queue for the beginning of one
            return
        except BlockingIOError:  # the system offers nothing to wait for
            await asyncio.sleep(_QUEUE_FULL)


async def _look_up(host: str, port: int, deadline: float | None) -> Any:
    """As `io.dial.look_up`."""
    if start_new_thread is None:
        return look_up(host, port)
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Any] = loop.create_future()

    def tell(outcome: Any) -> None:
        if not found.done():
            found.set_result(outcome)

    def run() -> None:
        outcome = look_up(host, port)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, outcome)

    try:
        start_new_thread(run, ())
        return await within(found, deadline, "connect_timeout passed while the name was looked up")
    except (RuntimeError, TimeoutError) as error:  # the system has no more threads
        return error
