"""Distributed transactions (XA): identifiers, states, and the statements of each step.

Source: PEP 249, "Optional Two-Phase Commit Extensions"; MariaDB documentation, page "XA Transactions".
"""

from __future__ import annotations

from ..exceptions import InterfaceError, ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PART = 64  # bytes of a global id, and of a branch qualifier


class TpcState:
    """States of a connection with regard to transactions of a transaction manager."""

    NONE = 0
    XID = 1  # begun
    PREPARE = 2  # prepared


class Xid(tuple):  # type: ignore[type-arg]
    """Identifier of a transaction: (format_id, global transaction id, branch qualifier)."""

    __slots__ = ()

    def __new__(cls, format_id: int, gtrid: str | bytes, bqual: str | bytes) -> Xid:
        if isinstance(format_id, bool) or not isinstance(format_id, int):
            raise TypeError(f"a format id is an int, not {type(format_id).__name__}")
        if not 0 <= format_id < 1 << 31:
            raise ProgrammingError(f"a format id is a number from 0 to {(1 << 31) - 1}, not {format_id}")
        for what, part in (("global transaction id", gtrid), ("branch qualifier", bqual)):
            size = len(_encode(part, what))
            if size > MAX_PART:
                raise ProgrammingError(f"a {what} has at most {MAX_PART} bytes, not {size}")
        return super().__new__(cls, (format_id, gtrid, bqual))

    @property
    def format_id(self) -> int:
        """Number of the id's format."""
        return self[0]  # type: ignore[no-any-return]

    @property
    def gtrid(self) -> str | bytes:
        """Global transaction id."""
        return self[1]  # type: ignore[no-any-return]

    @property
    def bqual(self) -> str | bytes:
        """Branch qualifier."""
        return self[2]  # type: ignore[no-any-return]

    @property
    def sql(self) -> bytes:
        """The identifier as an XA statement wants it; hexadecimal, so that nothing has to be escaped."""
        gtrid, bqual = (_encode(part, "identifier").hex().encode() for part in self[1:])
        return b"X'%s',X'%s',%d" % (gtrid, bqual, self[0])

    def __repr__(self) -> str:
        return f"Xid{tuple(self)!r}"

    def __getnewargs__(self) -> tuple[int, str | bytes, str | bytes]:
        return tuple(self)


def _encode(part: str | bytes, what: str) -> bytes:
    if isinstance(part, bytes):
        return part
    if not isinstance(part, str):
        raise TypeError(f"a {what} is str or bytes, not {type(part).__name__}")
    return part.encode("utf-8", "surrogatepass")


def recovered(format_id: int, gtrid_length: int, bqual_length: int, data: str | bytes) -> Xid:
    """The identifier that a row of XA RECOVER describes; parts that are not UTF-8 stay bytes."""
    raw = _encode(data, "identifier")
    parts = raw[:gtrid_length], raw[gtrid_length : gtrid_length + bqual_length]
    return Xid(format_id, *(_decode(part) for part in parts))


def unconverted(data: str) -> bytes:
    """The bytes that XA RECOVER CONVERT XID shows as hexadecimal digits behind 0x."""
    try:
        return bytes.fromhex(data[2:])
    except ValueError:
        raise InterfaceError(f"the server describes a transaction by {data!r}") from None


def _decode(part: bytes) -> str | bytes:
    try:
        return part.decode()
    except UnicodeDecodeError:
        return part


class Transaction:
    """The transaction that a connection takes part in.

    Attributes:
        state: one of `TpcState`.
        xid: its identifier, None without one.
    """

    __slots__ = ("_ended", "state", "xid")

    def __init__(self) -> None:
        self.state = TpcState.NONE
        self.xid: Xid | None = None
        self._ended = False  # by XA END; the statement behind it may have failed

    def begin(self, xid: Xid) -> bytes:
        """The statement that begins it."""
        if self.state != TpcState.NONE:
            raise ProgrammingError(f"a transaction is in progress: {self.xid!r}")
        return b"XA BEGIN " + xid.sql

    def begun(self, xid: Xid) -> None:
        """The server has begun it."""
        self.state, self.xid, self._ended = TpcState.XID, xid, False

    def prepare(self) -> Iterator[bytes]:
        """The statements of the first phase."""
        if self.state != TpcState.XID or self.xid is None:
            raise ProgrammingError("Transaction not started" if self.xid is None else "Transaction is prepared already")
        yield from self._end(self.xid)
        yield b"XA PREPARE " + self.xid.sql
        self.state = TpcState.PREPARE

    def finish(self, commit: bool, xid: Xid | None) -> Iterator[bytes]:
        """The statements that commit, or roll back: the own transaction, or (with `xid`) one that was recovered."""
        verb = b"XA COMMIT " if commit else b"XA ROLLBACK "
        if xid is not None and xid != self.xid:
            if self.state != TpcState.NONE:
                raise ProgrammingError(f"{self.xid!r} is in progress; {xid!r} cannot be finished meanwhile")
            yield verb + xid.sql
            return
        if self.xid is None:
            raise ProgrammingError("Transaction not started")
        one_phase = self.state == TpcState.XID
        if one_phase:
            yield from self._end(self.xid)
        yield verb + self.xid.sql + (b" ONE PHASE" if commit and one_phase else b"")
        self.state, self.xid = TpcState.NONE, None

    def _end(self, xid: Xid) -> Iterator[bytes]:
        if not self._ended:
            yield b"XA END " + xid.sql
            self._ended = True
