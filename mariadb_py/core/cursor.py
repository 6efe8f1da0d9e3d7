"""What a cursor decides: which commands a method runs, and which result is the present one.

A face asks `lacks(n)`, runs `fill(n)` if so, and then takes rows: only `fill`, and what runs statements, need the
network. Source: PEP 249. Knows no socket, clock or lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from weakref import ref

from mariadb_protocol import (
    ErrPacket,
    LimitExceeded,
    LocalInfileRequest,
    OkPacket,
    ParameterError,
    ResultSet,
    State,
    execute,
    fetch,
    next_result,
    query,
    read_rows,
)
from mariadb_protocol.constants import Status
from mariadb_protocol.indicator import NULL, MrdbIndicator
from mariadb_protocol.sql import first_word

from ..exceptions import LostConnectionError, ProgrammingError
from .failure import gone, server_error
from .many import execute_many
from .rows import RowState
from .statements import command_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from mariadb_protocol.binary import Encoded
    from mariadb_protocol.commands.result import Answer
    from mariadb_protocol.events import Command
    from mariadb_protocol.sql import Statement

    from .connection import ConnectionCore
    from .rows import RowFactory
    from .statements import Owned

_LABEL_SIZE = 60  # characters of a statement that an error shows
# What the server opens a cursor for. Asked for one by others, it answers with their rows, or (DELETE ... RETURNING,
# ANALYZE) dies or hangs up.
_WITH_CURSOR = (b"SELECT", b"WITH", b"VALUES", b"SHOW", b"DESC", b"DESCRIBE")
DEFAULT_PREFETCH = 1000  # rows that a server-side cursor reads at a time


class CursorCore(RowState):
    """State of one cursor.

    Args:
        connection: the connection whose statements it runs.
        buffered: read every result whole at once; otherwise rows are read as they are fetched.
        row_factory: makes what the user gets from decoded rows; None for tuples.
        binary: run every statement by the binary protocol.
        prepared: keep to the first statement, whatever the later ones are.
        server_side: leave the rows on the server until they are fetched; other cursors can work meanwhile.
        prefetch: rows that a server-side cursor reads at a time; 0: `DEFAULT_PREFETCH`.

    Attributes:
        statement: the statement last run, as the user wrote it.
        transformed: the same as it was sent, None before a statement.
        lastrowid: first AUTO_INCREMENT value that the last statement without a result set made; None if none.
        warnings: number of warnings that the last statement left.
        streaming: rows or results may still be on the way, and the connection is not free for others.
        out_parameters: the present result set holds the OUT and INOUT parameters of a procedure.
    """

    __slots__ = (
        *("__weakref__", "_own", "_own_sql", "_own_types", "_pending", "_prefetch", "_serving"),
        *("binary", "connection"),
        *("lastrowid", "out_parameters", "parameters", "prepared", "server_side", "statement", "streaming"),
        *("transformed", "warnings"),
    )

    def __init__(
        self,
        connection: ConnectionCore,
        buffered: bool,
        row_factory: RowFactory | None,
        *,
        binary: bool = False,
        prepared: bool = False,
        server_side: bool = False,
        prefetch: int = 0,
    ) -> None:
        super().__init__(buffered and not server_side, row_factory)
        self.connection = connection
        self.binary = binary or prepared or server_side
        self.prepared = prepared
        self.server_side = server_side
        self.statement: str | bytes | None = None
        self.transformed: bytes | None = None
        self.parameters = 0  # of the last statement
        self.lastrowid: int | None = None
        self.warnings = 0
        self.streaming = False
        self.out_parameters = False
        self._prefetch = prefetch or DEFAULT_PREFETCH
        self._pending: deque[Answer] = deque()  # results of a buffered statement behind the present one
        self._own: Owned | None = None  # the statement of a prepared or server-side cursor
        self._own_sql: str | bytes = ""  # its text, as the user wrote it
        self._own_types = b""  # of its parameters, as Statements.types says
        self._serving = False  # the server holds rows for us

    # Statements

    def execute(
        self,
        sql: str | bytes,
        parameters: Any,
        buffered: bool | None = None,
        source: Iterable[bytes] | None = None,
        limit: float | None = None,
    ) -> Command[None]:
        """Run a statement and take its first result.

        Args:
            sql: the statement.
            parameters: its parameters, or None.
            buffered: from now on, read results whole or not; None leaves it as it is.
            source: contents for LOAD DATA LOCAL INFILE; None: the file that the statement names, if that is allowed.
            limit: seconds after which the server is to give up, where it can be told to; None: never.
        """
        connection = self.connection
        if self.prepared and self._own is not None:
            sql, parameters = self._own_sql, _at_most(self._own.prepared.parameters, parameters)
        if parameters is not None and connection.statements.mode.uncertain:
            yield from connection.learn_mode(self)
        try:
            statement, encoded = connection.statements.request(sql, parameters, self.binary)
        except ParameterError:
            indicators = _indicators(parameters)
            if not indicators:
                raise
            if indicators != {NULL}:
                return (yield from execute_many(self, sql, (parameters,)))  # only a bulk has room for them
            statement, encoded = connection.statements.request(sql, _without_null(parameters), self.binary)
        if connection.occupied or connection.session.state != State.READY:
            yield from connection.claim(self)
        self.clear()
        self.statement = sql
        if buffered is not None:
            self.buffered = buffered and not self.server_side
        if limit is not None and encoded is None:
            statement = connection.statements.limited(statement, limit)
        self.transformed = statement
        self.parameters = len(encoded or ())
        size = command_size(statement, encoded)
        if size >= connection.statements.unchecked:
            yield from connection.statements.check_size(size)
        minimum = -1 if self.buffered else 0
        if encoded is None:
            answer = yield from query(connection.session, statement, minimum)
        elif self.prepared or self.server_side:
            answer = yield from self._execute_own(statement, encoded)
            self._own_sql = sql
        else:
            answer = yield from connection.statements.run(statement, encoded, minimum)
        if type(answer) is LocalInfileRequest:
            answer = yield from connection.answer_local_request(answer, statement, source, minimum)
        if connection.session.state == State.MORE_RESULTS and self.buffered:
            self._pending.extend((yield from self._behind(answer)))
        self._take(answer)

    def begin(self, sql: str | bytes, statement: Statement) -> None:
        """Forget the last statement's results, for one that `answers` or a bulk execution will run."""
        self.clear()
        self.statement = sql
        self.transformed = statement.prepared
        self.parameters = len(statement.parts) - 1

    def answers(self, statement: bytes, parameters: Sequence[Encoded]) -> Command[list[Answer]]:
        """Run a statement that is not too long for the server, and read all its results."""
        connection = self.connection
        if parameters:
            answer = yield from connection.statements.run(statement, parameters, -1)
        else:
            answer = yield from query(connection.session, statement)
        if isinstance(answer, LocalInfileRequest):
            answer = yield from connection.answer_local_request(answer, statement, None, -1)
        return [answer, *(yield from self._behind(answer))]

    def take_many(self, results: list[ResultSet], affected: int, first_id: int | None, warnings: int) -> None:
        """Make what came of many rows of parameters the present result, and the ones behind it."""
        self.out_parameters = False
        if results:
            self._pending.extend(results[1:])
            self.columns = results[0].metadata  # type: ignore[assignment]  # the session makes ColumnSets
            self._add(results[0])
        self.rowcount = affected if not results else len(self._rows) if self.buffered else 0
        self.lastrowid = first_id
        if first_id:
            self.connection.statements.revived = False
        self.warnings = warnings

    def _behind(self, first: Answer) -> Command[list[Answer]]:
        """All results of a statement behind the first one, to be kept.

        Raises:
            LimitExceeded: together they are more than the limit; the session is broken then.
        """
        session = self.connection.session
        found: list[Answer] = []
        weight = _weight(first)
        while session.state == State.MORE_RESULTS:
            answer = yield from next_result(session)
            if isinstance(answer, LocalInfileRequest):
                answer = yield from self.connection.answer_local_request(answer, b"", None, -1)
            found.append(answer)
            weight += _weight(answer)
            if weight > session.limits.results:
                error = LimitExceeded("results", session.limits.results, weight)
                session.fail(error)
                raise error
        return found

    def _execute_own(self, statement: bytes, parameters: Sequence[Encoded]) -> Command[Answer]:
        """Execute the statement that belongs to this cursor alone, preparing it if it is not the last one."""
        connection = self.connection
        own = self._own
        types = connection.statements.types(parameters)
        kept = own is not None and own.generation == connection.statements.generation and self._own_types == types
        if own is None or not self.prepared or not kept:
            self.give_up_statement()
            self._own_types = types
            own = self._own = yield from connection.statements.prepare_own(statement)
        prepared = own.prepared
        if len(parameters) != prepared.parameters:
            raise ProgrammingError(f"the statement has {prepared.parameters} placeholders, not {len(parameters)}")
        at_server = self.server_side and prepared.selects and first_word(statement) in _WITH_CURSOR
        # Whether the server has opened a cursor shows behind the columns.
        minimum = -1 if self.buffered else int(self.server_side)
        answer = yield from execute(connection.session, prepared, parameters, minimum, cursor=at_server)
        end = answer.end if isinstance(answer, ResultSet) else None
        self._serving = isinstance(end, OkPacket) and bool(end.status & Status.CURSOR_EXISTS)
        return answer

    def give_up_statement(self) -> None:
        """Let the server forget the statement of this cursor, and the rows that it holds for it."""
        own, self._own = self._own, None
        self._serving = False
        if own is not None:
            self.connection.statements.close(own)

    def callproc(self, name: str, arguments: Sequence[Any]) -> Command[None]:
        """CALL a procedure; its OUT and INOUT parameters are the last result set."""
        marks = ",".join("?" * len(arguments))
        call = f"CALL {quoted_name(name)}({marks})"
        if call != self._own_sql:
            self.give_up_statement()  # a prepared cursor would run its old statement instead
        yield from self.execute(call, tuple(arguments))

    def next_set(self) -> Command[bool]:
        """Take the next result of the statement; False if there is none."""
        self.clear_result()
        if self._pending:
            self._take(self._pending.popleft())
            return True
        if not self.streaming:
            return False
        session = self.connection.session
        if session.broken:
            raise gone(session)
        if not self.connection.streams_to(self):
            raise self._overtaken()
        while session.state == State.STREAMING:
            skipped = yield from read_rows(session, 1)
            if isinstance(skipped.end, ErrPacket):
                self.clear()
                raise server_error(skipped.end)
        if session.state != State.MORE_RESULTS:
            self.streaming = False
            return False
        answer = yield from next_result(session, 0)
        if isinstance(answer, LocalInfileRequest):
            answer = yield from self.connection.answer_local_request(answer, b"", None, 0)
        self._take(answer)
        return True

    def finish(self) -> Command[None]:
        """Read and forget what is left of an unbuffered result, and give up the cursor's own statement."""
        if self.streaming and not self.connection.session.broken:
            yield from self.connection.claim(self)
        self.clear()

    # Results

    def clear(self) -> None:
        """Forget the results of the last statement."""
        if self._pending:
            self._pending.clear()
        self.streaming = False
        self._serving = False
        self.clear_result()

    def _take(self, answer: Answer) -> None:
        """Make `answer` the present result."""
        session = self.connection.session
        self.out_parameters = False
        if isinstance(answer, ResultSet):
            if isinstance(answer.end, ErrPacket):
                self.clear()
                raise server_error(answer.end)
            self.columns = answer.metadata  # type: ignore[assignment]  # the session makes ColumnSets
            self._add(answer)
            self.rowcount = len(self._rows) if self.buffered else 0
        elif isinstance(answer, OkPacket):
            self.rowcount = answer.affected_rows
            self.lastrowid = answer.last_insert_id or None
            if self.lastrowid:
                self.connection.statements.revived = False
        elif isinstance(answer, ErrPacket):
            self.clear()
            raise server_error(answer)
        self.warnings = session.warnings
        unread = session.state in (State.STREAMING, State.MORE_RESULTS)
        if not self.buffered and (unread or (self.columns is not None and not self.server_side)):
            # To be fetched, or given up, before another cursor may use the connection.
            self.streaming = True
            self.connection.stream_to(ref(self))

    def _add(self, result: ResultSet) -> None:
        end = result.end
        if isinstance(end, OkPacket):
            self.out_parameters = bool(end.status & Status.PS_OUT_PARAMS)
            if self._serving and end.status & Status.LAST_ROW_SENT:
                self._serving = False
        self.add(result, end is not None and not self._serving)

    def fill(self, count: int) -> Command[None]:
        """Read rows until `count` (negative: all) can be taken, or there are no more."""
        session = self.connection.session
        if session.broken:
            raise gone(session)
        if self._serving:
            yield from self._claim_own()
        elif not self.connection.streams_to(self):
            raise self._overtaken()
        kept = False
        try:
            while self.lacks(count):
                result = yield from self._more(count - self.at_hand() if count >= 0 else -1)
                if isinstance(result.end, ErrPacket):
                    raise server_error(result.end)
                self._add(result)
            kept = True
        finally:
            if not kept and not session.broken:
                self.clear()  # rows that were read and not kept would be missing without a word

    def _overtaken(self) -> LostConnectionError:
        """The error for rows that can come no more: what arrives now belongs to somebody else."""
        self.clear()
        return LostConnectionError("The rows of this cursor were lost with the connection, which was opened anew")

    def _claim_own(self) -> Command[None]:
        """Make the connection free for fetching from the server-side cursor."""
        if self._own is None or self._own.generation != self.connection.statements.generation:
            raise ProgrammingError("the rows of this cursor are gone: its connection was reset")
        yield from self.connection.claim(self)

    def _more(self, count: int) -> Command[ResultSet]:
        session = self.connection.session
        if self._serving and self._own is not None:
            return (yield from fetch(session, self._own.prepared, max(self._prefetch, count)))
        return (yield from read_rows(session, max(count, 1) if count >= 0 else -1))

    @property
    def unread(self) -> bool:
        """Rows of an unbuffered result have not been fetched, or further results may follow."""
        return self.streaming and (
            self.at_hand() > 0 or self.connection.session.state in (State.STREAMING, State.MORE_RESULTS)
        )

    def exhausted(self) -> None:
        """The user has seen the end of the rows: others may use the connection, unless a result follows."""
        if self.connection.session.state != State.MORE_RESULTS:
            self.streaming = False

    def label(self) -> str:
        """The cursor's statement, shortened, for errors; never its parameters."""
        statement = self.statement
        text = statement.decode("utf-8", "replace") if isinstance(statement, bytes) else str(statement)
        return repr(text if len(text) <= _LABEL_SIZE else text[: _LABEL_SIZE - 3] + "...")


