"""What failures of connections say of the server, and of the way there."""

from __future__ import annotations

import pytest

from mariadb_protocol import RemoteProtocolError
from mariadb_py.core.pool.options import PoolOptions
from mariadb_py.core.pool.slot import Slot
from mariadb_py.core.pool.verdict import PAUSE, REFUSED_LOGINS, Cleaning, Pipeline, cleaning, is_refusal
from mariadb_py.exceptions import InterfaceError, LostConnectionError, OperationalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mariadb_py.exceptions import Error


def failure(kind: type[Error], cause: BaseException | None) -> Error:
    error = kind("it failed")
    error.__cause__ = cause
    return error


LATE = failure(LostConnectionError, TimeoutError())
GONE = failure(LostConnectionError, ConnectionResetError())
ODD = failure(OperationalError, RemoteProtocolError("what is this"))
REFUSED = failure(InterfaceError, None)


def test_refusals() -> None:
    assert all(is_refusal(OperationalError("no", number)) for number in REFUSED_LOGINS)
    assert not is_refusal(OperationalError("no", 1040))
    assert not is_refusal(OSError(1045))


@pytest.mark.parametrize(
    ("mode", "mariadb", "expected"),
    [("auto", True, True), ("auto", False, False), (True, False, True), (False, True, False)],
)
def test_what_is_asked_for(mode: bool | str, mariadb: bool, expected: bool) -> None:
    assert Pipeline().wanted(mode, mariadb, 0.0) is expected


def test_a_lost_connection_says_nothing_of_the_way() -> None:
    pipeline = Pipeline()
    assert [pipeline.failed(GONE, 0.0) for _ in range(3)] == ["dead"] * 3
    assert pipeline.wanted("auto", True, 0.0)


@pytest.mark.parametrize("error", [LATE, REFUSED], ids=["late", "refused"])
def test_two_in_a_row_make_a_pause(error: Error) -> None:
    pipeline = Pipeline()
    for _ in range(3):
        assert pipeline.failed(error, 10.0) == "reset"
        assert pipeline.wanted("auto", True, 10.0)
        pipeline.answered()
    pipeline.failed(error, 10.0)
    pipeline.failed(error, 20.0)
    assert not pipeline.wanted("auto", True, 20.0 + PAUSE - 0.1)
    assert pipeline.wanted("auto", True, 20.0 + PAUSE)
    assert pipeline.wanted(True, True, 20.0)
    pipeline.failed(error, 20.0 + PAUSE)  # one is enough then
    assert not pipeline.wanted("auto", True, 20.0 + PAUSE)


def test_an_odd_answer_ends_it() -> None:
    pipeline = Pipeline()
    assert pipeline.failed(ODD, 0.0) == "reset"
    assert not pipeline.wanted("auto", True, 1e9)
    pipeline.failed(LATE, 0.0)
    pipeline.answered()
    assert not pipeline.wanted("auto", True, 1e9)


class Returned:
    """What of a connection is looked at when it is returned."""

    def __init__(self, untouched: bool = False, uncommitted: bool = False, mariadb: bool = True) -> None:
        self.untouched, self.uncommitted = untouched, uncommitted
        self.statements = self.session = self
        self.mariadb = mariadb
        self.asked, self.guarded = True, None


@pytest.mark.parametrize(
    ("options", "state", "expected", "resets", "spared"),
    [
        ({}, {}, Cleaning.AT_ONCE, 1, 0),
        ({}, {"untouched": True}, Cleaning.AT_ONCE, 1, 0),
        ({}, {"mariadb": False}, Cleaning.WAITED, 1, 0),
        ({"pipeline_reset": False}, {}, Cleaning.WAITED, 1, 0),
        ({"pipeline_reset": True}, {"mariadb": False}, Cleaning.AT_ONCE, 1, 0),
        ({"pipeline_reset": True, "on_reset": print}, {}, Cleaning.WAITED, 1, 0),
        ({"pool_reset_session": "auto"}, {}, Cleaning.AT_ONCE, 1, 0),
        ({"pool_reset_session": "auto"}, {"untouched": True, "uncommitted": True}, Cleaning.NONE, 0, 1),
        ({"pool_reset_session": False}, {"untouched": True}, Cleaning.NONE, 0, 0),
        ({"pool_reset_session": False}, {"uncommitted": True}, Cleaning.ROLLBACK, 0, 0),
    ],
)
def test_cleaning(options: dict[str, Any], state: dict[str, Any], expected: str, resets: int, spared: int) -> None:
    slot, own, connection = Slot(), PoolOptions(options), Returned(**state)
    assert cleaning(slot, connection, own, Pipeline(), 0.0) == expected  # type: ignore[arg-type]
    assert (slot.resets, slot.spared) == (resets, spared)
    assert connection.guarded is ({"auto": True, True: False}[own.reset] if resets else None)
    assert connection.asked is not bool(spared)
