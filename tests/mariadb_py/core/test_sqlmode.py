"""What is believed of the sql_mode that a server reports; what servers report is tested against them."""

from __future__ import annotations

import pytest

from mariadb_protocol import Session
from mariadb_protocol.constants import Status
from mariadb_py.core.sqlmode import SqlMode
from mariadb_py.exceptions import ProgrammingError
from tests.support.scripts import Peer, client, drive, err, ok, ready_session, server, text, tracked

BACKSLASH, ANSI = Status.NO_BACKSLASH_ESCAPES, Status.ANSI_QUOTES
ASKS = client(b"\x03SET sql_mode=@@sql_mode")


def mysql_session() -> Session:
    session = ready_session()
    assert session.greeting is not None
    session.greeting.mariadb = False
    return session


def learn(mode: SqlMode, answer: bytes) -> None:
    peer = Peer([ASKS, server(answer)])
    drive(mode.learn(), peer, 1)
    assert not peer.left


@pytest.mark.parametrize("status", [0, BACKSLASH, ANSI, BACKSLASH | ANSI])
def test_mariadb_tells_it_by_status_flags(status: int) -> None:
    session = ready_session()
    session.status = status | Status.AUTOCOMMIT
    session.variables["sql_mode"] = "ANSI_QUOTES"
    assert SqlMode(session).flags == status


@pytest.mark.parametrize("status", [0, BACKSLASH])
@pytest.mark.parametrize(
    ("tracked_as", "quotes"),
    [("", 0), ("STRICT_TRANS_TABLES", 0), ("ANSI_QUOTES", ANSI), ("PIPES_AS_CONCAT,ANSI_QUOTES,ANSI", ANSI)],
)
def test_mysql_tells_what_double_quotes_are_by_the_variable(status: int, tracked_as: str, quotes: int) -> None:
    session = mysql_session()
    session.status = status | ANSI  # a flag that is not MySQL's
    session.variables["sql_mode"] = tracked_as
    assert SqlMode(session).flags == status | quotes
    del session.variables["sql_mode"]
    assert SqlMode(session).flags is None


@pytest.mark.parametrize("session", [ready_session(), mysql_session()])
def test_what_is_reported_anew_is_uncertain(session: Session) -> None:
    mode = SqlMode(session)
    assert not mode.uncertain
    for status, variable in ((BACKSLASH, None), (ANSI, None), (0, "ANSI_QUOTES"), (0, "")):
        session.status = status | Status.AUTOCOMMIT
        if variable is not None:
            session.variables["sql_mode"] = variable
        assert mode.uncertain
        mode.trust()
        assert not mode.uncertain
    session.status |= Status.IN_TRANS
    assert not mode.uncertain
    mode.suspect = True
    assert mode.uncertain


def test_the_server_is_asked() -> None:
    session = mysql_session()
    mode = SqlMode(session)
    mode.suspect = True
    changes = tracked((0, text(b"sql_mode") + text(b"ANSI_QUOTES")), (2, text(b"1")))
    learn(mode, ok(status=BACKSLASH | Status.SESSION_STATE_CHANGED, tail=changes))
    assert (mode.flags, mode.uncertain) == (BACKSLASH | ANSI, False)
    assert not session.changed  # nothing has


def test_a_server_that_tracks_it_no_more() -> None:
    session = mysql_session()
    session.variables["sql_mode"] = "ANSI_QUOTES"
    mode = SqlMode(session)
    learn(mode, ok())
    assert (mode.flags, mode.uncertain) == (None, False)


def test_a_server_that_refuses_to_say() -> None:
    mode = SqlMode(mysql_session())
    mode.suspect = True
    with pytest.raises(ProgrammingError, match=r"^no$"):
        learn(mode, err(1064, b"no"))
    assert mode.uncertain
