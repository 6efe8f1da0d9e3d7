"""One connection's protocol state: what was negotiated, what the server last said, and which command may come next.

The state table below is read by the code, by tests and by people:

    NEW --login--> READY --query--> READY | STREAMING | MORE_RESULTS
                     STREAMING --read_rows--> STREAMING | MORE_RESULTS | READY
                     MORE_RESULTS --next_result--> STREAMING | MORE_RESULTS | READY
    execute, prepare_and_execute: as query; query --> LOCAL_DATA --send_local_data--> as query
    READY --send_bulk--> BULK_SENT --read_bulk--> READY | MORE_RESULTS
    READY --send_batch--> BATCH_SENT --read_batch--> READY
    any command while it runs: BUSY; ended by anything but `return`: BROKEN, for good
    behind a refused login, and quit: CLOSED

Knows no socket and no DB-API.
"""

from __future__ import annotations

from functools import wraps

from .constants import Limits, SessionTrack, Status
from .errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from .framing import PacketStream
from .messages import Greeting, OkPacket
from .rows import ResultMetadata
from .security import Channel, Security
from .session_track import decode_track

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from typing_extensions import Concatenate, ParamSpec

    from .commands.statement import Prepared
    from .events import Command
    from .messages import ColumnDefinition

    P = ParamSpec("P")
    T = TypeVar("T")


class State:
    """States of a session."""

    NEW = "new"
    READY = "ready"
    BUSY = "busy"
    STREAMING = "streaming"
    MORE_RESULTS = "more results"
    LOCAL_DATA = "waiting for a local file"
    BULK_SENT = "waiting for the answer to a bulk execution"
    BATCH_SENT = "waiting for the answers to several commands"
    BROKEN = "broken"
    CLOSED = "closed"


_AFTER_RESULT = frozenset({State.READY, State.STREAMING, State.MORE_RESULTS})
_AFTER_STATEMENT = _AFTER_RESULT | {State.LOCAL_DATA}
_READY = frozenset({State.READY})
_AFTER_LOGIN = frozenset({State.READY, State.CLOSED})

# command -> (states in which it may begin, states in which it may leave the session)
TRANSITIONS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "login": (frozenset({State.NEW}), _AFTER_LOGIN),
    "query": (_READY, _AFTER_STATEMENT),
    "prepare": (_READY, _READY),
    "execute": (_READY, _AFTER_STATEMENT),
    "prepare_and_execute": (_READY, _AFTER_STATEMENT),
    "fetch": (_READY, _READY),
    "send_long_data": (_READY, _READY),
    "reset_statement": (_READY, _READY),
    "send_bulk": (_READY, frozenset({State.BULK_SENT})),
    "read_bulk": (frozenset({State.BULK_SENT}), frozenset({State.READY, State.MORE_RESULTS})),
    "send_batch": (_READY, frozenset({State.BATCH_SENT})),
    "read_batch": (frozenset({State.BATCH_SENT}), _READY),
    "read_rows": (frozenset({State.STREAMING}), _AFTER_RESULT),
    "next_result": (frozenset({State.MORE_RESULTS}), _AFTER_STATEMENT),
    "send_local_data": (frozenset({State.LOCAL_DATA}), _AFTER_RESULT),
    "ping": (_READY, _READY),
    "debug": (_READY, _READY),
    "init_db": (_READY, _READY),
    "reset_connection": (_READY, _READY),
    "change_user": (_READY, _AFTER_LOGIN),
    "quit": (_AFTER_RESULT | {State.BATCH_SENT}, frozenset({State.CLOSED})),
}

SHORT_VALUE = 128  # characters of a variable; of such it takes thousands to fill their limit
EVENTS_KEPT = 1000  # of one command; more are passed over
SHAPES_KEPT = 64  # result-set layouts remembered per session
SHAPE_SIZE_KEPT = 16384  # bytes of column definitions above which a layout is not remembered