def quoted_name(name: str) -> str:
    """A name, or "database.name", in backquotes, so that it can be nothing else; parts may be in backquotes already."""
    import re

    part = "(?:`(?:[^`]|``)+`|[^`.]+)"
    parts = re.findall(part, name) if re.fullmatch(f"{part}(?:\\.{part})*", name) else name.split(".")
    return ".".join(piece if piece[:1] == "`" == piece[-1:] else f"`{piece.replace('`', '``')}`" for piece in parts)


def _indicators(parameters: Any) -> set[MrdbIndicator]:
    """The indicators among the parameters of a statement."""
    values = parameters.values() if isinstance(parameters, Mapping) else parameters
    return {value for value in values if type(value) is MrdbIndicator} if isinstance(values, Iterable) else set()


def _without_null(parameters: Any) -> Any:
    """Parameters with None for INDICATOR.NULL, which is the same where a single row is concerned."""
    if isinstance(parameters, Mapping):
        return {name: None if value is NULL else value for name, value in parameters.items()}
    return [None if value is NULL else value for value in parameters]


def _weight(answer: Answer) -> int:
    """What a result counts for in the limit `results`."""
    return 8 if isinstance(answer, ResultSet) else 1


def _at_most(count: int, parameters: Any) -> Any:
    """Parameters without what a prepared statement has no placeholder for, as in Connector/Python 1.1."""
    return parameters[:count] if isinstance(parameters, (list, tuple)) else parameters
