"""Ending a statement that runs on another connection: KILL QUERY, by a connection that is opened for it.

It goes to the same address, and makes sure that the id is that of our connection: behind a proxy, or a name that stands
for several servers, it could be a stranger's.
"""

from __future__ import annotations

from mariadb_protocol import ResultSet, query

from ..core.endpoint import Endpoint
from .link import Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .transport import Names

# What the server calls the commands that run a statement, and the state of a connection that runs none.
_RUNNING = ("Query", "Execute", "Bulk_execute", "Fetch")
_ENDED = "Sleep"
_LOOK = b"SELECT ID,HOST,COMMAND,CONNECTION_ID() FROM information_schema.PROCESSLIST WHERE ID IN (%d,%d)"


# What became of a statement: nothing was done, it was over already, or it was ended by us.
NOTHING, OVER, KILLED = range(3)


def kill_query(link: Link, deadline: float) -> int:
    """End the statement that runs on `link`.

    Args:
        link: the connection; its user's thread is here, so nobody else uses it.
        deadline: monotonic time by which it must be done.

    Returns:
        NOTHING, where that connection does not show as ours; OVER or KILLED, as the server has confirmed.

    Raises:
        Error: the server cannot be asked.
    """
    names, greeting = link.names(), link.core.session.greeting
    if names is None or greeting is None or link.core.user_changed:
        return NOTHING
    endpoint = Endpoint(link.endpoint.host, link.endpoint.port, link.endpoint.path)
    endpoint.address = names.family, names.peer
    side = Link(link.core.options.for_cancelling(link.core.password), warns=False)
    try:
        side.log_in(endpoint, deadline, "cancel_grace")
        own = side.names()
        session = side.core.session
        ids = greeting.connection_id, session.greeting.connection_id if session.greeting is not None else 0
        sql = _LOOK % ids
        answer = side.run(query(session, sql), deadline, "cancel_grace")
        found = answer.rows if isinstance(answer, ResultSet) else []
        # A proxy that numbers its connections by itself would lead to a stranger's.
        rows = {row[0]: row[1:] for row in found if len(row) == 4 and row[3] == ids[1]}
        if own is None or not _is_ours(rows, ids, names, own):
            return NOTHING
        doing = rows[ids[0]][1]
        if doing == _ENDED:
            return OVER
        if doing not in _RUNNING:
            return NOTHING
        side.run(side.core.command(b"KILL QUERY %d" % ids[0]), deadline, "cancel_grace")
        return KILLED
    finally:
        side.close()


def _is_ours(rows: dict[int, tuple[Any, ...]], ids: tuple[int, int], names: Names, own: Names) -> bool:
    """The server sees both connections come from where they are here."""
    if ids[0] not in rows or ids[1] not in rows:
        return False
    if not isinstance(names.own, tuple) or not isinstance(own.own, tuple):
        return True  # by the same socket file: the same server, and its ids are unique
    # Not the host, which is that of the definer while a procedure runs, or a name. A proxy has ports of its own.
    ports = [str(rows[number][0]).rpartition(":")[2] for number in ids]
    return ports == [str(names.own[1]), str(own.own[1])]
