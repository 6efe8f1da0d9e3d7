"""The exception tree, and the class of each error number."""

from __future__ import annotations

import copy
import pickle

import pytest

import mariadb_py
from mariadb_py import exceptions as module
from mariadb_py.exceptions import (
    CommitOutcomeUnknown,
    DatabaseError,
    DataError,
    DuplicatePoolError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    LostConnectionError,
    NotSupportedError,
    OperationalError,
    PoolClosed,
    PoolError,
    PoolQueueFull,
    PoolTimeout,
    ProgrammingError,
    QueryTimeout,
    SecurityWarning,
    UntrustedCertificateError,
    error_class,
    from_server,
)

BASES: dict[type[Exception], tuple[type[Exception], ...]] = {
    module.Warning: (Exception,),
    Error: (Exception,),
    InterfaceError: (Error,),
    DatabaseError: (Error,),
    DataError: (DatabaseError,),
    OperationalError: (DatabaseError,),
    IntegrityError: (DatabaseError,),
    InternalError: (DatabaseError,),
    ProgrammingError: (DatabaseError,),
    NotSupportedError: (DatabaseError,),
    PoolError: (Error,),
    DuplicatePoolError: (ProgrammingError, PoolError),
    PoolClosed: (PoolError,),
    PoolQueueFull: (PoolError,),
    PoolTimeout: (PoolError,),
    LostConnectionError: (OperationalError, InterfaceError),
    CommitOutcomeUnknown: (LostConnectionError,),
    UntrustedCertificateError: (OperationalError,),
    QueryTimeout: (OperationalError,),
    SecurityWarning: (UserWarning,),
}
ERRORS = [kind for kind in BASES if issubclass(kind, Error)]
OWN = [
    *(PoolError, DuplicatePoolError, LostConnectionError, CommitOutcomeUnknown, UntrustedCertificateError),
    *(PoolClosed, PoolQueueFull, PoolTimeout, QueryTimeout, SecurityWarning),
]
PEP_249 = [kind for kind in BASES if kind not in OWN]


def test_the_tree_is_that_of_pep_249() -> None:
    defined = {kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert defined == set(BASES)
    assert {kind: kind.__bases__ for kind in BASES} == BASES


@pytest.mark.parametrize("kind", PEP_249)
def test_the_module_and_connections_have_them(kind: type[Exception]) -> None:
    assert getattr(mariadb_py, kind.__name__) is kind
    assert getattr(mariadb_py.Connection, kind.__name__) is kind


@pytest.mark.parametrize("kind", OWN)
def test_the_module_has_those_that_are_its_own(kind: type[Exception]) -> None:
    assert getattr(mariadb_py, kind.__name__) is kind


def test_whether_a_statement_may_have_reached_the_server() -> None:
    assert (LostConnectionError.written, CommitOutcomeUnknown.written) == (True, True)
    error = LostConnectionError("lost", 2013)
    error.written = False
    assert pickle.loads(pickle.dumps(error)).written is False


@pytest.mark.parametrize("kind", ERRORS)
def test_attributes(kind: type[Error]) -> None:
    error = kind("the message", 1234, "42S02")
    assert str(error) == error.msg == error.errmsg == "the message"
    assert (error.errno, error.sqlstate, error.args) == (1234, "42S02", ("the message",))
    assert repr(error) == f"{kind.__name__}('the message', errno=1234, sqlstate='42S02')"


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_of_the_client_has_a_number_too(kind: type[Error]) -> None:
    error = kind("the message")
    assert (error.errno, error.sqlstate) == (2000, "HY000")
    assert (str(kind()), kind().msg) == ("", "")


@pytest.mark.parametrize("kind", ERRORS)
def test_copies(kind: type[Error]) -> None:
    error = kind("the message", 1234, "42S02")
    error.note = "kept"  # type: ignore[attr-defined]
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(copied) is kind
        assert copied.__dict__ == error.__dict__
        assert str(copied) == "the message"


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (InterfaceError, (0, 2004, 2012, 2014)),
        (LostConnectionError, (2006, 2013)),
        (QueryTimeout, (1969, 3024)),
        (DataError, (1171, 1230, 1264, 1265, 1365, 1406, 1441)),
        (
            ProgrammingError,
            (1007, 1049, 1054, 1064, 1065, 1082, 1102, 1103, 1110, 1111, 1112, 1113, 1146, 1149, 1179, 1449, 1741),
        ),
        (IntegrityError, (1048, 1062, 1169, 1215, 1216, 1217, 1364, 1400, 1401, 1451, 1452, 1690, 1826, 4025)),
        (OperationalError, (1000, 1044, 1045, 1050, 1153, 1205, 1213, 1305, 1644, 1927, 2002, 2005, 2026, 9999)),
        (InternalError, (1, 126, 999)),
    ],
)
def test_error_numbers(kind: type[Error], numbers: tuple[int, ...]) -> None:
    assert {number: error_class(number) for number in numbers} == dict.fromkeys(numbers, kind)


def test_from_server() -> None:
    error = from_server(1146, "42S02", "Table 'a.b' doesn't exist")
    assert type(error) is ProgrammingError
    assert (error.errno, error.sqlstate, error.msg) == (1146, "42S02", "Table 'a.b' doesn't exist")
    assert from_server(1040, "", "Too many connections").sqlstate == "HY000"
