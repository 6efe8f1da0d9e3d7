"""What a connection decides: the sequence of commands behind each of its methods.

Every operation is a generator with the contract of `mariadb_protocol.events`. An ERR packet is raised as an exception
of the PEP 249 tree only after the command has returned, so the session stays usable. Knows no socket, clock or lock.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from mariadb_protocol import (
    ConnectionClosed,
    ErrPacket,
    LocalInfileRequest,
    RemoteProtocolError,
    ResultSet,
    Session,
    State,
    change_user,
    debug,
    init_db,
    login,
    next_result,
    ping,
    query,
    quit_,
    read_bulk,
    read_rows,
    refuse_local_data,
    reset_connection,
    send_local_data,
)
from mariadb_protocol.constants import Capability, Status
from mariadb_protocol.params import encode_text
from mariadb_protocol.sql import named_local_file

from ..exceptions import (
    CR_COMMANDS_OUT_OF_SYNC,
    CR_SERVER_LOST,
    CommitOutcomeUnknown,
    Error,
    InterfaceError,
    LostConnectionError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from . import sqlmode
from .conversion import Conversion
from .failure import gone, login_error, server_error
from .login import credentials, encode_name
from .metadata import ColumnSet
from .statements import CHARSET, Statements
from .tpc import Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mariadb_protocol import Security
    from mariadb_protocol.commands.result import Answer
    from mariadb_protocol.events import Command
    from mariadb_protocol.messages import OkPacket

    from .cursor import CursorCore
    from .options import ConnectOptions

_NO_TRANSACTION = "________"  # as session tracking writes it
_CHARSET_VARIABLES = ("character_set_client", "character_set_connection", "character_set_results")
_TRACK_CHANGES = b"SET session_track_state_change=1,session_track_transaction_info='CHARACTERISTICS'"


class ConnectionCore:
    """State and decisions of one physical connection.

    Args:
        options: what the user asked for.
        read_file: opens a file for LOAD DATA LOCAL INFILE, and returns its contents in pieces.

    Attributes:
        session: the protocol state.
        statements: the prepared statements.
        tpc: the transaction of a transaction manager, in progress or not.
        user: name of the account that is logged in.
        password: what it has logged in with at first.
        role: role that the session has after the login, as a statement sets it; None: not known, and not restored.
        user_changed: change_user() was called, so that the session is not the one of `options` any more.
        unsettled: for the time being the session is not what the user takes it for. Should that last longer than an
            operation, the session has to be given up.
        streaming: the cursor whose unbuffered result may not be read to its end, by a weak reference; None: none.
        auto_reconnect: a connection that is lost between two statements is opened anew, unless `would_lose` objects.
    """

    __slots__ = (
        *("_attributes", "_generation", "_read_file"),
        *("auto_reconnect", "options", "password", "role", "session", "statements", "streaming", "tpc", "unsettled"),
        *("user", "user_changed"),
    )

    def __init__(self, options: ConnectOptions, read_file: Callable[[bytes], Iterator[bytes]]) -> None:
        self.options = options
        self.auto_reconnect = options.reconnect
        self._read_file = read_file
        self._generation = 0  # of the session; those of its statements count on from it
        self.renew({})

    def renew(self, attributes: Mapping[str, str], demands: Security | None = None, local: bool = False) -> None:
        """Forget the session, for a new one on another socket.

        Args:
            attributes: connection attributes for the server.
            demands: what is demanded of the connection; None: nothing.
            local: the other socket is a unix socket.
        """
        options = self.options
        self._attributes = attributes
        conversion = Conversion.from_options(options)
        self.session = Session(options.limits, partial(ColumnSet, conversion=conversion), demands, local)
        if options.status_callback is not None:
            self.session.events = []
        self._generation += 1
        self.statements = Statements(self.session, options, self._generation << 32)
        self.tpc = Transaction()
        self.user = options.user
        self.password: str | bytes | None = None
        self.role: bytes | None = None
        self.user_changed = self.unsettled = False
        self.streaming: Callable[[], CursorCore | None] | None = None

    def adopt(self, other: ConnectionCore) -> None:
        """Take over the session of another core, which is not used any more."""
        for name in ("_attributes", "_generation", "password", "session", "statements", "tpc", "user", "user_changed"):
            setattr(self, name, getattr(other, name))
        self.streaming = None

    # Beginning and end of a session

    def open(self) -> Command[None]:
        """Log in and set the session up as the options say."""
        options = self.options
        self.password = options.current_password()
        who = options.user, self.password, options.database
        outcome = yield from login(self.session, credentials(options, self._attributes, *who))
        if isinstance(outcome, ErrPacket):
            raise login_error(outcome, self.session)
        yield from self.set_up()

    def reset(self) -> Command[None]:
        """COM_RESET_CONNECTION, then init_command, character set and autocommit as after `open()`.

        The default database stays.
        """
        yield from self.claim(None)
        self._check_not_prepared("a reset")
        self.forget()
        _raise_error((yield from reset_connection(self.session)))
        yield from self.set_up()
        self.statements.touched = True  # character_set_database is the server's, not the database's

    def _check_not_prepared(self, what: str) -> None:
        # Seen on 10.11 and 11.8: the server goes on to list it, takes its XA COMMIT, and commits nothing.
        if self.statements.distributed:
            raise ProgrammingError(f"{what} would lose the prepared transaction {self.tpc.xid!r}: finish it, or close")

    def forget(self) -> None:
        """Forget what a reset of the session ends."""
        self.session.variables.clear()
        self.session.changed = False
        self.statements.forget()
        self.tpc = Transaction()

    def change_user(self, user: str | None, password: str | bytes | None, database: str | None) -> Command[None]:
        """Log in as somebody else on the same connection."""
        login_data = credentials(self.options, self._attributes, user, password, database)
        yield from self.claim(None)
        self._check_not_prepared("a change of user")
        self.user_changed = True
        self.session.variables.clear()
        outcome = yield from change_user(self.session, login_data)
        if isinstance(outcome, ErrPacket):
            raise login_error(outcome, self.session)
        self.forget()
        self.user = user
        yield from self.set_up()

    def quit(self) -> Command[None]:
        """Say goodbye."""
        yield from quit_(self.session)

    def set_up(self) -> Command[None]:
        """Finish the session; one that is not as the user asked for, such as in autocommit mode, must not be used."""
        try:
            yield from self._configure()
        except BaseException as error:
            self.session.fail(error)
            raise

    def _configure(self) -> Command[None]:
        """init_command, then in one statement whatever is not as this client needs it or the user asked for."""
        mode = self.statements.mode
        mode.trust()
        if self.options.init_command:
            command = encode_text(self.options.init_command, "init_command")
            yield from self.command(command)
            mode.suspect = b"SQL_MODE" in command.upper()
        assignments = self.assignments(
            self.has_charset(False), self.autocommit == self.options.autocommit, mode.uncertain
        )
        if assignments:
            yield from self.command(b"SET " + b",".join(assignments))
        self.configured()

    def assignments(self, charset: bool, autocommit: bool, uncertain: bool) -> list[bytes]:
        """What SET has to assign.

        Args:
            charset, autocommit: these are known to be as they should be.
            uncertain: sql_mode is in doubt.
        """
        session = self.session
        assignments = []
        tracks = not session.mariadb and session.negotiated(Capability.SESSION_TRACK)
        if tracks:  # what is assigned before is not reported
            assignments.append(sqlmode.TRACK)
        if not charset:
            assignments.append(b"NAMES utf8mb4")
        if not autocommit:
            assignments.append(b"autocommit=%d" % self.options.autocommit)
        if self.options.read_only:
            assignments.append(b"tx_read_only=1" if session.mariadb else b"transaction_read_only=1")
        if self.auto_reconnect or self.statements.guarded:
            assignments.append(_TRACK_CHANGES[4:])
        if tracks or uncertain:
            assignments.append(sqlmode.REPORT)
        return assignments

    def configured(self) -> None:
        """The session is as the options say."""
        self.statements.mode.trust()
        # That tracking was switched on is the first thing that it reports.
        self.statements.touched = not (self.statements.guarded and self.session.changed)
        self.session.changed = self.session.warned = self.statements.untracked = self.statements.asked = False

    # Facts

    @property
    def autocommit(self) -> bool:
        """The session commits each statement by itself, as the server last said."""
        return bool(self.session.status & Status.AUTOCOMMIT)

    @property
    def in_transaction(self) -> bool:
        """A transaction is open, as the server last said."""
        return bool(self.session.status & Status.IN_TRANS)

    @property
    def uncommitted(self) -> bool:
        """A transaction is open, or one of a transaction manager in progress."""
        return self.in_transaction or bool(self.tpc.state)

    def has_charset(self, unreported: bool) -> bool:
        """The session uses our character set, as the server last said; `unreported` if it has said nothing."""
        variables = self.session.variables
        return all(variables.get(name, unreported and CHARSET) == CHARSET for name in _CHARSET_VARIABLES)

    @property
    def idle(self) -> bool:
        """A command may begin: nothing is left to be read."""
        return self.session.state == State.READY

    @property
    def no_backslash_escapes(self) -> bool:
        """A backslash in a string literal is itself, in the sql_mode that the server last reported."""
        return bool(self.session.status & Status.NO_BACKSLASH_ESCAPES)

    @property
    def occupied(self) -> bool:
        """A cursor's unbuffered result may not be read to its end: `claim()` has to decide."""
        return self.streaming is not None

    def would_lose(self) -> str | None:
        """What of this session a new one would not have, as far as is known; None: nothing."""
        if self.in_transaction or self.session.transaction not in ("", _NO_TRANSACTION) or self.tpc.state:
            return "a transaction"
        if self.user_changed:
            return "another user"
        if self.statements.untracked or self.session.changed:
            return "variables, temporary tables or locks of the session"
        if self.auto_reconnect and not self.session.negotiated(Capability.SESSION_TRACK):
            return "a session that the server does not track"
        return None

    @property
    def untouched(self) -> bool:
        """The session is known to be what it was when `configured()` was called."""
        session, options = self.session, self.options
        if self.statements.touched or session.warned:
            return False
        if (self.autocommit, self.auto_reconnect) != (options.autocommit, options.reconnect):
            return False
        reports = session.mariadb and session.negotiated(Capability.SESSION_TRACK) and self.statements.tracked
        return reports and session.schema == options.database and self.would_lose() is None

    # Operations

    def claim(self, owner: CursorCore | None) -> Command[None]:
        """Make the connection free for the next command of `owner`.

        Rows that only `owner`, or nobody any more, could read are discarded; another cursor's are an error.
        """
        if self.session.broken:
            raise gone(self.session)
        self.statements.asked = True
        holder = self.streaming() if self.streaming is not None else None
        if holder is not None and holder is not owner and holder.unread:
            raise InterfaceError(
                f"Commands out of sync: the unbuffered result of {holder.label()} is not read to its end; "
                "fetch its rows or close that cursor first",
                errno=CR_COMMANDS_OUT_OF_SYNC,
            )
        self.streaming = None
        if self.session.state != State.READY:
            yield from self._discard(None)

    def learn_mode(self, owner: CursorCore | None) -> Command[None]:
        """Have the sql_mode reported, on behalf of `owner`."""
        yield from self.claim(owner)
        yield from self.statements.mode.learn()

    def streams_to(self, cursor: CursorCore) -> bool:
        """The rows that arrive are those of this cursor."""
        return self.streaming is not None and self.streaming() is cursor

    def settle(self) -> Command[bool]:
        """Give up unread rows as far as they have arrived; True if nothing is left to be read.

        Waits for nothing: what is still on the way may be any amount.
        """
        session = self.session
        self.streaming = None
        while session.state == State.STREAMING:
            if not (yield from read_rows(session, 0)).rows and session.state == State.STREAMING:
                return False
        return session.state == State.READY

    def stream_to(self, reference: Callable[[], CursorCore | None] | None) -> None:
        """The rows that follow belong to this cursor, or (None) there are none."""
        self.streaming = reference

    def command(self, statement: bytes) -> Command[None]:
        """Run a statement whose results, if it has any, nobody wants."""
        yield from self.claim(None)
        error = yield from self._discard((yield from query(self.session, statement, 0)))
        if error is not None:
            raise server_error(error)

    def _discard(self, answer: Answer | None) -> Command[ErrPacket | None]:
        """Read `answer` and all results behind it to their end; returns the first error among them."""
        session = self.session
        error: ErrPacket | None = None
        while True:
            end = answer.end if isinstance(answer, ResultSet) else answer
            if error is None and isinstance(end, ErrPacket):
                error = end
            if session.state == State.STREAMING:
                answer = yield from read_rows(session, 1)
            elif session.state == State.MORE_RESULTS:
                answer = yield from next_result(session, 0)
            elif session.state == State.LOCAL_DATA:
                answer = yield from refuse_local_data(session)
            elif session.state == State.BULK_SENT:
                answer = yield from read_bulk(session)
            else:
                return error

    def end_transaction(self) -> Command[None]:
        """Roll back the transaction that is open, if one is."""
        if self.in_transaction:
            yield from self.command(b"ROLLBACK")

    def set_autocommit(self, value: bool) -> Command[None]:
        """Make the server commit each statement by itself, or not; nothing is sent if that is so already."""
        if self.autocommit != value:
            yield from self.claim(None)
            run = self.command(b"SET autocommit=%d" % value)
            yield from self.committing(run) if value and self.in_transaction else run

    def begin(self) -> Command[None]:
        """Start a transaction, committing the one that is open, if one is."""
        yield from self.claim(None)
        run = self.command(b"BEGIN")
        yield from self.committing(run) if self.in_transaction else run

    def commit(self) -> Command[None]:
        """Commit the transaction that is open, if one is."""
        self._check_no_tpc()
        yield from self.claim(None)
        yield from self.committing(self.command(b"COMMIT"))

    def rollback(self) -> Command[None]:
        """Roll back the transaction that is open, if one is."""
        self._check_no_tpc()
        yield from self.command(b"ROLLBACK")

    def _check_no_tpc(self) -> None:
        if self.tpc.state:
            raise ProgrammingError(f"{self.tpc.xid!r} is in progress: use tpc_commit() or tpc_rollback()")

    def committing(self, operation: Command[None]) -> Command[None]:
        """Run what commits; if the connection is lost meanwhile, say that nobody knows what became of it."""
        try:
            yield from operation
        except (LostConnectionError, ConnectionClosed, RemoteProtocolError) as error:
            if not error.written:
                raise
            raise CommitOutcomeUnknown(
                f"The connection was lost when COMMIT had been sent; whether it was done is not known ({error})",
                errno=CR_SERVER_LOST,
            ) from error

    def settling(self, operation: Command[None]) -> Command[None]:
        """Run what brings a setting back; if the connection is lost meanwhile, the next operation will say so."""
        with suppress(LostConnectionError, ConnectionClosed, RemoteProtocolError):
            yield from operation
        self.unsettled = False

    def reconnects(self, value: bool) -> None:
        """Let a lost connection be opened anew, or not; the server is not told."""
        self.auto_reconnect = self.statements.watch = value

    def set_auto_reconnect(self, value: bool) -> Command[None]:
        """From now on, let a lost connection be opened anew, or not."""
        armed = self.auto_reconnect
        self.reconnects(value)
        if value and not armed:
            asked = self.statements.asked
            yield from self.command(_TRACK_CHANGES)
            self.session.changed = False  # by this very statement
            # What was done before cannot be known any more.
            self.statements.untracked = asked

    def abandon(self) -> Command[None]:
        """Behind a cancelled statement: give up what is left of it, and let the cancelling hit nothing else."""
        self.streaming = None
        yield from self._discard(None)
        _ = yield from query(self.session, b"DO 0")

    def debug(self) -> Command[None]:
        """Let the server write debugging information to its log."""
        yield from self.claim(None)
        _raise_error((yield from debug(self.session)))

    def kill(self, connection_id: int) -> Command[None]:
        """End another connection of the server."""
        yield from self.command(b"KILL %d" % connection_id)

    def ping(self) -> Command[None]:
        """Ask the server for a sign of life."""
        yield from self.claim(None)
        _raise_error((yield from ping(self.session)))

    def select_db(self, database: str) -> Command[None]:
        """Change the default database."""
        yield from self.claim(None)
        _raise_error((yield from init_db(self.session, encode_name(database, "database"))))

    # Local files

    def answer_local_request(
        self, request: LocalInfileRequest, statement: bytes, source: Iterable[bytes] | None, minimum: int
    ) -> Command[Answer]:
        """Send the file that the server asks for, if the statement offered it.

        Args:
            request: what the server asks for.
            statement: the statement as it was sent.
            source: contents that were handed over with the statement; None: only the file that the statement names.
            minimum: rows to wait for, as for `query`.
        """
        try:
            chunks = self._named_file(request.name, statement) if source is None else source
        except Error:
            yield from self._discard((yield from refuse_local_data(self.session)))
            raise
        return (yield from send_local_data(self.session, chunks, minimum))

    def _named_file(self, name: bytes, statement: bytes) -> Iterator[bytes]:
        offered = named_local_file(statement, self.no_backslash_escapes) if self.options.local_infile else None
        if offered != name:
            raise NotSupportedError(f"the server asks for the local file {name!r}, which this statement does not offer")
        try:
            return self._read_file(name)
        except OSError as error:
            raise OperationalError(f"the local file {name!r} cannot be read: {error.strerror}") from error


def _raise_error(outcome: OkPacket | ErrPacket) -> None:
    if isinstance(outcome, ErrPacket):
        raise server_error(outcome)