class Session:
    """State of one connection, between and during commands.

    Args:
        limits: bounds on what the server may send.
        metadata: makes the object that describes a result set from its column definitions, and so chooses how
            values are decoded.
        security: what the user demands and permits; None: no TLS, and the plugins that need no opt-in.
        local: the connection is a unix socket.

    Attributes:
        state: one of `State`.
        stream: the packets of this connection.
        greeting: the server's greeting, None before the login.
        capabilities: flags that both sides have.
        status: status flags of the last OK or EOF packet.
        warnings: warnings that the last statement left.
        warned: a statement has left some; set it back at will.
        schema: current default database as the server tracks it, None if there is none or it is not known.
        variables: system variables that the server reported by session tracking.
        changed: the server reported a change of its session's state (session_track_state_change); set it back at will.
        transaction: state of the transaction as the server tracks it (session_track_transaction_info), or "".
        events: what the server reports, as (name, value), for somebody to take; None: not wanted.
        prepared: no statement that the server has prepared has a higher id; 0: none was prepared in this session.
        refusals: for each authentication plugin that the server asked for and did not get, the plugin and why.
        security: what the user demands and permits.
        channel: how the bytes travel.
        plugin: authentication plugin that answered last; "" if the server wanted no answer.
        unanswered: sequence ids of the answers that `read_batch` has to read.
        stop: raised once in the place of the next command; None: it may begin.
        cause: what broke the session, None while it is whole.
    """

    __slots__ = (
        *(
            "after",
            "binary",
            "capabilities",
            "cause",
            "changed",
            "events",
            "executed",
            "channel",
            "greeting",
            "transaction",
            "last_end",
            "last_end_ok",
            "limits",
            "prepared",
        ),
        *("metadata", "row_metadata", "schema", "shape", "shapes", "state", "status", "stream"),
        *("plugin", "refusals", "security", "stop", "unanswered", "variables", "warned", "warnings"),
    )

    def __init__(
        self,
        limits: Limits | None = None,
        metadata: Callable[[tuple[ColumnDefinition, ...], Limits], ResultMetadata] = ResultMetadata,
        security: Security | None = None,
        local: bool = False,
    ) -> None:
        self.limits = limits or Limits()
        self.metadata = metadata
        self.stream = PacketStream(self.limits.packet_size)
        self.state = State.NEW
        self.after = State.NEW
        self.greeting: Greeting | None = None
        self.capabilities = 0
        self.status = 0
        self.warnings = 0
        self.warned = False
        self.schema: str | None = None
        self.variables: dict[str, str] = {}
        self.changed = False
        self.transaction = ""
        self.events: list[tuple[str, object]] | None = None
        self.refusals: list[str] = []
        self.plugin = ""
        self.stop: BaseException | None = None
        self.unanswered: list[tuple[int, int]] = []
        self.security = security or Security()
        self.channel = Channel(local)
        self.cause: str | None = None
        self.binary = False  # rows come in the binary protocol
        self.prepared = 0
        self.executed: Prepared | None = None  # the statement whose first result comes next
        # The result set whose rows come next, and the layouts seen so far, by the bytes that describe them.
        self.row_metadata: ResultMetadata | None = None
        # The payload that ended the last rows, and what it says.
        self.last_end: bytes | None = None  # not b"": an empty packet is no end
        self.last_end_ok = OkPacket()
        self.shape: Shape | None = None
        self.shapes: dict[bytes, Shape] = {}

    @property
    def broken(self) -> bool:
        """No further command is possible."""
        return self.state in (State.BROKEN, State.CLOSED)

    @property
    def mariadb(self) -> bool:
        """The server is a MariaDB; so is one that has not greeted yet."""
        return self.greeting is None or self.greeting.mariadb

    def negotiated(self, capability: int) -> bool:
        """Both sides have this capability."""
        return bool(self.capabilities & capability)

    def note(self, ok: OkPacket) -> None:
        """Take over what an OK or EOF packet says about the session."""
        if self.events is not None and self.status != ok.status:
            self._report("server_status", ok.status)
        self.status = ok.status
        self.warnings = ok.warnings
        if ok.warnings:
            self.warned = True
        if ok.track:
            self._note_track(ok.track)

    def _note_track(self, block: bytes) -> None:
        limit = self.limits.session_track_size
        if len(block) > limit:
            raise LimitExceeded("session_track_size", limit, len(block))
        for kind, name, value in decode_track(block):
            if kind == SessionTrack.SYSTEM_VARIABLES:
                self._set_variable(name, value)
                self._report(name, value)
            elif kind == SessionTrack.SCHEMA:
                self.schema = value or None
                self._report("schema", value)
            elif kind == SessionTrack.STATE_CHANGE:
                self.changed = self.changed or value == "1"
                self._report("state_change", value)
            elif kind == SessionTrack.TRANSACTION_STATE:
                self.transaction = value

    def _set_variable(self, name: str, value: str) -> None:
        variables, limits = self.variables, self.limits
        variables[name] = value
        if len(variables) > limits.session_variables:
            raise LimitExceeded("session_variables", limits.session_variables, len(variables))
        if len(value) > SHORT_VALUE:
            size = sum(len(name) + len(value) for name, value in variables.items())
            if size > limits.session_variables_size:
                raise LimitExceeded("session_variables_size", limits.session_variables_size, size)

    def _report(self, name: str, value: object) -> None:
        if self.events is not None and len(self.events) < EVENTS_KEPT:
            self.events.append((name, value))

    def fail(self, error: BaseException) -> None:
        """The exchange did not come to its end: nothing that may still arrive can be attributed."""
        self.state = State.BROKEN
        # Not the exception: its traceback would keep alive whoever ran the command.
        self.cause = str(error) or type(error).__name__

    def refusal(self, command: str) -> LocalProtocolError:
        """The error for a command that the present state does not allow."""
        reason = f": {self.cause}" if self.cause is not None else ""
        return LocalProtocolError(f"{command} is not possible, the session is {self.state}{reason}")


