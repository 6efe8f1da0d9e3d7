"""One statement for many rows of parameters: executemany().

Where the server has it, rows travel in chunks by COM_STMT_BULK_EXECUTE. One chunk at a time is unanswered: the next one
is packed while the server works, and sent only when the last one has succeeded, so that nothing behind a failing chunk
is executed. Where it refuses that, and elsewhere, each row is executed by itself.
"""

from __future__ import annotations

from itertools import chain

from mariadb_protocol import (
    ErrPacket,
    Interrupt,
    OkPacket,
    ParameterError,
    ProtocolError,
    ResultSet,
    read_bulk,
    send_bulk,
)
from mariadb_protocol.bulk import CHUNK_SIZE, BulkEncoder
from mariadb_protocol.constants import Capability
from mariadb_protocol.indicator import DEFAULT, IGNORE, IGNORE_ROW, NULL, MrdbIndicator
from mariadb_protocol.params import plain
from mariadb_protocol.sql import first_word

from ..exceptions import Error, NotSupportedError, ProgrammingError
from .failure import protocol_failure, server_error
from .statements import command_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, TypeVar

    from mariadb_protocol import Prepared
    from mariadb_protocol.binary import Encoded
    from mariadb_protocol.bulk import Chunk
    from mariadb_protocol.commands.result import Answer
    from mariadb_protocol.events import Command
    from mariadb_protocol.sql import Statement

    from .cursor import CursorCore

    T = TypeVar("T", bound=Exception)

NOT_IN_BULK = 1295  # the server's error for a statement that it does not run in bulk, such as INSERT ... SELECT
FIRST_CHUNK = 1 << 14  # bytes that any server takes, so that few rows need no question about its limit
HEADER_SIZE = 7  # bytes in front of the types and rows of a chunk
_UNDONE_AS_A_WHOLE = (b"INSERT", b"REPLACE")  # to transactional engines, a bulk of these is one statement
# The user's completion_type may be CHAIN or RELEASE.
_COMMIT, _ROLLBACK = b"COMMIT AND NO CHAIN NO RELEASE", b"ROLLBACK AND NO CHAIN NO RELEASE"
# What only an extreme value of these is wrong with is found when it is packed.
_HARMLESS = frozenset((type(None), bool, int, str, bytes, MrdbIndicator))
_ONLY_IN_BULK = (DEFAULT, IGNORE)


def execute_many(
    cursor: CursorCore, sql: str | bytes, rows: Iterable[Any] | None, unit_results: bool = False
) -> Command[None]:
    """Run a statement once per row of parameters.

    Afterwards the cursor's `rowcount` is the sum, `lastrowid` the first id, and the rows of RETURNING its result.

    Args:
        cursor: the cursor.
        sql: the statement.
        rows: sequences or mappings, as the placeholders want them; may be a generator. None for none at all.
        unit_results: make (id, affected rows) of each row the result.
    """
    connection = cursor.connection
    if connection.statements.mode.uncertain:
        yield from connection.learn_mode(cursor)
    statement = connection.statements.parse(sql)
    yield from connection.claim(cursor)
    cursor.begin(sql, statement)
    bulk = statement.style is not None and connection.session.negotiated(Capability.MARIADB_BULK)
    bulk = bulk and first_word(statement.prepared) != b"CALL"
    if unit_results and not (bulk and connection.session.negotiated(Capability.MARIADB_BULK_UNIT_RESULTS)):
        raise NotSupportedError("results of each row need placeholders, and MariaDB 11.5 or later")
    run = _Run(cursor, statement, rows)
    try:
        yield from run.in_bulk(unit_results) if bulk else run.one_by_one()
    except ParameterError as error:
        raise run.mark(protocol_failure(error)) from None
    except (Error, ProtocolError) as error:
        run.mark(error)
        raise
    run.finish()


