"""What a connection does in a distributed transaction (XA): the sequence of commands behind each `tpc_` method.

Operations as those of `core.connection`; the statements are `core.tpc`'s business.
"""

from __future__ import annotations

from mariadb_protocol import ErrPacket, ResultSet, query

from ..exceptions import DatabaseError, Error, InterfaceError, ProgrammingError
from .failure import server_error
from .tpc import recovered, unconverted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mariadb_protocol.events import Command

    from .connection import ConnectionCore
    from .tpc import Xid


def begin(core: ConnectionCore, xid: Xid) -> Command[None]:
    """Begin a transaction of a transaction manager."""
    statement = core.tpc.begin(xid)
    yield from _recorded(core, core.command(statement))
    core.tpc.begun(xid)
    core.unsettled = False


def prepare(core: ConnectionCore) -> Command[None]:
    """The first phase of the transaction in progress."""
    for statement in core.tpc.prepare():
        yield from _recorded(core, core.command(statement))
        core.statements.distributed = True
    core.unsettled = False


def _recorded(core: ConnectionCore, operation: Command[None]) -> Command[None]:
    """Run what changes the transaction's state; until that is taken note of, the session is unsettled."""
    core.unsettled = True
    try:
        yield from operation
    except Error:
        core.unsettled = False
        raise


def finish(core: ConnectionCore, commit: bool, xid: Xid | None) -> Command[None]:
    """Commit or roll back the transaction in progress, or one that was recovered."""
    autocommit = core.autocommit
    own = xid is None or xid == core.tpc.xid
    if not own and not autocommit:
        # The server finishes a recovered transaction only outside of any other, and without autocommit is in one.
        if core.in_transaction:
            raise ProgrammingError(f"{xid!r} cannot be finished while a transaction is open")
        yield from _recorded(core, core.set_autocommit(True))
    failure: Error | None = None
    try:
        for statement in core.tpc.finish(commit, xid):
            yield from core.claim(None)
            try:
                run = core.command(statement)
                yield from _recorded(core, core.committing(run) if statement.startswith(b"XA COMMIT") else run)
            except DatabaseError:
                # After a deadlock, or a phase that failed, the server has ended the transaction's work already.
                if commit or core.session.broken or not statement.startswith(b"XA END "):
                    raise
    except Error as error:
        failure = error
    core.session.stop = None  # also one that was cancelled leaves the session as it was
    if core.autocommit != autocommit and not core.session.broken:
        core.unsettled = True
        yield from core.settling(core.set_autocommit(autocommit))
    core.unsettled = False
    if failure is not None:
        raise failure
    if own:  # behind another one, what XA PREPARE has left here is here still
        core.statements.distributed = False


def recover(core: ConnectionCore) -> Command[list[Xid]]:
    """All prepared transactions on the server."""
    yield from core.claim(None)
    mariadb = core.session.mariadb
    # MySQL would send any bytes labelled as UTF-8.
    answer = yield from query(core.session, b"XA RECOVER" if mariadb else b"XA RECOVER CONVERT XID")
    if isinstance(answer, ErrPacket):
        raise server_error(answer)
    rows = answer.rows if isinstance(answer, ResultSet) else []
    try:
        if not mariadb:
            rows = [(*sizes, unconverted(data)) for *sizes, data in rows]
        return [recovered(*row) for row in rows]
    except (ProgrammingError, TypeError, ValueError):
        raise InterfaceError("the server's answer to XA RECOVER is no list of transactions") from None
