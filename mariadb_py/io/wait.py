"""Waiting for a socket, with poll() where the system has it."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket


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
    # Rounded up: a wait that ends before its time would be taken for one that timed out.
    found = poll.poll(None if timeout is None else int(timeout * 1000) + (timeout > 0))
    if not found:
        return False, False
    events = found[0][1]
    failed = bool(events & (select.POLLERR | select.POLLHUP | select.POLLNVAL))
    return read and (failed or bool(events & select.POLLIN)), write and (failed or bool(events & select.POLLOUT))


_LONGEST = 2e6  # seconds; poll() takes 2**31 - 1 milliseconds at most
