"""How a statement is run: by the text or the binary protocol, and which prepared statements are kept.

The text protocol is the default, as in Connector/Python 1.1; `wants_binary` says when it is not, except on MySQL, which
makes less of parameters: there it is not for procedures alone, whose OUT parameters come no other way. Statements that
are prepared on the way are kept per connection, the least recently used one is given up.
"""

from __future__ import annotations

from datetime import date

from mariadb_protocol import (
    ErrPacket,
    Prepared,
    ResultSet,
    close_statement,
    execute,
    prepare,
    prepare_and_execute,
    query,
)
from mariadb_protocol.commands.statement import ID_END, execution_size, foreseen_id
from mariadb_protocol.constants import MAX_PAYLOAD, Capability, Status
from mariadb_protocol.params import encode_text
from mariadb_protocol.sql import leaves_nothing, looks_back, may_change_session, parse

from ..exceptions import CR_NET_PACKET_TOO_LARGE, LostConnectionError, OperationalError, ProgrammingError
from .failure import server_error
from .sqlmode import SqlMode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from mariadb_protocol import Session
    from mariadb_protocol.binary import Encoded
    from mariadb_protocol.commands.result import Answer
    from mariadb_protocol.events import Command
    from mariadb_protocol.sql import Statement

    from .options import ConnectOptions

CHARSET = "utf8mb4"
# What parameters rely on: a quote or backslash byte is never part of another character, and UTF-8 is understood.
_SAFE_CHARSETS = (CHARSET, "utf8mb3", "utf8", "ascii")

# Statements taken apart that a connection remembers, and the longest one, in bytes.
PARSED_KEPT = 256
PARSED_SIZE_KEPT = 16384
LEAST_PACKET = 1024  # bytes; the server has no lower max_allowed_packet
# A command from this size on is compared with the server's max_allowed_packet before it is sent.
UNCHECKED_SIZE = 1 << 20
# Longer statements are prepared in a round trip of their own: two commands in one write should fit the socket's buffer.
PIPELINED_SIZE = 1 << 16
UNKNOWN_STATEMENT = 1243  # the server's error for an id that no statement has
TOO_MANY_STATEMENTS = 1461  # the server's error where all its sessions together have max_prepared_stmt_count

# The first word of a statement that goes by the binary protocol if it has parameters; CALL does even without.
_BINARY_KEYWORDS = (b"INSERT", b"UPDATE", b"REPLACE", b"DELETE", b"CALL", b"DO")
# A limit of the session that is stricter stays. The server counts microseconds, and takes 0 for none.
_LIMITED = (
    b"SET STATEMENT max_statement_time=IF(@@max_statement_time BETWEEN 1e-6 AND %.6f,@@max_statement_time,%.6f) FOR %b"
)
_LIMITABLE = (b"SELECT", b"INSERT", b"UPDATE", b"DELETE", b"REPLACE")
_WORD_SIZE = max(map(len, _BINARY_KEYWORDS))
_BINARY_TYPES = (bytes, bytearray, memoryview, date)


def encode_statement(sql: str | bytes) -> bytes:
    """A statement in UTF-8."""
    if isinstance(sql, str):
        return encode_text(sql, "the statement")
    if isinstance(sql, (bytes, bytearray)):
        return bytes(sql)
    raise TypeError(f"a statement is str or bytes, not {type(sql).__name__}")


def leading_keyword(statement: bytes) -> bytes:
    """The word that the statement begins with, in capitals; b"" where none of the interesting ones can stand."""
    words = statement[: _WORD_SIZE + 1].split(None, 1)
    if not words or len(words[0]) > _WORD_SIZE or statement[:1].isspace():
        return b""
    return words[0].upper()


def wants_binary(keyword: bytes, values: Iterable[Any]) -> bool:
    """A statement with this leading keyword and these parameters goes by the binary protocol unasked."""
    return keyword in _BINARY_KEYWORDS or any(isinstance(value, _BINARY_TYPES) for value in values)


def command_size(statement: bytes, parameters: Sequence[Encoded] | None) -> int:
    """Bytes of the longest command that runs a statement; without parameters for the binary protocol as None or ()."""
    size = 1 + len(statement)
    return max(size, execution_size(parameters)) if parameters else size


class Owned:
    """A statement prepared for one owner. If he is lost before `Statements.close`, the next statement does that.

    Attributes:
        prepared: the statement.
        generation: of the statements that it was made among.
        lost: where to leave it, whoever uses the connection at that moment; None: it is given up.
    """

    __slots__ = ("generation", "lost", "prepared")

    def __init__(self, prepared: Prepared, generation: int, lost: list[Owned]) -> None:
        self.prepared = prepared
        self.generation = generation
        self.lost: list[Owned] | None = lost

    def __del__(self) -> None:
        lost = getattr(self, "lost", None)  # Ctrl-C may have struck in __init__()
        if lost is not None:
            lost.append(self)


