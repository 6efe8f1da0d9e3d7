"""Waiting for a socket, with poll() where the system has it."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


def wait(sock: socket.socket, read: bool, write: bool, timeout: float | None) -> tuple[bool, bool]:
    """Wait until `sock` can be read or written.

    Args:
        sock: the socket.
        read: wait for bytes, or the end of the stream.
        write: wait for room in the send buffer.
        timeout: seconds; 0 only looks, None waits for ever.

    Returns:
        (readable, writable); both False when the time has passed. An error on the socket makes it what was asked for.
    """
    if timeout is not None:
        timeout = min(timeout, _LONGEST)
    if not hasattr(select, "poll"):
        readable, writable, _ = select.select([sock] if read else [], [sock] if write else [], [], timeout)
        return bool(readable), bool(writable)
    poll = select.poll()
    poll.register(sock, (select.POLLIN if read else 0) | (select.POLLOUT if write else 0))
    found = poll.poll(milliseconds(timeout))
    if not found:
        return False, False
    events = found[0][1]
    failed = bool(events & (select.POLLERR | select.POLLHUP | select.POLLNVAL))
    return read and (failed or bool(events & select.POLLIN)), write and (failed or bool(events & select.POLLOUT))


def until_readable(sock: socket.socket) -> Callable[..., object]:
    """A function that waits for reading; kept, it costs less than `wait()`.

    Its argument is a time in milliseconds, none for ever; what it returns is true if the socket can be read.
    """
    if not hasattr(select, "poll"):
        return lambda timeout=None: wait(sock, True, False, None if timeout is None else timeout / 1000)[0]
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return poll.poll


def milliseconds(timeout: float | None) -> int | None:
    """A time in seconds as `poll()` takes it: rounded up, so that a wait does not end before its time."""
    return None if timeout is None else int(min(timeout, _LONGEST) * 1000) + (timeout > 0)


_LONGEST = 2e6  # seconds; poll() takes 2**31 - 1 milliseconds at most
