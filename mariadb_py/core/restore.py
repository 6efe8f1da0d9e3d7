"""Making a session what it was after the login, for the next one who borrows its connection.

COM_RESET_CONNECTION ends transaction, locks, temporary tables, variables and prepared statements. What it does not
bring back follows: role, database, init_command, character set and autocommit. Where the server takes commands before
it has answered the last one, all that is sent in one write when the connection is given back, and the answers are read
when it is borrowed again: nobody waits for them, and their arrival shows that the server is alive.
"""

from __future__ import annotations

from mariadb_protocol import ErrPacket, ResultSet, State, init_db, query, read_batch, reset_connection, send_batch
from mariadb_protocol.constants import Com
from mariadb_protocol.params import encode_text

from ..exceptions import Error, InterfaceError
from .failure import server_error
from .login import encode_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mariadb_protocol.commands.utility import Outcome
    from mariadb_protocol.events import Command

    from .connection import ConnectionCore

_LEARN = b"SELECT @@wait_timeout,CURRENT_ROLE()"
_NO_ROLE = b"NONE"


def learn(core: ConnectionCore) -> Command[tuple[int, bytes | None]]:
    """What a pool has to know about a session that was just opened.

    Returns:
        Seconds of silence after which the server hangs up (0: it does not say), and `ConnectionCore.role`.
    """
    answer = yield from query(core.session, _LEARN)
    rows = answer.rows if isinstance(answer, ResultSet) else []
    try:
        ((timeout, role),) = rows
        return int(timeout), _quoted(role, core.session.mariadb)
    except (AttributeError, TypeError, ValueError):
        return 0, None


def _quoted(role: str | None, mariadb: bool) -> bytes:
    """A role as SET ROLE wants it; MySQL quotes it by itself, and says NONE."""
    if role is None:
        return _NO_ROLE
    return b"`%s`" % role.replace("`", "``").encode() if mariadb else role.encode()


def restore(core: ConnectionCore) -> Command[None]:
    """Make the session what it was after `open()`, one command after the other."""
    session = core.session
    yield from core.claim(None)
    tracked = core.statements.tracked
    core.reconnects(core.options.reconnect)
    core.forget()
    _check((yield from reset_connection(session)))
    if core.role is not None:
        yield from core.command(b"SET ROLE " + core.role)
    database = core.options.database
    if database is not None:
        # Asked for even where the tracker says nothing changed: the user can switch the tracker off.
        _check((yield from init_db(session, encode_name(database, "database"))))
    else:
        schema = session.schema if tracked else (yield from _schema(core))
        if schema is not None:
            raise InterfaceError(f"a default database cannot be unset: {schema!r} stays selected")
    # Last, as in a login: init_command finds the database that it found there.
    yield from core.set_up()


def _schema(core: ConnectionCore) -> Command[object]:
    """The default database, where not all changes of it may have been reported."""
    answer = yield from query(core.session, b"SELECT DATABASE()")
    if isinstance(answer, ErrPacket):
        raise server_error(answer)
    return answer.rows[0][0] if isinstance(answer, ResultSet) and answer.rows else ""


def send_restore(core: ConnectionCore) -> Command[bool]:
    """Send all that `restore` does; True if that is possible, False if nothing was done."""
    options, session = core.options, core.session
    yield from core.claim(None)
    if options.database is None and (session.schema is not None or not core.statements.tracked):
        return False
    if _chooses_charset(options.init_command):
        return False
    core.reconnects(options.reconnect)
    requests = [(Com.RESET_CONNECTION, b"")]
    if core.role is not None:
        requests.append((Com.QUERY, b"SET ROLE " + core.role))
    if options.database is not None:
        requests.append((Com.INIT_DB, encode_name(options.database, "database")))
    uncertain = False
    if options.init_command:
        command = encode_text(options.init_command, "init_command")
        uncertain = b"SQL_MODE" in command.upper()
        requests.append((Com.QUERY, command))
    requests.append((Com.QUERY, b"SET " + b",".join(core.assignments(False, False, uncertain))))
    core.forget()
    yield from send_batch(session, requests)
    return True


def finish_restore(core: ConnectionCore) -> Command[None]:
    """Read the answers to `send_restore`.

    Raises:
        Error: the session is not what it was after `open()`.
    """
    options, session = core.options, core.session
    if options.database is not None:
        session.schema = options.database  # until the server reports another one, behind init_command
    outcomes = yield from read_batch(session)
    try:
        for outcome in outcomes:
            _check(outcome)
        if core.autocommit != options.autocommit or (core.in_transaction and not options.init_command):
            raise InterfaceError("behind a reset, the session is not in the autocommit mode that was asked for")
        if not core.has_charset(True):
            raise InterfaceError("behind a reset, the session does not use utf8mb4")
    except Error as error:
        session.fail(error)
        raise
    core.configured()


def _chooses_charset(init_command: str | None) -> bool:
    """The statement may choose a character set or collation: what the server says of it decides what has to follow."""
    upper = (init_command or "").upper()
    return any(word in upper for word in ("NAMES", "CHAR", "COLLAT"))


def is_pending(core: ConnectionCore) -> bool:
    """The answers to `send_restore` are not read yet."""
    return core.session.state == State.BATCH_SENT


def _check(outcome: Outcome) -> None:
    if isinstance(outcome, ErrPacket):
        raise server_error(outcome)
