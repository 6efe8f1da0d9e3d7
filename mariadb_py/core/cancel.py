"""Ending a statement of another connection: KILL QUERY, once it is sure whose statement it is.

The connection that does it goes to the same address. Behind a proxy, or a name that stands for several servers, the id
could be a stranger's all the same. Knows no socket and no clock.
"""

from __future__ import annotations

from mariadb_protocol import ResultSet, query

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mariadb_protocol.events import Command

    from .connection import ConnectionCore

# What the server calls the commands that run a statement, and the state of a connection that runs none.
_RUNNING = ("Query", "Execute", "Bulk_execute", "Fetch")
_ENDED = "Sleep"
_LOOK = b"SELECT ID,HOST,COMMAND,CONNECTION_ID() FROM information_schema.PROCESSLIST WHERE ID IN (%d,%d)"


class Fate:
    """What became of a statement that was to be ended."""

    NOTHING = "nothing was done"
    OVER = "it had ended by itself"
    KILLED = "it was ended"


class Cancelling:
    """An operation that is being cancelled.

    Attributes:
        stop: what it is cancelled for, to be raised.
        until: monotonic time by which the server must have ended it.
        fate: one of `Fate`.
    """

    __slots__ = ("fate", "stop", "until")

    def __init__(self, stop: BaseException) -> None:
        self.stop = stop
        self.until = 0.0
        self.fate = Fate.NOTHING


def kill_query(side: ConnectionCore, connection_id: int, ports: tuple[int, int] | None) -> Command[str]:
    """End the statement that another connection of ours runs.

    Args:
        side: a connection to the same address, which has just logged in.
        connection_id: id of the other one, as its server called it.
        ports: TCP ports that the other one and `side` have here; None on a unix socket.

    Returns:
        One of `Fate`; NOTHING where the server does not show that connection as ours, or running a statement.
    """
    greeting = side.session.greeting
    own_id = greeting.connection_id if greeting is not None else 0
    answer = yield from query(side.session, _LOOK % (connection_id, own_id))
    rows = [row for row in answer.rows if len(row) == 4] if isinstance(answer, ResultSet) else []
    found = {number: (host, doing) for number, host, doing, asking in rows if asking == own_id}
    if not {connection_id, own_id} <= found.keys():
        return Fate.NOTHING  # a proxy that numbers its connections by itself would lead to a stranger's
    if ports is not None:
        # Not the host, which is that of the definer while a procedure runs, or a name. A proxy has ports of its own.
        shown = [str(found[number][0]).rpartition(":")[2] for number in (connection_id, own_id)]
        if shown != [str(port) for port in ports]:
            return Fate.NOTHING
    doing = found[connection_id][1]
    if doing == _ENDED:
        return Fate.OVER
    if doing not in _RUNNING:
        return Fate.NOTHING
    yield from side.command(b"KILL QUERY %d" % connection_id)
    return Fate.KILLED