class _Run:
    """One executemany(): what has been done so far.

    Attributes:
        done: rows that the server has executed.
    """

    __slots__ = (
        *("_affected", "_began", "_cursor", "_early", "_first_id", "_given", "_ignored", "_results", "_rows"),
        *("_statement", "_taken", "_warnings", "done"),
    )

    def __init__(self, cursor: CursorCore, statement: Statement, rows: Iterable[Any] | None) -> None:
        self._cursor = cursor
        self._statement = statement
        self._given = () if rows is None else rows
        self._rows = self._read()
        self._taken = 0  # rows that were looked at
        self._ignored = 0  # of these, rows with IGNORE_ROW
        # Rows from before the server's first answer, with their numbers.
        self._early: list[tuple[int, Sequence[Any]]] | None = []
        self._began = False  # autocommit is off for the time being: each chunk is committed by us
        self._affected = 0
        self._first_id: int | None = None
        self._warnings = 0
        self._results: list[ResultSet] = []  # the rows of RETURNING, of the unit results, or of a procedure
        self.done = 0

    def mark(self, error: T) -> T:
        """Say in an error how many rows came before it."""
        error.rows_done = self.done  # type: ignore[attr-defined]  # a ProtocolError is about to become an Error
        return error

    # Rows

    def _read(self) -> Iterator[Sequence[Any]]:
        """The values of each row in the order of the placeholders, without the rows that are to be ignored."""
        for row in self._given:
            self._taken += 1
            values = _values(self._statement, row, self._taken)
            # The server has no use for IGNORE_ROW, and on 10.11 refuses it.
            if _ignored(values):
                self._ignored += 1
                continue
            if self._early is not None:
                self._early.append((self._taken, values))
            yield values

    def _check_all(self, bulk: bool) -> None:
        """Find what is wrong in rows that are all there already, before the first of them is sent."""
        if isinstance(self._given, (list, tuple)):
            for number, row in enumerate(self._given, 1):
                values = _values(self._statement, row, number)
                if not _ignored(values):
                    _check(values, number, bulk)

    # Ways to run them

    def one_by_one(self) -> Command[None]:
        """Execute the statement for each row, in a round trip each."""
        self._check_all(False)
        early, self._early = self._early or (), None
        for number, values in early:
            _check(values, number, False)
        for number, values in chain(early, ((self._taken, values) for values in self._rows)):
            _check(values, number, False)
            yield from self._row(number, values)

    def _row(self, number: int, values: Sequence[Any]) -> Command[None]:
        """Execute the statement for one row."""
        connection = self._cursor.connection
        try:
            text, encoded = self._request([None if value is NULL else value for value in values])
        except ParameterError as error:
            raise type(error)(f"row {number}, {error}") from None
        size = command_size(text, encoded)
        if size >= FIRST_CHUNK:
            yield from connection.statements.packet_limit()
        yield from connection.statements.check_size(size, f"the statement for row {number}")
        answers = yield from self._cursor.answers(text, encoded)
        for answer in answers:
            self._add(answer, len(answers) == 1)  # of a procedure each result stands for itself
        self._warnings += connection.session.warnings
        self.done += 1

    def _request(self, values: Sequence[Any]) -> tuple[bytes, Sequence[Encoded]]:
        """What to send for one row: a statement, and parameters for the binary protocol if it has placeholders left."""
        cursor, statement = self._cursor, self._statement
        if cursor.binary or cursor.connection.session.mariadb or first_word(statement.prepared) == b"CALL":
            return statement.prepared, statement.encode(values)
        return cursor.connection.statements.fill_in(statement, values), ()

    def in_bulk(self, unit_results: bool) -> Command[None]:
        """Execute the statement for chunks of rows."""
        statements = self._cursor.connection.statements
        text = self._statement.prepared
        columns = len(self._statement.parts) - 1
        first_size = min(FIRST_CHUNK, statements.unchecked - 1 - HEADER_SIZE - 2 * columns)
        encoder = BulkEncoder(self._rows, columns, first_size)
        chunk = encoder.next_chunk()
        if chunk is None:
            return
        if len(chunk.body) >= first_size or self._taken - self._ignored > chunk.count:
            # There is more than fits into one chunk.
            self._check_all(True)
            yield from statements.packet_limit()
            encoder.limit = statements.unchecked - 1 - HEADER_SIZE - len(chunk.types)
            encoder.size = min(CHUNK_SIZE, encoder.limit)
        prepared = yield from statements.obtain(text)
        try:
            return (yield from self._chunks(prepared, chunk, encoder, unit_results))
        except Error as error:
            if error.errno != NOT_IN_BULK or self.done or unit_results or prepared.selects:
                raise
        finally:
            statements.release(text, prepared)
        yield from self.one_by_one()

    def _chunks(
        self, prepared: Prepared, chunk: Chunk | None, encoder: BulkEncoder, unit_results: bool
    ) -> Command[None]:
        """Run this chunk and the ones behind it; with autocommit, each is executed as a whole or not at all."""
        connection = self._cursor.connection
        # The server commits each row by itself. Not by START TRANSACTION: that would end LOCK TABLES.
        piecemeal = first_word(self._statement.prepared) not in _UNDONE_AS_A_WHOLE
        try:
            while chunk is not None:
                if piecemeal and chunk.count > 1 and connection.autocommit and not connection.in_transaction:
                    self._began = connection.unsettled = True
                    yield from self._aside(b"SET autocommit=0")
                chunk = yield from self._chunk(prepared, chunk, encoder, unit_results)
        except BaseException:
            connection.session.stop = None
            if self._began and not connection.session.broken:
                yield from self._aside(_ROLLBACK)
                yield from self._restore()
            raise
        if self._began:
            yield from self._restore()

    def _restore(self) -> Command[None]:
        """Let the server commit by itself again, behind a COMMIT or ROLLBACK."""
        connection = self._cursor.connection
        connection.session.stop = None
        yield from connection.settling(self._aside(b"SET autocommit=1"))

    def _aside(self, statement: bytes) -> Command[None]:
        """Run a statement that is none of the user's: what the server says of it is no news to him."""
        session = self._cursor.connection.session
        known = session.changed, session.warnings
        yield from self._cursor.connection.command(statement)
        session.changed, session.warnings = known

    def _chunk(
        self, prepared: Prepared, chunk: Chunk, encoder: BulkEncoder, unit_results: bool
    ) -> Command[Chunk | None]:
        """Run one chunk, and pack the next one meanwhile."""
        connection = self._cursor.connection
        session = connection.session
        yield from connection.statements.check_size(len(chunk.body) + len(chunk.types) + HEADER_SIZE)
        yield from send_bulk(session, prepared, chunk.types, chunk.body, unit_results)
        following, failure = None, None
        try:
            following = encoder.next_chunk()
        except BaseException as error:  # raised when the server's answer has been read
            failure = error
            if isinstance(error, KeyboardInterrupt):
                yield from self._interrupt(error)
        try:
            self._add((yield from read_bulk(session)), True)
            self._warnings += session.warnings
            if self._began:
                yield from connection.committing(self._aside(_COMMIT))
            self.done += chunk.count
        finally:
            if failure is not None:
                raise failure
        return following

    def _interrupt(self, error: KeyboardInterrupt) -> Command[None]:
        """Let the server not go on with the chunk that it is working on."""
        session = self._cursor.connection.session
        try:
            session.stream.feed((yield Interrupt(error)))
        except BaseException as failure:
            session.fail(failure)
            raise

    # Results

    def _add(self, answer: Answer, joins: bool) -> None:
        """Take an answer; if it `joins`, to the rows before it that have the same columns."""
        end = answer.end if isinstance(answer, ResultSet) else answer
        if isinstance(end, ErrPacket):
            raise server_error(end)
        self._early = None
        if isinstance(answer, ResultSet):
            last = self._results[-1] if self._results else None
            if last is None or not joins or not _alike(last, answer):
                self._results.append(answer)
            else:
                last.rows += answer.rows
                last.end = answer.end
        elif isinstance(answer, OkPacket):
            self._affected += answer.affected_rows
            if self._first_id is None:
                self._first_id = answer.last_insert_id or None

    def finish(self) -> None:
        """Make what came of it the cursor's result."""
        if not self._taken:
            raise ProgrammingError("No data provided")
        self._cursor.take_many(self._results, self._affected, self._first_id, self._warnings)


def _values(statement: Statement, row: Any, number: int) -> Sequence[Any]:
    try:
        return statement.values(row)
    except ParameterError as error:
        raise ParameterError(f"Invalid number of parameters in row {number}: {error}") from None


def _ignored(values: Sequence[Any]) -> bool:
    """The row is not to be executed."""
    return MrdbIndicator in map(type, values) and any(value is IGNORE_ROW for value in values)


def _check(values: Sequence[Any], number: int, bulk: bool) -> None:
    """Refuse values of a row that have no counterpart in MariaDB, or none outside of a bulk."""
    for column, value in enumerate(values, 1):
        if type(value) not in _HARMLESS or (not bulk and type(value) is MrdbIndicator and value in _ONLY_IN_BULK):
            try:
                plain(value)
            except ParameterError as error:
                raise type(error)(f"row {number}, column {column}: {error}") from None


def _alike(one: ResultSet, other: ResultSet) -> bool:
    """Two result sets have the same columns."""
    if one.metadata is other.metadata:
        return True
    return [(column.name, column.type) for column in one.metadata.columns] == [
        (column.name, column.type) for column in other.metadata.columns
    ]
