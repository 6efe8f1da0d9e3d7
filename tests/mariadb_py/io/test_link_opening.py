"""How a link finds its server, and gives up a connection for another one."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from mariadb_protocol import State
from mariadb_py.exceptions import (
    CR_CONNECTION_ERROR,
    LostConnectionError,
    OperationalError,
    ProgrammingError,
)
from mariadb_py.io import dial, linkstate
from mariadb_py.io import link as module
from mariadb_py.io.link import Link
from tests.support.links import answers, hosts, identity, in_turn, opened, options, refuses
from tests.support.listener import PATIENCE, full_queue, listening, silent
from tests.support.pool import kill
from tests.support.scripts import err, greeting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_protocol.events import Command
    from mariadb_py.core.endpoint import Endpoint
    from mariadb_py.testing import TempServer
    from tests.support.listener import Caller
    from tests.support.server import Connector

SHORT = 0.2  # seconds


# Opening


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_open(server: TempServer, kind: str) -> None:
    arguments = server.connect_args
    if kind == "unix":
        del arguments["host"], arguments["port"]
        arguments["unix_socket"] = server.unix_socket
    with opened(**arguments) as link:
        assert (link.closed, link.settle(), link.core.session.state) == (False, True, State.READY)
        assert (link.endpoint.host, link.endpoint.path) == (arguments.get("host"), arguments.get("unix_socket"))
        link.run(link.core.ping())
    assert link.closed


def test_a_link_that_was_never_connected_runs_nothing() -> None:
    link = Link(options(host="db"))
    assert (link.closed, link.settle(), link.silent(), str(link.endpoint)) == (True, False, False, "db:3306")
    with pytest.raises(ProgrammingError, match=r"^ping is not possible, the session is new$"):
        link.run(link.core.ping())
    link.close()


def test_open_bounds_the_connection_and_closes_the_socket() -> None:
    with full_queue() as arguments, pytest.raises(OperationalError, match="connect_timeout passed"):
        Link.open(options(**{**arguments, "connect_timeout": SHORT}))


@pytest.mark.parametrize("timeout", [SHORT, 1e300, 10**400])
def test_open_bounds_the_greeting(timeout: float) -> None:
    """The longest times that Python has are as good as any; here the server hangs up."""
    conversation = silent if timeout == SHORT else lambda caller: None
    with listening(conversation) as server, pytest.raises(LostConnectionError):
        Link.open(options(**{**server.connect_args, "connect_timeout": timeout}))


def test_a_login_that_is_refused_closes_the_socket() -> None:
    with listening(refuses) as server:
        link = Link(options(**server.connect_args))
        with pytest.raises(OperationalError, match=r"^Access denied$"):
            link.connect()
        assert link.closed
        with pytest.raises(LostConnectionError, match=r"^Server has gone away \(Access denied\)$"):
            link.run(link.core.ping())


# Several endpoints


def test_the_first_endpoint_that_answers_is_taken() -> None:
    with listening(answers) as first, listening(answers) as second, opened(host=hosts(first, second)) as link:
        assert str(link.endpoint) == hosts(first)
        assert (first.callers, second.callers) == (1, 0)


@pytest.mark.parametrize("how", ["refused", "unknown name", "hangs up", "hangs up during login", "silent"])
def test_an_endpoint_that_is_not_to_be_had_is_passed_over(how: str) -> None:
    conversation: dict[str, Callable[[Caller], None]] = {
        "hangs up": lambda caller: None,
        "hangs up during login": lambda caller: caller.send(greeting(), sequence=0),
        "silent": silent,
    }
    with contextlib.ExitStack() as stack:
        second = stack.enter_context(listening(answers))
        if how == "refused":
            bound = stack.enter_context(socket.socket())
            bound.bind(("127.0.0.1", 0))
            first = f"127.0.0.1:{bound.getsockname()[1]}"
        elif how == "unknown name":
            first = "x" * 300
        else:
            first = hosts(stack.enter_context(listening(conversation[how])))
        link = stack.enter_context(opened(host=f"{first},{hosts(second)}", connect_timeout=2.0))
        assert str(link.endpoint) == hosts(second)
        link.run(link.core.ping())


@pytest.mark.parametrize(
    ("packet", "errno"),
    [(err(1045, b"Access denied", b"28000"), 1045), (err(1040, b"Too many connections", None), 1040), (b"\x09", 2027)],
)
def test_an_answer_is_final(packet: bytes, errno: int) -> None:
    """A server that refuses us is there; what another one would say is no answer to that."""
    with listening(lambda caller: caller.send(packet, sequence=0)) as first, listening(answers) as second:
        with pytest.raises(OperationalError) as caught:
            Link.open(options(host=hosts(first, second)))
        assert (caught.value.errno, second.callers) == (errno, 0)


def test_if_none_is_to_be_had_the_last_reason_is_given() -> None:
    with listening(lambda caller: None) as first, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        last = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(OperationalError, match=f"^Can't connect to server on '{last}' ") as caught:
            Link.open(options(host=f"{hosts(first)},{last}"))
        assert (caught.value.errno, first.callers) == (2002, 1)


@pytest.mark.parametrize(
    ("timeout", "expected"), [(6, [("a", 102), ("b", 103), ("c", 106)]), (0, [("a", None), ("b", None), ("c", None)])]
)
def test_each_endpoint_has_its_share_of_the_time(
    monkeypatch: pytest.MonkeyPatch, timeout: float, expected: list[tuple[str, float | None]]
) -> None:
    """Of 6 seconds a third, half of the rest, and the rest: here none of them needs any."""
    asked = []

    def refuse(endpoint: Endpoint, deadline: float | None) -> socket.socket:
        asked.append((endpoint.host, deadline))
        raise OperationalError("refused", errno=CR_CONNECTION_ERROR)

    for clock in (dial, linkstate):
        monkeypatch.setattr(clock, "monotonic", lambda: 100.0)
    monkeypatch.setattr(module, "dial", refuse)
    with pytest.raises(OperationalError, match=r"^refused$"):
        Link.open(options(host="a,b,c", connect_timeout=timeout))
    assert asked == expected


# Renewing


def test_renew(server: TempServer, connect: Connector) -> None:
    with opened(**server.connect_args) as link:
        before = identity(link)
        link.run(link.core.change_user(server.user, server.password, None))
        link.renew()
        assert identity(link) != before
        assert (link.settle(), link.core.user_changed, link.core.session.schema) == (True, False, "test")
        kill(connect(), identity(link))
        link.renew()
        link.run(link.core.ping())


def test_renew_says_goodbye_and_forgets_what_was_on_the_way() -> None:
    heard = []

    def farewell(caller: Caller) -> None:
        caller.log_in()
        caller.send(b"early", sequence=7)
        heard.append(caller.packet())
        assert caller.sock.recv(1) == b""

    with listening(in_turn(farewell, answers)) as server, opened(**server.connect_args) as link:
        assert link._transport is not None
        link._transport._early += b"early"
        link.renew()
        link.run(link.core.ping())
    assert heard == [b"\x01"]


def test_renew_that_fails_closes_the_connection_and_can_be_repeated() -> None:
    with listening(in_turn(answers, refuses, answers)) as server, opened(**server.connect_args) as link:
        with pytest.raises(OperationalError, match=r"^Access denied$"):
            link.renew()
        assert (link.closed, link.core.session.state) == (True, State.BROKEN)
        with pytest.raises(LostConnectionError, match=r"^Server has gone away \(Access denied\)$"):
            link.run(link.core.ping())
        link.renew()
        link.run(link.core.ping())


def test_renew_is_refused_to_a_second_thread() -> None:
    with listening(answers) as server, opened(**server.connect_args) as link:
        errors: list[BaseException] = []

        def renew() -> None:
            try:
                link.renew()
            except BaseException as error:
                errors.append(error)

        def operation() -> Command[None]:
            thread = threading.Thread(target=renew)
            thread.start()
            thread.join(PATIENCE)
            yield from link.core.ping()

        link.run(operation())
        assert [type(error) for error in errors] == [ProgrammingError]
        assert server.callers == 1


def test_close_during_renew_ends_it() -> None:
    """The other endpoint is not asked any more."""
    begun = threading.Event()

    def falls_silent(caller: Caller) -> None:
        begun.set()
        silent(caller)

    with listening(in_turn(answers, falls_silent)) as first, listening(answers) as second:
        link = Link.open(options(host=hosts(first, second)))
        closing = threading.Thread(target=lambda: begun.wait(PATIENCE) and link.close())
        closing.start()
        with pytest.raises(LostConnectionError):
            link.renew()
        closing.join(PATIENCE)
        assert link.closed
        assert (first.callers, second.callers) == (2, 0)


def test_close_while_renew_has_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(answers) as server:
        link = Link.open(options(**server.connect_args))

        def interrupted(*arguments: Any) -> socket.socket:
            link.close()  # as a signal handler would
            return dial.dial(*arguments)

        monkeypatch.setattr(module, "dial", interrupted)
        link.renew()
        assert link.closed
        assert server.callers == 2
