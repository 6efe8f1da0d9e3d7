"""What the server's own lexer makes of a statement, asked by COM_STMT_PREPARE."""

from __future__ import annotations

from mariadb_protocol import Send
from mariadb_protocol.wire import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mariadb_protocol import Session
    from mariadb_protocol.events import Command

COM_STMT_PREPARE = b"\x16"
COM_STMT_CLOSE = b"\x19"
ERR = 0xFF


def count_parameters(session: Session, statement: bytes) -> Command[int | None]:
    """Number of the statement's placeholders as the server counts them, or None if it refuses the statement."""
    stream = session.stream
    stream.feed((yield stream.command(COM_STMT_PREPARE, statement)))
    answer = yield from stream.read()
    if answer[0] == ERR:
        return None
    reader = Reader(answer, "COM_STMT_PREPARE answer", 1)
    statement_id, columns, parameters = reader.uint(4), reader.uint(2), reader.uint(2)
    for _ in range(columns + parameters):  # without EOF packets: CLIENT_DEPRECATE_EOF
        yield from stream.read()
    yield Send(stream.command(COM_STMT_CLOSE, statement_id.to_bytes(4, "little")))
    return parameters