class Shape:
    """Layout of a result set, remembered with the bytes that described it; `border` is the EOF behind them."""

    __slots__ = ("block", "border", "first_sequence", "last_sequence", "metadata")

    def __init__(
        self, block: bytes, first_sequence: int, last_sequence: int, metadata: ResultMetadata, border: OkPacket | None
    ) -> None:
        self.border = border
        self.block = block
        self.first_sequence = first_sequence
        self.last_sequence = last_sequence
        self.metadata = metadata


def command(
    name: str,
) -> Callable[
    [Callable[Concatenate[Session, P], Command[T]]],
    Callable[Concatenate[Session, P], Command[T]],
]:
    """Make a generator function a command: it begins and ends as `TRANSITIONS[name]` says, or breaks the session."""
    allowed, reachable = TRANSITIONS[name]

    def decorate(body: Callable[Concatenate[Session, P], Command[T]]) -> Callable[Concatenate[Session, P], Command[T]]:
        @wraps(body)
        def run(session: Session, *args: P.args, **keywords: P.kwargs) -> Command[T]:
            if session.state not in allowed:
                raise session.refusal(name)
            if session.stop is not None:
                stop, session.stop = session.stop, None
                raise stop
            try:
                session.state = State.BUSY
                session.after = State.READY
                answer = yield from body(session, *args, **keywords)
                if session.after not in reachable:
                    raise RemoteProtocolError(f"behind {name} the session would be {session.after}")
                session.state = session.after
            except BaseException as error:
                session.fail(error)
                raise
            return answer

        return run  # type: ignore[return-value]  # positional parameter names are not kept by wraps()

    return decorate


def after_result(session: Session) -> None:
    """Decide the state behind a result that has been read: another result, or the next command."""
    session.after = State.MORE_RESULTS if session.status & Status.MORE_RESULTS_EXISTS else State.READY