class Statements:
    """The statements of one session.

    Args:
        session: the session.
        options: what the user asked for.
        generation: counts how often the server has forgotten all prepared statements.

    Attributes:
        unchecked: commands of fewer bytes are sent without asking whether the server takes so much; once that is known,
            others are not sent.
        asked: something was done in this session since it was set up.
        untracked: a statement may have changed the session in a way that the server does not report; only looked after
            where `watch` is set.
        watch: look for such statements.
        guarded: notice all that may leave something in the session.
        touched: something may have; whatever is done meanwhile where `guarded` is not set.
        distributed: a distributed transaction is prepared here, or (behind XA PREPARE) may be; a reset would lose it,
            and a disconnect does not.
        revived: the session stands in for one that was lost, and no statement of its own has made an id yet.
        mode: the session's sql_mode.
    """

    __slots__ = (
        *("_kept", "_limit", "_options", "_parsed", "_pipeline", "_session", "_size", "tracked"),
        *("_context", "_lost", "asked", "distributed", "generation", "mode", "revived", "unchecked", "untracked"),
        *("_passing", "guarded", "touched", "watch"),
    )

    def __init__(self, session: Session, options: ConnectOptions, generation: int = 0) -> None:
        self._session = session
        self._options = options
        self._size = options.prep_stmt_cache_size if options.cache_prep_stmts else 0
        self._pipeline = options.pipeline
        self._limit = options.max_allowed_packet
        self.unchecked = UNCHECKED_SIZE if self._limit is None else self._limit - self._margin(self._limit)
        self._kept: dict[tuple[bytes, bytes], Prepared] = {}  # by text and types
        self._context: tuple[str | None, int | None] = (None, 0)  # database and sql_mode in which they were prepared
        self._parsed: dict[tuple[bytes, int], tuple[Statement, bytes]] = {}
        self.generation = generation
        self.mode = SqlMode(session)
        self.untracked = False
        self.asked = self.distributed = False
        self.watch = options.reconnect
        self.guarded = False
        self.touched = True
        self._passing: dict[bytes, bool] = {}  # what is known to leave nothing, and what is not
        self.revived = False
        self._lost: list[Owned] = []
        self.tracked = self._tracks()

    # What to send

    def parse(self, sql: str | bytes) -> Statement:
        """A statement that is to be run, taken apart under the present sql_mode."""
        statement = self._parse(self._noticed(sql))[0]
        self._check_charset()
        return statement

    def request(self, sql: str | bytes, parameters: Any, binary: bool) -> tuple[bytes, list[Encoded] | None]:
        """What to send for a statement.

        Args:
            sql: the statement.
            parameters: its parameters; None for none.
            binary: use the binary protocol in any case.

        Returns:
            The statement, and the parameters for the binary protocol; None for the text protocol.
        """
        text = self._noticed(sql)
        if parameters is None:
            return text, [] if binary or (text[:1] in b"Cc" and leading_keyword(text) == b"CALL") else None
        statement, keyword = self._parse(text)
        values = statement.values(parameters)
        if not values:
            return text, [] if binary or keyword == b"CALL" else None
        self._check_charset()
        if binary or (wants_binary(keyword, values) if self._session.mariadb else keyword == b"CALL"):
            return statement.prepared, statement.encode(values)
        return self.fill_in(statement, values), None

    def fill_in(self, statement: Statement, values: Sequence[Any]) -> bytes:
        """A statement with literals for its values."""
        no_backslash_escapes = bool(self._session.status & Status.NO_BACKSLASH_ESCAPES)
        # It is one of `_SAFE_CHARSETS` then.
        utf8 = self.tracked and "character_set_client" in self._session.variables
        return statement.fill_in(values, no_backslash_escapes, utf8)

    def limited(self, statement: bytes, seconds: float) -> bytes:
        """A statement for which the server keeps the time, if it is one of those for which it can be told to."""
        session = self._session
        if not session.mariadb or session.negotiated(Capability.MULTI_STATEMENTS):
            return statement  # of several statements only the first one would be limited
        if self.watch:
            return statement  # it would show as a change of the session
        if leading_keyword(statement) not in _LIMITABLE:
            return statement
        seconds = max(seconds, 1e-6)
        return _LIMITED % (seconds, seconds, statement)

    def _check_charset(self) -> None:
        charset = self._session.variables.get("character_set_client", CHARSET)
        if charset not in _SAFE_CHARSETS:
            raise ProgrammingError(f"parameters are not safe while character_set_client is {charset}")

    def _noticed(self, sql: str | bytes) -> bytes:
        text = encode_statement(sql)
        self.asked = True
        if text[:1] in b"Xx" and b"PREPARE" in text.upper():
            self.distributed = True
        while self._lost:
            self.close(self._lost.pop())
        if self._kept or b"_" in text:  # as all names have that count here
            self._notice_context(text.upper())
        if self.watch and may_change_session(text):
            self.untracked = True
        if self.guarded and not self.touched:
            self.touched = not self._passes(text)
        if self.revived and looks_back(text):
            self.revived = False
            raise LostConnectionError(
                "The statement asks for what an earlier one has left (LAST_INSERT_ID, FOUND_ROWS, ROW_COUNT); "
                "that was lost with the connection, which was opened anew"
            )
        return text

    def _notice_context(self, upper: bytes) -> None:
        """The statement, in capitals, may change what others are read by."""
        # Also where the server does not report it: the tracker can be off, and most of sql_mode has no status flag.
        if self._kept and (upper.lstrip()[:3] in (b"USE", b"SET") or b"SQL_MODE" in upper):
            self._drop()
        if b"SQL_MODE" in upper or b"SESSION_TRACK" in upper:
            self.mode.suspect = True
        if b"SESSION_TRACK" in upper:
            self.tracked = False

    def _passes(self, text: bytes) -> bool:
        passing = self._passing.get(text)
        if passing is None:
            passing = leaves_nothing(text)
            if len(text) <= PARSED_SIZE_KEPT:
                if len(self._passing) >= PARSED_KEPT:
                    del self._passing[next(iter(self._passing))]
                self._passing[text] = passing
        return passing

    def _parse(self, text: bytes) -> tuple[Statement, bytes]:
        """A statement taken apart, and its leading keyword."""
        session = self._session
        mode = self.mode.flags  # anew each time
        if mode is None:
            if b'"' in text:
                raise ProgrammingError(
                    "parameters are not safe in a statement with a double quote while session_track_system_variables "
                    "lacks sql_mode, which may have ANSI_QUOTES"
                )
            mode = session.status & Status.NO_BACKSLASH_ESCAPES
        parsed = self._parsed.get((text, mode))
        if parsed is not None:
            return parsed
        statement = parse(
            text,
            no_backslash_escapes=bool(mode & Status.NO_BACKSLASH_ESCAPES),
            ansi_quotes=bool(mode & Status.ANSI_QUOTES),
            version=session.greeting.version_number if session.greeting is not None else 0,
            mariadb=session.mariadb,
        )
        parsed = statement, leading_keyword(text)
        if len(text) <= PARSED_SIZE_KEPT:
            if len(self._parsed) >= PARSED_KEPT:
                del self._parsed[next(iter(self._parsed))]
            self._parsed[text, mode] = parsed
        return parsed

    def packet_limit(self) -> Command[int]:
        """The server's max_allowed_packet in bytes; asked for once."""
        limit = self._limit
        if limit is None:
            answer = yield from query(self._session, b"SELECT @@max_allowed_packet")
            if not isinstance(answer, ResultSet) or len(answer.rows) != 1:
                raise OperationalError("the server does not tell its max_allowed_packet")
            try:
                limit = self._limit = max(int(answer.rows[0][0]), LEAST_PACKET)
            except (TypeError, ValueError):
                raise OperationalError(f"the server's max_allowed_packet is {answer.rows[0][0]!r}") from None
            self.unchecked = limit - self._margin(limit)
        return limit

    def _margin(self, limit: int) -> int:
        """What the server counts besides a command: in a compressed frame, the packets' headers."""
        compressed = self._options.compress or self._options.client_flag & Capability.COMPRESS
        return 4 * (limit // MAX_PAYLOAD + 1) if compressed else 0

    def check_size(self, size: int, what: str = "the statement") -> Command[None]:
        """Refuse what the server would not take: it would close the connection.

        Args:
            size: bytes of the command.
            what: what an error calls it.

        Raises:
            OperationalError: errno 2020, a command of `size` bytes does not fit into max_allowed_packet.
        """
        if size < self.unchecked:
            return
        limit = yield from self.packet_limit()
        if size >= self.unchecked:
            size += limit - self.unchecked
            raise OperationalError(
                f"{what} has {size} bytes, and max_allowed_packet is {limit}; nothing was sent",
                errno=CR_NET_PACKET_TOO_LARGE,
            )

    # Prepared statements

    def run(self, statement: bytes, parameters: Sequence[Encoded], minimum: int) -> Command[Answer]:
        """Execute a statement by the binary protocol, preparing it if need be."""
        self._check_context()
        types = self.types(parameters)
        key = statement, types
        kept = self._kept.pop(key, None)
        if kept is not None:
            answer = yield from execute(self._session, kept, parameters, minimum)
            if not _unknown(answer, kept.id):
                self._kept[key] = kept
                return answer
            # Something between us and the server has forgotten it. Nothing was executed.
        prepared, answer = yield from self._prepare_and_execute(statement, parameters, minimum)
        self.release(statement, prepared, types)
        return answer

    def types(self, parameters: Sequence[Encoded]) -> bytes:
        """The types of parameters, where a prepared statement is not to be executed with others than the first time."""
        # MySQL converts all later values to those.
        return b"" if self._session.mariadb else b"".join([kind for kind, _ in parameters])

    def prepare_own(self, statement: bytes) -> Command[Owned]:
        """Prepare a statement for one owner, who is to `close` it."""
        self.touched = True  # the server may keep a cursor for it
        return Owned((yield from self._prepare(statement)), self.generation, self._lost)

    def _prepare(self, statement: bytes) -> Command[Prepared]:
        prepared = yield from prepare(self._session, statement)
        if isinstance(prepared, ErrPacket) and self._makes_room(prepared):
            prepared = yield from prepare(self._session, statement)
        if isinstance(prepared, ErrPacket):
            raise server_error(prepared)
        return prepared

    def close(self, owned: Owned) -> None:
        """Give up a statement that `prepare_own` made."""
        owned.lost = None
        if owned.generation == self.generation and not self._session.broken:
            close_statement(self._session, owned.prepared)

    def obtain(self, statement: bytes) -> Command[Prepared]:
        """The statement, prepared now or earlier, for one owner who gives it back by `release`."""
        self._check_context()
        found = self._kept.pop((statement, b""), None)
        return found if found is not None else (yield from self._prepare(statement))

    def release(self, statement: bytes, prepared: Prepared, types: bytes = b"") -> None:
        """Keep a statement for the next time, or give it up."""
        if self._size:
            self._kept[statement, types] = prepared
            if len(self._kept) > self._size:
                close_statement(self._session, self._kept.pop(next(iter(self._kept))))
        else:
            close_statement(self._session, prepared)

    def _makes_room(self, refusal: ErrPacket) -> bool:
        """Give up the statements that are kept, if that may help."""
        if refusal.errno != TOO_MANY_STATEMENTS or not self._kept:
            return False
        self._drop()
        return True

    def _check_context(self) -> None:
        """A prepared statement keeps the database and sql_mode in which it was prepared: others need a new one."""
        context = (self._session.schema, self.mode.flags)
        if context != self._context:
            self._drop()
            self._context = context

    def _drop(self) -> None:
        """Give up all statements that are kept."""
        for prepared in self._kept.values():
            close_statement(self._session, prepared)
        self._kept.clear()

    def forget(self) -> None:
        """The server has forgotten all statements: after a reset, a change of user, a new connection."""
        self._kept.clear()
        self.distributed = False
        self.generation += 1
        self.tracked = self._tracks()

    def _tracks(self) -> bool:
        """A new session's variables, as far as they are known, are not out of date."""
        return "session_track" not in (self._options.init_command or "").lower()

    def _prepare_and_execute(
        self, statement: bytes, parameters: Sequence[Encoded], minimum: int
    ) -> Command[tuple[Prepared, Answer]]:
        if not self._pipelined(statement, parameters):
            prepared = yield from self._prepare(statement)
            return prepared, (yield from execute(self._session, prepared, parameters, minimum))
        expected = foreseen_id(self._session)
        outcome, answer = yield from prepare_and_execute(self._session, statement, parameters, minimum)
        if isinstance(outcome, ErrPacket):
            if not self._makes_room(outcome):
                raise server_error(outcome)
            outcome = yield from self._prepare(statement)
        elif _unknown(answer, expected):
            # It got another id: a higher one behind PREPARE or EXECUTE IMMEDIATE in SQL, which count too. Otherwise
            # something between us and the server numbers in its own way, and will do so again.
            self._pipeline = outcome.id > expected
        else:
            return outcome, answer
        return outcome, (yield from execute(self._session, outcome, parameters, minimum))

    def _pipelined(self, statement: bytes, parameters: Sequence[Encoded]) -> bool:
        pipeline = self._pipeline
        if pipeline is None:
            pipeline = self._pipeline = self._session.mariadb
        size = len(statement) + sum(len(value) for _, value in parameters)
        return pipeline and size <= PIPELINED_SIZE and self._session.prepared + 1 < ID_END


def _unknown(answer: Answer, statement_id: int) -> bool:
    """Nothing was executed, as no statement has this id; a procedure raises the same error, of EXECUTE or SIGNAL."""
    if not isinstance(answer, ErrPacket) or answer.errno != UNKNOWN_STATEMENT:
        return False
    # As MariaDB, and MySQL, call what was asked to execute it.
    asked = "mysqld_stmt_execute" in answer.message or "mysql_stmt_precheck" in answer.message
    return asked and f"({statement_id})" in answer.message
