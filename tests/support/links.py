"""Links that are opened without a connection above them, and conversations of the servers that they reach."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

from mariadb_py.core.options import ConnectOptions
from mariadb_py.io.link import Link
from tests.support.listener import PATIENCE
from tests.support.scripts import err, greeting, ok

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from tests.support.listener import Caller, Listener

# What the statement behind a login says besides, with reconnect=True.
TRACKING = b",session_track_state_change=1,session_track_transaction_info='CHARACTERISTICS'"


def options(**keywords: Any) -> ConnectOptions:
    """Options of a connection that waits long."""
    return ConnectOptions.from_keywords({"user": "u", "connect_timeout": PATIENCE, **keywords})


@contextlib.contextmanager
def opened(**keywords: Any) -> Iterator[Link]:
    """A link with these options, closed afterwards."""
    link = Link.open(options(**keywords))
    try:
        yield link
    finally:
        link.close()


def hosts(*listeners: Listener) -> str:
    """Listeners as a host list."""
    return ",".join("{host}:{port}".format(**listener.connect_args) for listener in listeners)


def answers(caller: Caller, status: int = 0, **log_in: Any) -> None:
    """Logs in, answers every command with OK, and hears the goodbye."""
    caller.log_in(**log_in)
    while caller.packet() != b"\x01":
        caller.send(ok(status=status))


def refuses(caller: Caller) -> None:
    """Does not let anybody in."""
    caller.send(greeting(), sequence=0)
    caller.packet()
    caller.send(err(1045, b"Access denied", b"28000"), sequence=2)


def in_turn(*conversations: Callable[[Caller], None]) -> Callable[[Caller], None]:
    """The first caller has the first conversation, and so on; the last one is for all others."""
    turns = itertools.chain(conversations, itertools.repeat(conversations[-1]))
    return lambda caller: next(turns)(caller)


def identity(link: Link) -> int:
    """Id of the connection on the server."""
    greeting = link.core.session.greeting
    assert greeting is not None
    return greeting.connection_id
