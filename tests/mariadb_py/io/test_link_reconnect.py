"""When a link replaces a connection that was lost, and when not; and whom it tells what the server reports."""

from __future__ import annotations

import contextlib

import pytest

from mariadb_protocol import State
from mariadb_protocol.constants import Capability, Status
from mariadb_protocol.handshake import WANTED
from mariadb_py.core import twophase
from mariadb_py.exceptions import (
    IntegrityError,
    LostConnectionError,
    OperationalError,
)
from mariadb_py.io.link import Link
from mariadb_py.io.wait import wait
from tests.support.links import TRACKING, answers, identity, in_turn, opened, options, refuses
from tests.support.listener import PATIENCE, listening, silent
from tests.support.pool import kill
from tests.support.scripts import err, greeting, ok

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_protocol.events import Command
    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.support.listener import Caller
    from tests.support.server import Connector

# Replacing a connection that was lost


@pytest.fixture
def administrator(connect: Connector) -> Connection:
    return connect(autocommit=True)


def statement(link: Link, sql: bytes) -> None:
    link.run(link.core.command(sql))


def revived(server: TempServer, **keywords: Any) -> contextlib.AbstractContextManager[Link]:
    return opened(**{**server.connect_args, "reconnect": True, "autocommit": True, **keywords})


def test_a_lost_connection_is_replaced(server: TempServer, administrator: Connection) -> None:
    with revived(server) as link:
        before = identity(link)
        statement(link, b"SELECT 1")
        statement(link, b"CREATE OR REPLACE TABLE test.revived (a INT)")
        statement(link, b"INSERT INTO test.revived VALUES (1)")
        kill(administrator, before)
        statement(link, b"SELECT 2")
        assert identity(link) != before
        assert link.core.session.schema == "test"


def test_without_reconnect_it_is_not(server: TempServer, administrator: Connection) -> None:
    with revived(server, reconnect=False) as link:
        kill(administrator, identity(link))
        for _ in range(2):
            with pytest.raises(LostConnectionError):
                link.run(link.core.ping())
        assert link.closed


def test_an_operation_that_was_begun_is_not_repeated(server: TempServer, administrator: Connection) -> None:
    """Nor is the connection replaced before the next one; then nothing has to be told any more."""
    with revived(server) as link:

        def operation() -> Command[None]:
            kill(administrator, identity(link))
            yield from link.core.ping()

        before = identity(link)
        with pytest.raises(LostConnectionError):
            link.run(operation())
        assert (link.closed, identity(link)) == (True, before)
        link.run(link.core.ping())
        assert identity(link) != before


VARIABLES = "variables, temporary tables or locks of the session"


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda core: core.command(b"BEGIN"), "a transaction"),
        (lambda core: twophase.begin(core, _xid()), "a transaction"),
        (lambda core: core.change_user(core.options.user, core.options.password, "test"), "another user"),
        (lambda core: core.command(b"SET @a = 1"), VARIABLES),
        (lambda core: core.command(b"SET time_zone = '+01:00'"), VARIABLES),
        (lambda core: core.command(b"CREATE TEMPORARY TABLE passing (a INT)"), VARIABLES),
        (lambda core: core.select_db("mysql"), VARIABLES),
        (lambda core: _untracked(core, "SELECT GET_LOCK('revive', 0)"), VARIABLES),
        (lambda core: _untracked(core, "SELECT @b := 1"), VARIABLES),
        (lambda core: _armed_late(core), VARIABLES),
    ],
)
def test_a_connection_is_not_replaced_where_something_would_be_missing(
    server: TempServer, administrator: Connection, prepare: Callable[[Any], Command[None]], reason: str
) -> None:
    """That is told once; what comes behind it has the new connection."""
    with revived(server) as link:
        link.run(prepare(link.core))
        before = identity(link)
        kill(administrator, before)
        with pytest.raises(LostConnectionError) as caught:
            link.run(link.core.ping())
        assert f"(not opened anew, as {reason} would be missing)" in str(caught.value)
        assert (caught.value.errno, link.closed) == (2013, True)
        link.run(link.core.ping())
        assert identity(link) != before
        assert link.core.would_lose() is None


def _xid() -> Any:
    from mariadb_py.core.tpc import Xid

    return Xid(0, "revive", "")


def _untracked(core: Any, sql: str) -> Command[None]:
    statement, encoded = core.statements.request(sql, None, False)
    assert encoded is None
    yield from core.command(statement)


def _armed_late(core: Any) -> Command[None]:
    yield from core.ping()  # something was done meanwhile
    yield from core.set_auto_reconnect(False)
    yield from core.set_auto_reconnect(True)


