"""Identifiers, states and statements of transactions of a transaction manager."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_py.core.tpc import MAX_PART, TpcState, Transaction, Xid, recovered, unconverted
from mariadb_py.exceptions import InterfaceError, ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

OWN = Xid(1, "own", "b")
OWN_SQL = b"X'6f776e',X'62',1"
OTHER = Xid(0, "other", "")
OTHER_SQL = b"X'6f74686572',X'',0"


# Identifiers


def test_an_identifier_is_a_tuple() -> None:
    xid = Xid(7, "gtrid", b"\xff'")
    assert (xid.format_id, xid.gtrid, xid.bqual) == tuple(xid) == (7, "gtrid", b"\xff'")
    assert xid == (7, "gtrid", b"\xff'")
    assert repr(xid) == "Xid(7, 'gtrid', b\"\\xff'\")"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda xid: pickle.loads(pickle.dumps(xid))])
def test_a_copy_is_an_identifier(copied: Callable[[Xid], Xid]) -> None:
    assert copied(OWN) == OWN
    assert copied(OWN).sql == OWN_SQL


@pytest.mark.parametrize(
    ("arguments", "sql"),
    [
        ((0, "", ""), b"X'',X'',0"),
        ((2**31 - 1, "a'b\\", "\0"), b"X'6127625c',X'00',2147483647"),
        ((1, "ü", b"\xff"), b"X'c3bc',X'ff',1"),
        ((1, "\ud800", ""), b"X'eda080',X'',1"),
        ((1, "ü" * 32, b"x" * 64), b"X'" + b"c3bc" * 32 + b"',X'" + b"78" * 64 + b"',1"),
    ],
)
def test_sql(arguments: tuple[Any, ...], sql: bytes) -> None:
    assert Xid(*arguments).sql == sql


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("1", "g", "b"), TypeError, "a format id is an int, not str"),
        ((True, "g", "b"), TypeError, "a format id is an int, not bool"),
        ((1.0, "g", "b"), TypeError, "a format id is an int, not float"),
        ((-1, "g", "b"), ProgrammingError, "a format id is a number from 0 to 2147483647, not -1"),
        ((2**31, "g", "b"), ProgrammingError, "a format id is a number from 0 to 2147483647, not 2147483648"),
        ((1, None, "b"), TypeError, "a global transaction id is str or bytes, not NoneType"),
        ((1, "g", 2), TypeError, "a branch qualifier is str or bytes, not int"),
        ((1, "ü" * 33, ""), ProgrammingError, "a global transaction id has at most 64 bytes, not 66"),
        ((1, "", b"x" * 65), ProgrammingError, "a branch qualifier has at most 64 bytes, not 65"),
    ],
)
def test_what_is_no_identifier(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        Xid(*arguments)
    assert str(caught.value) == message


PARTS = (st.text() | st.binary()).filter(lambda part: len(part.encode() if isinstance(part, str) else part) <= MAX_PART)


@given(st.integers(0, 2**31 - 1), PARTS, PARTS)
def test_what_is_recovered_names_the_same_transaction(format_id: int, gtrid: str | bytes, bqual: str | bytes) -> None:
    xid = Xid(format_id, gtrid, bqual)
    raw = [part.encode() if isinstance(part, str) else part for part in (gtrid, bqual)]
    found = recovered(format_id, *map(len, raw), b"".join(raw))  # type: ignore[arg-type]
    assert found.sql == xid.sql
    assert all(type(part) is str or not _is_utf8(part) for part in (found.gtrid, found.bqual))


def _is_utf8(part: str | bytes) -> bool:
    try:
        return isinstance(part, str) or part.decode() is not None
    except UnicodeDecodeError:
        return False


def test_lengths_of_a_recovered_identifier_count_bytes() -> None:
    assert recovered(1, 2, 1, "üb") == Xid(1, "ü", "b")


@pytest.mark.parametrize(("shown", "data"), [("0x", b""), ("0x6120FF00", b"a \xff\0")])
def test_hexadecimal_digits_of_a_recovered_identifier(shown: str, data: bytes) -> None:
    assert unconverted(shown) == data


@pytest.mark.parametrize("shown", ["0xg0", "0x1", "0x\u0661\u0661"])
def test_what_are_no_hexadecimal_digits(shown: str) -> None:
    with pytest.raises(InterfaceError, match=r"^the server describes a transaction by '0x.*'$"):
        unconverted(shown)


# Transactions


def begun() -> Transaction:
    transaction = Transaction()
    assert transaction.begin(OWN) == b"XA BEGIN " + OWN_SQL
    assert transaction.state == TpcState.NONE  # until the server says so
    transaction.begun(OWN)
    return transaction


def prepared() -> Transaction:
    transaction = begun()
    assert list(transaction.prepare()) == [b"XA END " + OWN_SQL, b"XA PREPARE " + OWN_SQL]
    return transaction


def state(transaction: Transaction) -> tuple[int, Xid | None]:
    return transaction.state, transaction.xid


def test_states() -> None:
    assert state(Transaction()) == (TpcState.NONE, None)
    assert state(begun()) == (TpcState.XID, OWN)
    assert state(prepared()) == (TpcState.PREPARE, OWN)


@pytest.mark.parametrize("xid", [None, OWN])
@pytest.mark.parametrize(
    ("make", "commit", "statements"),
    [
        (begun, True, [b"XA END " + OWN_SQL, b"XA COMMIT " + OWN_SQL + b" ONE PHASE"]),
        (begun, False, [b"XA END " + OWN_SQL, b"XA ROLLBACK " + OWN_SQL]),
        (prepared, True, [b"XA COMMIT " + OWN_SQL]),
        (prepared, False, [b"XA ROLLBACK " + OWN_SQL]),
    ],
)
def test_the_own_transaction_is_finished(
    make: Callable[[], Transaction], commit: bool, statements: list[bytes], xid: Xid | None
) -> None:
    transaction = make()
    assert list(transaction.finish(commit, xid)) == statements
    assert state(transaction) == (TpcState.NONE, None)
    assert transaction.begin(OTHER) == b"XA BEGIN " + OTHER_SQL


@pytest.mark.parametrize(("commit", "verb"), [(True, b"XA COMMIT "), (False, b"XA ROLLBACK ")])
def test_a_recovered_transaction_is_finished(commit: bool, verb: bytes) -> None:
    transaction = Transaction()
    assert list(transaction.finish(commit, OTHER)) == [verb + OTHER_SQL]
    assert state(transaction) == (TpcState.NONE, None)


@pytest.mark.parametrize(
    ("make", "step", "message"),
    [
        (begun, lambda it: it.begin(OTHER), "a transaction is in progress: Xid(1, 'own', 'b')"),
        (prepared, lambda it: it.begin(OWN), "a transaction is in progress: Xid(1, 'own', 'b')"),
        (Transaction, lambda it: it.prepare(), "Transaction not started"),
        (prepared, lambda it: it.prepare(), "Transaction is prepared already"),
        (Transaction, lambda it: it.finish(True, None), "Transaction not started"),
        (
            *(begun, lambda it: it.finish(True, OTHER)),
            "Xid(1, 'own', 'b') is in progress; Xid(0, 'other', '') cannot be finished meanwhile",
        ),
    ],
)
def test_steps_that_are_not_possible(
    make: Callable[[], Transaction], step: Callable[[Transaction], Iterable[Any]], message: str
) -> None:
    transaction = make()
    before = state(transaction)
    with pytest.raises(ProgrammingError) as caught:
        list(step(transaction))
    assert str(caught.value) == message
    assert state(transaction) == before


@pytest.mark.parametrize("step", [lambda it: it.prepare(), lambda it: it.finish(True, None)])
@pytest.mark.parametrize(
    ("done", "statements"), [(0, [b"XA END " + OWN_SQL, b"XA ROLLBACK " + OWN_SQL]), (1, [b"XA ROLLBACK " + OWN_SQL])]
)
def test_a_transaction_whose_end_failed_can_be_rolled_back(
    step: Callable[[Transaction], Iterable[bytes]], done: int, statements: list[bytes]
) -> None:
    """The server takes XA END once; from then on it waits for the rollback."""
    transaction = begun()
    begin = iter(step(transaction))
    for _ in range(done + 1):
        next(begin)  # and not resumed behind the last one, which failed
    assert state(transaction) == (TpcState.XID, OWN)
    assert list(transaction.finish(False, None)) == statements
    assert state(transaction) == (TpcState.NONE, None)
    transaction.begun(OTHER)
    assert next(iter(transaction.prepare())) == b"XA END " + OTHER_SQL
