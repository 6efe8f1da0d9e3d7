"""How a statement is run: by the text or the binary protocol, and which prepared statements are kept.

The text protocol is the default, as in Connector/Python 1.1; `wants_binary` says when it is not. Statements that are
prepared on the way are kept per connection, the least recently used one is given up.
"""

from __future__ import annotations

from mariadb_protocol import (
    ErrPacket,
    Prepared,
    close_statement,
    execute,
    prepare,
    prepare_and_execute,
)

from .failure import server_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from mariadb_protocol import Session
    from mariadb_protocol.binary import Encoded
    from mariadb_protocol.commands.result import Answer
    from mariadb_protocol.events import Command

UNKNOWN_STATEMENT = 1243
# Longer statements are prepared in a round trip of their own: two commands in one write should fit the socket's buffer.
PIPELINED_SIZE = 1 << 16

# The first word of a statement that goes by the binary protocol if it has parameters; CALL does even without.
_BINARY_KEYWORDS = (b"INSERT", b"UPDATE", b"REPLACE", b"DELETE", b"CALL", b"DO")
_WORD_SIZE = max(map(len, _BINARY_KEYWORDS))
_BINARY_TYPES = (bytes, bytearray, memoryview)


def leading_keyword(statement: bytes) -> bytes:
    """The word that the statement begins with, in capitals; b"" if white space does not follow at once."""
    word = statement[: _WORD_SIZE + 1].split(None, 1)
    if not word or len(word[0]) > _WORD_SIZE or statement[:1].isspace():
        return b""
    return word[0].upper()


def wants_binary(keyword: bytes, values: Iterable[Any]) -> bool:
    """A statement with this leading keyword and these parameters goes by the binary protocol unasked."""
    if keyword in _BINARY_KEYWORDS:
        return True
    return any(isinstance(value, _BINARY_TYPES) or _is_date(value) for value in values)


def _is_date(value: Any) -> bool:
    from datetime import date

    return isinstance(value, date)


class Statements:
    """The prepared statements of one connection.

    Args:
        session: the connection's session.
        size: how many are kept; 0: none.
        pipeline: prepare and execute in one round trip; None: where the server is a MariaDB.
        generation: counts how often the server has forgotten all statements.
    """

    __slots__ = ("_kept", "_pipeline", "_session", "_size", "generation")

    def __init__(self, session: Session, size: int, pipeline: bool | None, generation: int = 0) -> None:
        self._session = session
        self._size = size
        self._pipeline = pipeline
        self._kept: dict[bytes, Prepared] = {}
        self.generation = generation

    def run(self, statement: bytes, parameters: Sequence[Encoded], minimum: int) -> Command[Answer]:
        """Execute a statement by the binary protocol, preparing it if need be."""
        kept = self._kept.pop(statement, None)
        if kept is not None:
            self._kept[statement] = kept
            return (yield from execute(self._session, kept, parameters, minimum))
        prepared, answer = yield from self._prepare_and_execute(statement, parameters, minimum)
        if self._size:
            self._keep(statement, prepared)
        else:
            close_statement(self._session, prepared)
        return answer

    def prepare(self, statement: bytes) -> Command[Prepared]:
        """Prepare a statement for one owner, who has to `close` it."""
        prepared = yield from prepare(self._session, statement)
        if isinstance(prepared, ErrPacket):
            raise server_error(prepared)
        return prepared

    def close(self, prepared: Prepared, generation: int) -> None:
        """Give up a statement that `prepare` made in this generation."""
        if generation == self.generation and not self._session.broken:
            close_statement(self._session, prepared)

    def kept(self, statement: bytes) -> Command[Prepared]:
        """The statement, prepared now or earlier."""
        found = self._kept.pop(statement, None)
        if found is None:
            found = yield from self.prepare(statement)
        self._keep(statement, found)
        return found

    def forget(self) -> None:
        """The server has forgotten all statements: after a reset, a change of user, a new connection."""
        self._kept.clear()
        self.generation += 1

    def _keep(self, statement: bytes, prepared: Prepared) -> None:
        self._kept[statement] = prepared
        if len(self._kept) > max(self._size, 1):
            close_statement(self._session, self._kept.pop(next(iter(self._kept))))

    def _prepare_and_execute(
        self, statement: bytes, parameters: Sequence[Encoded], minimum: int
    ) -> Command[tuple[Prepared, Answer]]:
        if not self._pipelined(statement, parameters):
            prepared = yield from self.prepare(statement)
            return prepared, (yield from execute(self._session, prepared, parameters, minimum))
        outcome, answer = yield from prepare_and_execute(self._session, statement, parameters, minimum)
        if isinstance(outcome, ErrPacket):
            raise server_error(outcome)
        if isinstance(answer, ErrPacket) and answer.errno == UNKNOWN_STATEMENT:
            # Something between us and the server does not know "the last one prepared". Nothing was executed.
            self._pipeline = False
            answer = yield from execute(self._session, outcome, parameters, minimum)
        return outcome, answer

    def _pipelined(self, statement: bytes, parameters: Sequence[Encoded]) -> bool:
        pipeline = self._pipeline
        if pipeline is None:
            pipeline = self._pipeline = self._session.mariadb
        size = len(statement) + sum(len(value) for _, value in parameters)
        return pipeline and size <= PIPELINED_SIZE
