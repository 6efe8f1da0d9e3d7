"""What a connection decides: the sequence of commands behind each of its methods.

Every operation is a generator with the contract of `mariadb_protocol.events`. An ERR packet is raised as an exception
of the PEP 249 tree only after the command has returned, so the session stays usable. Knows no socket, clock or lock.
"""

from __future__ import annotations

from functools import partial

from mariadb_protocol import (
    Credentials,
    ErrPacket,
    LocalInfileRequest,
    ResultSet,
    Session,
    State,
    change_user,
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
from mariadb_protocol.sql import may_change_session, named_local_file, parse

from ..exceptions import (
    CR_COMMANDS_OUT_OF_SYNC,
    CR_NET_PACKET_TOO_LARGE,
    Error,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from .conversion import Conversion
from .failure import gone, login_error, server_error
from .metadata import ColumnSet
from .statements import Statements, leading_keyword, wants_binary
from .tpc import Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from mariadb_protocol.binary import Encoded
    from mariadb_protocol.commands.result import Answer
    from mariadb_protocol.events import Command
    from mariadb_protocol.messages import Greeting, OkPacket
    from mariadb_protocol.sql import Statement

    from .cursor import CursorCore
    from .options import ConnectOptions

CHARSET = "utf8mb4"
# What text parameters rely on: a quote or backslash byte is never part of another character, and UTF-8 is understood.
_NO_TRANSACTION = "________"  # as session tracking writes it
_SAFE_CHARSETS = ("utf8mb4", "utf8mb3", "utf8", "ascii")
_CHARSET_VARIABLES = ("character_set_client", "character_set_connection", "character_set_results")

# Statements taken apart that a connection remembers, and the longest one, in bytes.
STATEMENTS_KEPT = 256
STATEMENT_SIZE_KEPT = 16384
_CAPABILITIES = Capability.MARIADB_BULK | Capability.MARIADB_BULK_UNIT_RESULTS | Capability.MARIADB_CACHE_METADATA
# A statement longer than this is compared with the server's max_allowed_packet before it is sent.
UNCHECKED_SIZE = 1 << 20


class ConnectionCore:
    """State and decisions of one physical connection.

    Args:
        options: what the user asked for.
        read_file: opens a file for LOAD DATA LOCAL INFILE, and returns its contents in pieces.

    Attributes:
        session: the protocol state.
        statements: the prepared statements.
        tpc: the transaction of a transaction manager, in progress or not.
        server_version_info: server version as (major, minor, patch); zeros if it cannot be read.
        user_changed: change_user() was called, so that the session is not the one of `options` any more.
        auto_reconnect: a connection that is lost between two statements is opened anew, unless `would_lose` objects.
    """

    __slots__ = (
        *("_attributes", "_generation", "_guarded", "_packet_limit", "_parsed", "_read_file", "_streaming"),
        *("auto_reconnect", "options", "server_version_info", "session", "statements", "tpc", "user_changed"),
    )

    def __init__(self, options: ConnectOptions, read_file: Callable[[bytes], Iterator[bytes]]) -> None:
        self.options = options
        self.auto_reconnect = options.reconnect
        self._read_file = read_file
        self._generation = 0  # of the session; those of its statements count on from it
        self.renew({})

    def renew(self, attributes: Mapping[str, str]) -> None:
        """Forget the session, for a new one on another socket.

        Args:
            attributes: connection attributes for the server.
        """
        options = self.options
        self._attributes = attributes
        self.session = Session(metadata=partial(ColumnSet, conversion=Conversion.from_options(options)))
        if options.status_callback is not None:
            self.session.events = []
        size = options.prep_stmt_cache_size if options.cache_prep_stmts else 0
        self._generation += 1
        self.statements = Statements(self.session, size, options.pipeline, self._generation << 32)
        self.tpc = Transaction()
        self.user_changed = False
        self.server_version_info = (0, 0, 0)
        self._guarded = False  # a statement may have changed the session in a way that the server does not report
        self._packet_limit = options.max_allowed_packet
        self._parsed: dict[tuple[bytes, int], tuple[Statement, bytes]] = {}
        # The cursor whose unbuffered result is not read to its end, by a weak reference.
        self._streaming: Callable[[], CursorCore | None] | None = None

    # Beginning and end of a session

    def open(self) -> Command[None]:
        """Log in and set the session up as the options say."""
        options = self.options
        credentials = self._credentials(options.user, options.current_password(), options.database)
        outcome = yield from login(self.session, credentials)
        if isinstance(outcome, ErrPacket):
            raise login_error(outcome, self.session)
        self.server_version_info = _version_numbers(self.session.greeting)
        yield from self._set_up()

    def restore(self) -> Command[None]:
        """Make the session what it was after `open()`: COM_RESET_CONNECTION, and what that does not bring back."""
        yield from self.reset()
        database = self.options.database
        if database is not None:
            # Asked for even where the tracker says nothing changed: the user can switch the tracker off.
            yield from self.select_db(database)
        elif self.session.schema is not None:
            raise InterfaceError(f"a default database cannot be unset: {self.session.schema!r} stays selected")

    def reset(self) -> Command[None]:
        """COM_RESET_CONNECTION, then init_command, character set and autocommit as after `open()`.

        The default database stays.
        """
        yield from self.claim(None)
        self.session.variables.clear()
        _raise_error((yield from reset_connection(self.session)))
        self.statements.forget()
        self.tpc = Transaction()
        yield from self._set_up()

    def change_user(self, user: str | None, password: str | bytes | None, database: str | None) -> Command[None]:
        """Log in as somebody else on the same connection."""
        credentials = self._credentials(user, password, database)
        yield from self.claim(None)
        self.user_changed = True
        self.session.variables.clear()
        outcome = yield from change_user(self.session, credentials)
        if isinstance(outcome, ErrPacket):
            raise login_error(outcome, self.session)
        self.statements.forget()
        self.tpc = Transaction()
        yield from self._set_up()

    def quit(self) -> Command[None]:
        """Say goodbye."""
        yield from quit_(self.session)

    def _credentials(self, user: str | None, password: str | bytes | None, database: str | None) -> Credentials:
        options = self.options
        capabilities = options.client_flag & ~Capability.LOCAL_FILES | _CAPABILITIES
        if options.compress:
            capabilities |= Capability.COMPRESS
        if options.local_infile:
            capabilities |= Capability.LOCAL_FILES
        return Credentials(
            encode_name(user, "user"),
            encode_password(password),
            encode_name(database, "database") or None,
            {**self._attributes, **(options.connect_attrs or {})},
            capabilities,
        )

    def _set_up(self) -> Command[None]:
        """Finish the session; one that is not as the user asked for, such as in autocommit mode, must not be used."""
        try:
            yield from self._configure()
        except BaseException as error:
            self.session.fail(error)
            raise

    def _configure(self) -> Command[None]:
        """init_command, then in one statement whatever is not as this client needs it or the user asked for."""
        if self.options.init_command:
            yield from self.command(encode_text(self.options.init_command, "init_command"))
        variables = self.session.variables
        assignments = []
        if any(variables.get(name) != CHARSET for name in _CHARSET_VARIABLES):
            assignments.append(b"NAMES utf8mb4")
        if self.autocommit != self.options.autocommit:
            assignments.append(b"autocommit=%d" % self.options.autocommit)
        if self.options.read_only:
            assignments.append(b"tx_read_only=1" if self.session.mariadb else b"transaction_read_only=1")
        if self.auto_reconnect:
            assignments.append(b"session_track_state_change=1,session_track_transaction_info='CHARACTERISTICS'")
        if assignments:
            yield from self.command(b"SET " + b",".join(assignments))
        self.session.changed = self._guarded = False

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
    def idle(self) -> bool:
        """A command may begin: nothing is left to be read."""
        return self.session.state == State.READY

    @property
    def no_backslash_escapes(self) -> bool:
        """A backslash in a string literal is itself, in the sql_mode that the server last reported."""
        return bool(self.session.status & Status.NO_BACKSLASH_ESCAPES)

    @property
    def server_version(self) -> int:
        """Server version as major * 10000 + minor * 100 + patch; 0 if it cannot be read."""
        major, minor, patch = self.server_version_info
        return major * 10000 + minor * 100 + patch

    @property
    def occupied(self) -> bool:
        """A cursor's unbuffered result may not be read to its end: `claim()` has to decide."""
        return self._streaming is not None

    def would_lose(self) -> str | None:
        """What of this session a new one would not have, as far as is known; None: nothing."""
        if self.in_transaction or self.session.transaction not in ("", _NO_TRANSACTION) or self.tpc.state:
            return "a transaction"
        if self.user_changed:
            return "another user"
        if self._guarded or self.session.changed:
            return "variables, temporary tables or locks of the session"
        if self.auto_reconnect and not self.session.negotiated(Capability.SESSION_TRACK):
            return "a session that the server does not track"
        return None

    # Operations

    def claim(self, owner: CursorCore | None) -> Command[None]:
        """Make the connection free for the next command of `owner`.

        Rows that only `owner`, or nobody any more, could read are discarded; another cursor's are an error.
        """
        if self.session.broken:
            raise gone(self.session)
        holder = self._streaming() if self._streaming is not None else None
        if holder is not None and holder is not owner and holder.streaming:
            raise InterfaceError(
                f"Commands out of sync: the unbuffered result of {holder.label()} is not read to its end; "
                "fetch its rows or close that cursor first",
                errno=CR_COMMANDS_OUT_OF_SYNC,
            )
        self._streaming = None
        if self.session.state != State.READY:
            yield from self._discard(None)

    def stream_to(self, reference: Callable[[], CursorCore | None] | None) -> None:
        """The rows that follow belong to this cursor, or (None) there are none."""
        self._streaming = reference

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
            yield from self.command(b"SET autocommit=%d" % value)

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

    # Statements

    def parse(self, sql: str | bytes) -> Statement:
        """A statement, taken apart under the present sql_mode."""
        return self._parse(encode_statement(sql))[0]

    def request(self, sql: str | bytes, parameters: Any, binary: bool) -> tuple[bytes, list[Encoded] | None]:
        """What to send for a statement.

        Args:
            sql: the statement.
            parameters: its parameters; None or empty for none.
            binary: use the binary protocol in any case.

        Returns:
            The statement, and the parameters for the binary protocol; None for the text protocol.
        """
        text = encode_statement(sql)
        if self.auto_reconnect and may_change_session(text):
            self._guarded = True
        if parameters is None or (isinstance(parameters, (tuple, list, dict)) and not parameters):
            return text, [] if binary or leading_keyword(text) == b"CALL" else None
        statement, keyword = self._parse(text)
        values = statement.values(parameters)
        if binary or wants_binary(keyword, values):
            return statement.prepared, statement.encode(values)
        return statement.fill_in(values, self.no_backslash_escapes), None

    def _parse(self, text: bytes) -> tuple[Statement, bytes]:
        """A statement taken apart, and its leading keyword."""
        charset = self.session.variables.get("character_set_client", CHARSET)
        if charset not in _SAFE_CHARSETS:
            raise ProgrammingError(f"parameters are not safe while character_set_client is {charset}")
        # What the last OK or EOF packet said of sql_mode, read anew each time.
        mode = self.session.status & (Status.NO_BACKSLASH_ESCAPES | Status.ANSI_QUOTES)
        parsed = self._parsed.get((text, mode))
        if parsed is not None:
            return parsed
        statement = parse(
            text,
            no_backslash_escapes=bool(mode & Status.NO_BACKSLASH_ESCAPES),
            ansi_quotes=bool(mode & Status.ANSI_QUOTES),
            version=self.server_version,
            mariadb=self.session.mariadb,
        )
        parsed = statement, leading_keyword(text)
        if len(text) <= STATEMENT_SIZE_KEPT:
            if len(self._parsed) >= STATEMENTS_KEPT:
                del self._parsed[next(iter(self._parsed))]
            self._parsed[text, mode] = parsed
        return parsed

    def packet_limit(self) -> Command[int]:
        """The server's max_allowed_packet in bytes; asked for once."""
        limit = self._packet_limit
        if limit is None:
            answer = yield from query(self.session, b"SELECT @@max_allowed_packet")
            if not isinstance(answer, ResultSet) or len(answer.rows) != 1:
                raise OperationalError("the server does not tell its max_allowed_packet")
            limit = self._packet_limit = int(answer.rows[0][0])
        return limit

    def check_size(self, size: int) -> Command[None]:
        """Refuse what the server would not take: it would close the connection.

        Raises:
            OperationalError: errno 2020, `size` bytes are more than max_allowed_packet.
        """
        if size < UNCHECKED_SIZE:
            return
        limit = yield from self.packet_limit()
        if size >= limit:
            raise OperationalError(
                f"{size} bytes are to be sent, and max_allowed_packet is {limit}; nothing was sent",
                errno=CR_NET_PACKET_TOO_LARGE,
            )

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


def _version_numbers(greeting: Greeting | None) -> tuple[int, int, int]:
    numbers = (greeting.version if greeting else "").split("-")[0].split(".")
    found = [int(number) for number in numbers[:3] if number.isdecimal() and len(number) < 4]
    return (found[0], found[1], found[2]) if len(found) == 3 else (0, 0, 0)


def encode_name(name: str | None, what: str) -> bytes:
    """The name of an account or database in UTF-8."""
    if name is None:
        return b""
    if not isinstance(name, str):
        raise TypeError(f"{what} is a str, not {type(name).__name__}")
    if "\0" in name:
        raise ProgrammingError(f"{what} contains a NUL character at position {name.index(chr(0))}")
    return encode_text(name, what)


def encode_password(password: str | bytes | None) -> bytes:
    """A password in UTF-8, or as it is."""
    if password is None:
        return b""
    if isinstance(password, str):
        return password.encode("utf-8", "surrogatepass")
    if isinstance(password, bytes):
        return password
    raise TypeError(f"password is a str or bytes, not {type(password).__name__}")


def encode_statement(sql: str | bytes) -> bytes:
    """A statement in UTF-8."""
    if isinstance(sql, str):
        return encode_text(sql, "the statement")
    if isinstance(sql, (bytes, bytearray)):
        return bytes(sql)
    raise TypeError(f"a statement is str or bytes, not {type(sql).__name__}")


def _raise_error(outcome: OkPacket | ErrPacket) -> None:
    if isinstance(outcome, ErrPacket):
        raise server_error(outcome)