def test_a_session_that_the_server_does_not_track_is_not_replaced() -> None:
    old = greeting(capabilities=WANTED & ~Capability.SESSION_TRACK)

    def first(caller: Caller) -> None:
        caller.log_in(greeting=old, more=TRACKING)

    def second(caller: Caller) -> None:
        answers(caller, greeting=old, more=TRACKING)

    with listening(in_turn(first, second)) as server, opened(**server.connect_args, reconnect=True) as link:
        assert link._transport is not None
        assert wait(link._transport._sock, True, False, PATIENCE)[0]  # until the server has hung up
        with pytest.raises(LostConnectionError, match="as a session that the server does not track would be missing"):
            link.run(link.core.ping())
        link.run(link.core.ping())


def test_a_replacement_that_fails_is_tried_again_by_the_next_operation() -> None:
    def first(caller: Caller) -> None:
        caller.log_in(more=TRACKING)

    def last(caller: Caller) -> None:
        answers(caller, more=TRACKING)

    conversation = in_turn(first, refuses, lambda caller: None, last)
    with listening(conversation) as server, opened(**server.connect_args, reconnect=True) as link:
        assert link._transport is not None
        assert wait(link._transport._sock, True, False, PATIENCE)[0]
        for error in (r"^Access denied$", r"the server closed the connection"):
            with pytest.raises(OperationalError, match=error):
                link.run(link.core.ping())
            assert link.closed
        link.run(link.core.ping())
        assert server.callers == 4


def test_a_closed_link_is_not_revived() -> None:
    with listening(lambda caller: answers(caller, more=TRACKING)) as server:
        link = Link.open(options(**server.connect_args, reconnect=True))
        link.close()
        with pytest.raises(LostConnectionError, match=r"^Server has gone away$"):
            link.run(link.core.ping())
        assert server.callers == 1


def test_rows_that_wait_to_be_read_are_no_loss() -> None:
    """What arrives between commands is a sign of a loss only where nothing was to come."""
    with listening(lambda caller: answers(caller, more=TRACKING)) as server:
        with opened(**server.connect_args, reconnect=True) as link:
            link.core.session.state = State.MORE_RESULTS
            assert link._transport is not None
            link._transport._early += b"a row"
            link.run(_nothing())
            link._transport._early.clear()
            link.core.session.state = State.READY
        assert server.callers == 1


def _nothing() -> Command[None]:
    return
    yield b""


# Telling


def told(link: Link) -> list[tuple[str, object]]:
    """What the link's observer is told from now on, behind what it was told of the login."""
    seen: list[tuple[str, object]] = []
    link.run(link.core.ping())
    link.core.session.events = []
    link.observer = lambda name, value: seen.append((name, value))
    return seen


def test_the_observer_is_told_what_the_server_reports(server: TempServer) -> None:
    with opened(**server.connect_args, status_callback=print) as link:
        seen = told(link)
        statement(link, b"SELECT 1")
        assert seen == []
        link.run(link.core.select_db("mysql"))
        assert seen == [("server_status", Status.SESSION_STATE_CHANGED), ("schema", "mysql")]
        del seen[:]
        statement(link, b"SET autocommit = 1")
        assert seen == [("server_status", Status.SESSION_STATE_CHANGED | Status.AUTOCOMMIT), ("autocommit", "ON")]


def test_without_a_status_callback_nothing_is_collected(server: TempServer) -> None:
    with opened(**server.connect_args) as link:
        statement(link, b"SET autocommit = 1")
        assert link.core.session.events is None


def test_the_observer_can_use_the_connection(server: TempServer) -> None:
    with opened(**server.connect_args, status_callback=print) as link:
        schemas = []

        def observer(name: str, value: object) -> None:
            if name == "schema":
                schemas.append(value)
            if value == "mysql":
                link.run(link.core.select_db("test"))

        told(link)
        link.observer = observer
        link.run(link.core.select_db("mysql"))
        assert schemas == ["mysql", "test"]


class Oops(Exception):
    pass


def test_an_exception_of_the_observer_comes_out_and_does_no_harm(server: TempServer) -> None:
    with opened(**server.connect_args, status_callback=print) as link:
        told(link)

        def observer(name: str, value: object) -> None:
            raise Oops(name)

        link.observer = observer
        with pytest.raises(Oops, match=r"^server_status$"):
            link.run(link.core.select_db("mysql"))
        assert (link.settle(), link.core.session.schema) == (True, "mysql")
        link.observer = None
        link.run(link.core.ping())


def test_an_exception_of_the_observer_keeps_the_one_of_the_operation() -> None:
    def fails(caller: Caller) -> None:
        caller.log_in()
        caller.packet()
        caller.send(ok(status=1))
        caller.packet()
        caller.send(err(1062, b"Duplicate entry", b"23000"))
        silent(caller)

    def operation(link: Link) -> Command[None]:
        yield from link.core.ping()
        yield from link.core.command(b"INSERT")

    def observer(name: str, value: object) -> None:
        raise Oops(name)

    with listening(fails) as server, opened(**server.connect_args, status_callback=print) as link:
        link.observer = observer
        with pytest.raises(Oops) as caught:
            link.run(operation(link))
        assert isinstance(caught.value.__context__, IntegrityError)
        assert link.settle()
