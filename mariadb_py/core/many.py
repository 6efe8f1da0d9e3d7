"""One statement for many rows of parameters: executemany().

Where the server has it, rows travel in chunks by COM_STMT_BULK_EXECUTE. One chunk at a time is unanswered: the next one
is packed while the server works, and sent only when the last one has succeeded, so that nothing behind a failing chunk
is executed. Elsewhere each row is executed by itself.
"""

from __future__ import annotations

from mariadb_protocol import ErrPacket, OkPacket, ParameterError, ResultSet, read_bulk, send_bulk
from mariadb_protocol.bulk import CHUNK_SIZE, BulkEncoder
from mariadb_protocol.constants import Capability

from ..exceptions import Error, NotSupportedError, ProgrammingError
from .failure import protocol_failure, server_error
from .statements import leading_keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from mariadb_protocol import Prepared
    from mariadb_protocol.bulk import Chunk
    from mariadb_protocol.commands.result import Answer
    from mariadb_protocol.events import Command
    from mariadb_protocol.sql import Statement

    from .cursor import CursorCore

NOT_IN_BULK = 1295
FIRST_CHUNK = 1 << 14  # bytes that any server takes, so that few rows need no question about its limit
HEADER_SIZE = 64  # at least what stands in front of the rows in a packet, without the types


def execute_many(
    cursor: CursorCore, sql: str | bytes, rows: Iterable[Any], unit_results: bool = False
) -> Command[None]:
    """Run a statement once per row of parameters.

    Afterwards the cursor's `rowcount` is the sum, `lastrowid` the first id, and the rows of RETURNING its result.

    Args:
        cursor: the cursor.
        sql: the statement.
        rows: sequences or mappings, as the placeholders want them; may be a generator.
        unit_results: make (id, affected rows) of each row the result.
    """
    connection = cursor.connection
    statement = connection.statements.parse(sql)
    yield from connection.claim(cursor)
    cursor.begin(sql, statement)
    values = _values(statement, rows)
    bulk = statement.style is not None and connection.session.negotiated(Capability.MARIADB_BULK)
    if unit_results and not (bulk and connection.session.negotiated(Capability.MARIADB_BULK_UNIT_RESULTS)):
        raise NotSupportedError("results of each row need placeholders, and MariaDB 11.5 or later")
    run = _Run(cursor)
    try:
        if bulk and leading_keyword(statement.prepared) != b"CALL":
            yield from run.in_bulk(statement, values, unit_results)
        else:
            yield from run.one_by_one(statement, values)
    except ParameterError as error:
        raise run.mark(protocol_failure(error)) from None
    except Error as error:
        run.mark(error)
        raise
    if not run.done:
        raise ProgrammingError("No data provided")
    run.finish()


def _values(statement: Statement, rows: Iterable[Any]) -> Iterator[Sequence[Any]]:
    """The values of each row in the order of the placeholders."""
    for number, row in enumerate(rows, 1):
        try:
            yield statement.values(row)
        except ParameterError as error:
            raise ParameterError(f"Invalid number of parameters in row {number}: {error}") from None


class _Run:
    """One executemany(): what has been done so far.

    Attributes:
        done: rows that the server has executed.
    """

    __slots__ = ("_affected", "_answer", "_cursor", "_first_id", "done")

    def __init__(self, cursor: CursorCore) -> None:
        self._cursor = cursor
        self._affected = 0
        self._first_id: int | None = None
        self._answer: ResultSet | None = None  # the rows of RETURNING, or of the unit results
        self.done = 0

    def mark(self, error: Error) -> Error:
        """Say in an error how many rows came before it."""
        error.rows_done = self.done
        return error

    def one_by_one(self, statement: Statement, rows: Iterator[Sequence[Any]]) -> Command[None]:
        """Execute the statement for each row, in a round trip each."""
        cursor = self._cursor
        for values in rows:
            encoded = statement.encode(values)
            for answer in (yield from cursor.answers(statement.prepared, encoded)):
                self._add(answer, 0)
            self.done += 1

    def in_bulk(self, statement: Statement, rows: Iterator[Sequence[Any]], unit_results: bool) -> Command[None]:
        """Execute the statement for chunks of rows."""
        connection = self._cursor.connection
        encoder = BulkEncoder(rows, len(statement.parts) - 1, FIRST_CHUNK)
        chunk = encoder.next_chunk()
        if chunk is None:
            return
        if len(chunk.body) >= FIRST_CHUNK:
            limit = yield from connection.statements.packet_limit()
            encoder.limit = limit - HEADER_SIZE - len(chunk.types)
            encoder.size = min(CHUNK_SIZE, encoder.limit)
        prepared = yield from connection.statements.kept(statement.prepared)
        while chunk is not None:
            chunk = yield from self._chunk(prepared, chunk, encoder, unit_results)

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
        self._add((yield from read_bulk(session)), chunk.count)
        if failure is not None:
            raise failure
        return following

    def _add(self, answer: Answer, rows: int) -> None:
        end = answer.end if isinstance(answer, ResultSet) else answer
        if isinstance(end, ErrPacket):
            raise server_error(end)
        self.done += rows
        if isinstance(answer, ResultSet):
            if self._answer is None:
                self._answer = answer
            else:
                self._answer.rows += answer.rows
                self._answer.end = answer.end
        elif isinstance(answer, OkPacket):
            self._affected += answer.affected_rows
            if self._first_id is None:
                self._first_id = answer.last_insert_id or None

    def finish(self) -> None:
        """Make what came of it the cursor's result."""
        self._cursor.take_many(self._answer, self._affected, self._first_id)
