"""What a connection decides: the sequence of commands behind each of its methods.

Every operation is a generator with the contract of `mariadb_protocol.events`. An ERR packet is raised as an exception
of the PEP 249 tree only after the command has returned, so the session stays usable. Knows no socket, clock or lock.
"""

from __future__ import annotations

from mariadb_protocol import (
    Credentials,
    ErrPacket,
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
    read_rows,
    reset_connection,
)
from mariadb_protocol.constants import Status
from mariadb_protocol.params import encode_text
from mariadb_protocol.sql import parse

from ..exceptions import CR_COMMANDS_OUT_OF_SYNC, InterfaceError, ProgrammingError
from .failure import gone, login_error, server_error
from .metadata import ColumnSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from mariadb_protocol.commands.query import Answer
    from mariadb_protocol.events import Command
    from mariadb_protocol.messages import Greeting, OkPacket
    from mariadb_protocol.sql import Statement

    from .cursor import CursorCore
    from .options import ConnectOptions

CHARSET = "utf8mb4"
# What text parameters rely on: a quote or backslash byte is never part of another character, and UTF-8 is understood.
_SAFE_CHARSETS = ("utf8mb4", "utf8mb3", "utf8", "ascii")
_CHARSET_VARIABLES = ("character_set_client", "character_set_connection", "character_set_results")

# Statements taken apart that a connection remembers, and the longest one, in bytes.
STATEMENTS_KEPT = 256
STATEMENT_SIZE_KEPT = 16384


class ConnectionCore:
    """State and decisions of one physical connection.

    Args:
        options: what the user asked for.
        attributes: connection attributes for the server.

    Attributes:
        session: the protocol state.
        server_version_info: server version as (major, minor, patch); zeros if it cannot be read.
        user: name of the account that is logged in.
        user_changed: change_user() was called, so that the session is not the one of `options` any more.
    """

    __slots__ = (
        *("_attributes", "_parsed", "_streaming", "options", "server_version_info", "session", "user"),
        "user_changed",
    )

    def __init__(self, options: ConnectOptions, attributes: Mapping[str, str]) -> None:
        self.options = options
        self.session = Session(metadata=ColumnSet)
        self.user = options.user
        self.user_changed = False
        self.server_version_info = (0, 0, 0)
        self._attributes = attributes
        self._parsed: dict[tuple[bytes, int], Statement] = {}
        # The cursor whose unbuffered result is not read to its end, by a weak reference.
        self._streaming: Callable[[], CursorCore | None] | None = None

    # Beginning and end of a session

    def open(self) -> Command[None]:
        """Log in and set the session up as the options say."""
        options = self.options
        credentials = self._credentials(options.user, options.password, options.database)
        outcome = yield from login(self.session, credentials)
        if isinstance(outcome, ErrPacket):
            raise login_error(outcome, self.session)
        self.server_version_info = _version_numbers(self.session.greeting)
        yield from self._set_up()

    def restore(self) -> Command[None]:
        """Make the session what it was after `open()`: COM_RESET_CONNECTION, and what that does not bring back."""
        yield from self._reset()
        database = self.options.database
        if database is not None:
            # Asked for even where the tracker says nothing changed: the user can switch the tracker off.
            yield from self.select_db(database)
        elif self.session.schema is not None:
            raise InterfaceError(f"a default database cannot be unset: {self.session.schema!r} stays selected")
        # Last, as in a login: init_command finds the database that it found there.
        yield from self._set_up()

    def reset(self) -> Command[None]:
        """COM_RESET_CONNECTION, then init_command, character set and autocommit as after `open()`.

        The default database stays.
        """
        yield from self._reset()
        yield from self._set_up()

    def _reset(self) -> Command[None]:
        yield from self.claim(None)
        self.session.variables.clear()
        _raise_error((yield from reset_connection(self.session)))

    def change_user(self, user: str | None, password: str | bytes | None, database: str | None) -> Command[None]:
        """Log in as somebody else on the same connection."""
        credentials = self._credentials(user, password, database)
        yield from self.claim(None)
        self.user_changed = True
        self.session.variables.clear()
        outcome = yield from change_user(self.session, credentials)
        if isinstance(outcome, ErrPacket):
            raise login_error(outcome, self.session)
        self.user = user
        yield from self._set_up()

    def quit(self) -> Command[None]:
        """Say goodbye."""
        yield from quit_(self.session)

    def _credentials(self, user: str | None, password: str | bytes | None, database: str | None) -> Credentials:
        return Credentials(
            encode_name(user, "user"),
            encode_password(password),
            encode_name(database, "database") or None,
            self._attributes,
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
        if assignments:
            yield from self.command(b"SET " + b",".join(assignments))

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

    # Operations

    def claim(self, owner: CursorCore | None) -> Command[None]:
        """Make the connection free for the next command of `owner`.

        Rows that only `owner`, or nobody any more, could read are discarded; another cursor's are an error.
        """
        if self.session.broken:
            raise gone(self.session)
        holder = self._streaming() if self._streaming is not None else None
        if holder is not None and holder is not owner and holder.unread:
            raise InterfaceError(
                f"Commands out of sync: the unbuffered result of {holder.label()} is not read to its end; "
                "fetch its rows or close that cursor first",
                errno=CR_COMMANDS_OUT_OF_SYNC,
            )
        self._streaming = None
        if self.session.state != State.READY:
            yield from self._discard(None)

    def settle(self) -> Command[bool]:
        """Give up unread rows as far as they have arrived; True if nothing is left to be read.

        Waits for nothing: what is still on the way may be any amount.
        """
        session = self.session
        self._streaming = None
        while session.state == State.STREAMING:
            if not (yield from read_rows(session, 0)).rows and session.state == State.STREAMING:
                return False
        return session.state == State.READY

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

    def statement(self, sql: str | bytes, parameters: Any) -> bytes:
        """The statement to send: `sql` in UTF-8, its placeholders replaced by literals."""
        text = encode_statement(sql)
        if parameters is None:
            return text
        # What the last OK or EOF packet said of sql_mode, read anew each time.
        mode = self.session.status & (Status.NO_BACKSLASH_ESCAPES | Status.ANSI_QUOTES)
        parsed = self._parsed.get((text, mode))
        if parsed is None:
            parsed = self._parse(text, mode)
        if parsed.style is None:
            return text
        charset = self.session.variables.get("character_set_client", CHARSET)
        if charset not in _SAFE_CHARSETS:
            raise ProgrammingError(f"text parameters are not safe while character_set_client is {charset}")
        return parsed.interpolate(parameters, bool(mode & Status.NO_BACKSLASH_ESCAPES))

    def _parse(self, text: bytes, mode: int) -> Statement:
        greeting = self.session.greeting
        parsed = parse(
            text,
            no_backslash_escapes=bool(mode & Status.NO_BACKSLASH_ESCAPES),
            ansi_quotes=bool(mode & Status.ANSI_QUOTES),
            version=self.server_version,
            mariadb=greeting is None or greeting.mariadb,
        )
        if len(text) <= STATEMENT_SIZE_KEPT:
            if len(self._parsed) >= STATEMENTS_KEPT:
                del self._parsed[next(iter(self._parsed))]
            self._parsed[text, mode] = parsed
        return parsed


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
