"""The asyncio driver against servers of a few lines: lost connections, deadlines, cancellation of the login."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest

from mariadb_protocol import ProtocolError, Send
from mariadb_protocol.constants import Capability
from mariadb_protocol.handshake import WANTED
from mariadb_py.core.cursor import CursorCore
from mariadb_py.exceptions import LostConnectionError, OperationalError, ProgrammingError
from mariadb_py.io.aio.link import Link
from tests.support.aio import begun, outcome, run_alone, runs, until
from tests.support.links import answers, hosts, in_turn, options, refuses
from tests.support.listener import PATIENCE, full_queue, listening, silent
from tests.support.scripts import column, err, greeting, ok, packets, row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any, Callable

    from mariadb_protocol.events import Command
    from tests.support.listener import Caller

SHORT = 0.1  # seconds
SHORTEST = SHORT - 0.002  # as uvloop counts in milliseconds
GENEROUS = 5.0  # seconds in which something that takes SHORT has ended
LONG = 64 << 20  # bytes


@contextlib.asynccontextmanager
async def opened(**keywords: Any) -> AsyncIterator[Link]:
    """A link with these options, closed afterwards."""
    link = await Link.open(options(**keywords))
    try:
        yield link
    finally:
        await link.close()


async def query(link: Link, sql: str = "SELECT 1", buffered: bool = True, **keywords: Any) -> CursorCore:
    cursor = CursorCore(link.core, buffered, None)
    await link.run(cursor.execute(sql, None), **keywords)
    return cursor


def exchange(link: Link, *events: bytes | Send) -> Command[list[bytes | None]]:
    """Yields events and returns what it was resumed with; as a command, it breaks the session if it does not end."""
    chunks = []
    try:
        for event in events:
            chunks.append((yield event))
    except BaseException as error:
        link.core.session.fail(error)
        raise
    return chunks


def hangs_up(caller: Caller) -> None:
    caller.log_in()


def then(*steps: Callable[[Caller], object]) -> Callable[[Caller], None]:
    """A conversation: a login, a statement, and what is said then."""

    def converse(caller: Caller) -> None:
        caller.log_in()
        caller.packet()
        for step in steps:
            step(caller)

    return converse


HALF_A_RESULT = packets(1, b"\x01", column(b"a"), row(b"1"), row(b"2"))


# Opening


@runs
async def test_opened_used_and_closed() -> None:
    with listening(answers) as listener:
        async with opened(**listener.connect_args) as link:
            assert link.closed is False
            await link.run(link.core.command(b"DO 1"))
            assert link.busy is False
        assert link.closed is True
        await link.close()


@runs
async def test_the_next_server_is_tried() -> None:
    with listening(lambda caller: None) as deaf, listening(refuses) as refusing, listening(answers) as good:
        async with opened(host=hosts(deaf, good)) as link:
            assert link.endpoint.port == good.connect_args["port"]
        with pytest.raises(OperationalError, match="Access denied"):
            await Link.open(options(host=hosts(refusing, good)))
        assert good.callers == 1


def greets(caller: Caller) -> None:
    caller.send(greeting(), sequence=0)
    caller.until_closed()


def begins_tls(caller: Caller) -> None:
    """Offers TLS, and does not answer the first message of the handshake."""
    caller.send(TLS_GREETING, sequence=0)
    caller.until_closed()


def hears_the_first_statement(caller: Caller) -> None:
    caller.log_in(False)
    caller.until_closed()


TLS_GREETING = greeting(capabilities=WANTED | Capability.SSL)

OPENING: dict[str, Callable[[Caller], None]] = {
    "greeting": silent,
    "login": greets,
    "TLS": begins_tls,
    "first statement": hears_the_first_statement,
}
TLS_KEYWORDS: dict[str, dict[str, Any]] = {"TLS": {"ssl": True, "ssl_verify_cert": False}}


@pytest.mark.parametrize("at", OPENING)
def test_a_deadline_during_the_login(at: str) -> None:
    async def test() -> None:
        keywords = TLS_KEYWORDS.get(at, {})
        with listening(OPENING[at]) as listener:
            before = time.monotonic()
            with pytest.raises(OperationalError, match=r"connect_timeout of 0\.1 s passed"):
                await Link.open(options(**{**listener.connect_args, **keywords, "connect_timeout": SHORT}))
            assert SHORTEST <= time.monotonic() - before < GENEROUS

    run_alone(test)


@pytest.mark.parametrize("at", OPENING)
def test_cancelled_during_the_login(at: str) -> None:
    """At each moment; the server sees the socket closed."""

    async def test() -> None:
        keywords = TLS_KEYWORDS.get(at, {})
        closed = threading.Semaphore(0)

        def converse(caller: Caller) -> None:
            try:
                OPENING[at](caller)
            finally:
                closed.release()

        with listening(converse) as listener:
            for turns in range(12):
                task = asyncio.ensure_future(Link.open(options(**{**listener.connect_args, **keywords})))
                for _ in range(turns):
                    await asyncio.sleep(0.002)
                task.cancel()
                assert isinstance(await outcome(task), asyncio.CancelledError)
            for _ in range(listener.callers):
                await asyncio.get_running_loop().run_in_executor(None, closed.acquire, True, PATIENCE)

    run_alone(test)


# Servers that hang up, or say what nobody asked for


@runs
async def test_a_server_that_hangs_up_between_statements() -> None:
    with listening(hangs_up) as listener:
        async with opened(**listener.connect_args) as link:
            await until(lambda: not link.silent())
            with pytest.raises(LostConnectionError, match="the server closed the connection") as caught:
                await query(link)
            assert caught.value.written is False
            assert link.closed


@pytest.mark.parametrize(
    ("heard", "error", "fact"),
    [
        (packets(1, ok()), OperationalError, "11 bytes arrived that no command asked for"),
        (packets(0, err(1927, b"Connection was killed", b"70100")), LostConnectionError, "Connection was killed"),
    ],
)
def test_a_server_that_speaks_unasked(heard: bytes, error: type[Exception], fact: str) -> None:
    def converse(caller: Caller) -> None:
        caller.log_in()
        caller.raw(heard)
        caller.until_closed()

    async def test() -> None:
        with listening(converse) as listener:
            async with opened(**listener.connect_args) as link:
                await until(lambda: not link.silent())
                with pytest.raises(error, match=fact):
                    await query(link)
                assert link.closed

    run_alone(test)


@pytest.mark.parametrize("said", [b"", HALF_A_RESULT[:5], HALF_A_RESULT, HALF_A_RESULT[:-3]])
@pytest.mark.parametrize("buffered", [True, False])
def test_a_server_that_hangs_up_in_the_middle_of_an_answer(said: bytes, buffered: bool) -> None:
    async def test() -> None:
        with listening(then(lambda caller: caller.raw(said) if said else None)) as listener:
            async with opened(**listener.connect_args) as link:
                with pytest.raises(LostConnectionError) as caught:
                    cursor = await query(link, buffered=buffered)
                    await link.run(cursor.fill(-1))
                assert caught.value.errno == 2013
                assert caught.value.written is True
                assert link.closed
                with pytest.raises(LostConnectionError):
                    await query(link)

    run_alone(test)


@runs
async def test_a_server_that_talks_nonsense() -> None:
    with listening(then(lambda caller: caller.send(b"\x02"))) as listener:
        async with opened(**listener.connect_args) as link:
            with pytest.raises(OperationalError) as caught:
                await query(link)
            assert isinstance(caught.value.__cause__, ProtocolError)
            assert link.closed


# Times


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"read_timeout": SHORT}, r"read_timeout of 0\.1 s passed without an answer"),
        ({"read_timeout": SHORT, "write_timeout": PATIENCE}, r"read_timeout of 0\.1 s passed without an answer"),
    ],
)
def test_read_timeout(keywords: dict[str, Any], message: str) -> None:
    async def test() -> None:
        with listening(then(silent)) as listener:
            async with opened(**{**listener.connect_args, **keywords}) as link:
                before = time.monotonic()
                with pytest.raises(LostConnectionError, match=message) as caught:
                    await query(link)
                assert SHORTEST <= time.monotonic() - before < GENEROUS
                assert isinstance(caught.value.__cause__, TimeoutError)
                assert link.closed

    run_alone(test)


def reads_nothing(release: threading.Event) -> Callable[[Caller], None]:
    def converse(caller: Caller) -> None:
        caller.log_in()
        release.wait(PATIENCE)

    return converse


@pytest.mark.parametrize("how", ["write_timeout", "deadline", "cancelled", "closed"])
def test_a_server_that_does_not_read(how: str) -> None:
    """64 MB are not taken; nothing of them is left behind in the loop."""

    async def test() -> None:
        release = threading.Event()
        keywords = {"write_timeout": SHORT} if how == "write_timeout" else {}
        with listening(reads_nothing(release)) as listener:
            async with opened(**{**listener.connect_args, **keywords}) as link:
                before = time.monotonic()
                until_then = before + SHORT if how == "deadline" else None
                task = await begun(link.run(exchange(link, bytes(LONG)), until_then, "the bound"))
                if how == "cancelled":
                    task.cancel()
                elif how == "closed":
                    await link.close()
                failure = await outcome(task)
                assert time.monotonic() - before < GENEROUS
                if how == "cancelled":
                    assert isinstance(failure, asyncio.CancelledError)
                else:
                    assert isinstance(failure, LostConnectionError)
                    said = {"write_timeout": "write_timeout of 0.1 s passed", "deadline": "the bound passed"}
                    assert said.get(how, "the connection is closed") in str(failure)
                assert link.closed
            release.set()

    run_alone(test)


@runs
async def test_a_deadline_that_has_passed() -> None:
    with listening(then(silent)) as listener:
        async with opened(**listener.connect_args) as link:
            with pytest.raises(LostConnectionError, match=r"\(the bound passed\)$"):
                await query(link, deadline=time.monotonic() - 1, bound="the bound")
            assert link.closed


@runs
async def test_a_server_that_talks_for_ever_does_not_outlast_the_deadline() -> None:
    def chatters(caller: Caller) -> None:
        caller.raw(packets(1, b"\x01", column(b"a")))
        number = 3
        with contextlib.suppress(OSError):
            while True:
                caller.raw(packets(number % 256, row(b"x" * 1000)))
                number += 1

    with listening(then(chatters)) as listener:
        async with opened(**listener.connect_args, cancel_grace=0) as link:
            before = time.monotonic()
            with pytest.raises(OperationalError):
                await query(link, timeout=SHORT)
            assert time.monotonic() - before < GENEROUS
            assert link.closed


# Users


@runs
async def test_one_operation_at_a_time() -> None:
    with listening(then(silent)) as listener:
        async with opened(**listener.connect_args) as link:
            task = await begun(query(link))
            assert link.busy is True
            operation = exchange(link)
            with pytest.raises(ProgrammingError, match="in use by another task"):
                await link.run(operation)
            with pytest.raises(StopIteration):
                next(operation)  # it has been closed
            with pytest.raises(ProgrammingError, match="in use by another task"):
                await link.renew()
            assert link.settle_now() is False
            await link.close()
            assert isinstance(await outcome(task), LostConnectionError)


@runs
async def test_what_is_not_to_be_waited_for() -> None:
    with listening(then(silent)) as listener:
        async with opened(**listener.connect_args) as link:
            assert link.run_now(exchange(link, Send(b""))) == [None]
            with pytest.raises(LostConnectionError, match="it would have to be waited for"):
                link.run_now(exchange(link, b"x"))
            assert link.core.session.broken


@runs
async def test_a_goodbye_to_a_server_that_does_not_hang_up() -> None:
    """The socket is closed on our side, whatever the server does."""
    release = threading.Event()

    def converse(caller: Caller) -> None:
        caller.log_in()
        assert caller.packet() == b"\x01"
        release.wait(PATIENCE)

    with listening(converse) as listener:
        link = await Link.open(options(**listener.connect_args))
        wire: Any = link._transport
        before = time.monotonic()
        await link.close()
        assert time.monotonic() - before < GENEROUS
        assert wire.closed.done()
        release.set()


@runs
async def test_a_cancelled_close_closes_all_the_same() -> None:
    with listening(answers) as listener:
        link = await Link.open(options(**listener.connect_args))
        wire: Any = link._transport
        task = asyncio.ensure_future(link.close())
        await asyncio.sleep(0)
        task.cancel()
        await outcome(task)
        assert link.closed
        await until(wire.closed.done)


# TLS


@pytest.mark.parametrize("said", [b"", b"\x15\x03\x03\x00\x02\x02\x28", b"SSH-2.0-nonsense\r\n"])
def test_a_server_that_does_not_shake_hands(said: bytes) -> None:
    """It hangs up, sends an alert, or speaks something else."""

    def converse(caller: Caller) -> None:
        caller.send(TLS_GREETING, sequence=0)
        caller.packet()
        caller.sock.recv(1)
        caller.raw(said)

    async def test() -> None:
        with listening(converse) as listener:
            with pytest.raises(OperationalError) as caught:
                await Link.open(options(**listener.connect_args, **TLS_KEYWORDS["TLS"]))
            assert caught.value.errno in (2013, 2026)

    run_alone(test)


@runs
async def test_a_read_timeout_during_the_handshake() -> None:
    with listening(begins_tls) as listener:
        before = time.monotonic()
        with pytest.raises(OperationalError, match=r"read_timeout of 0\.1 s passed"):
            await Link.open(options(**listener.connect_args, **TLS_KEYWORDS["TLS"], read_timeout=SHORT))
        assert time.monotonic() - before < GENEROUS


@runs
async def test_full_queue_of_a_unix_socket(tmp_path: Any) -> None:
    with full_queue(str(tmp_path / "socket")) as arguments:
        with pytest.raises(OperationalError, match=r"connect_timeout"):
            await Link.open(options(**{**arguments, "connect_timeout": SHORT}))
        task = await begun(Link.open(options(**arguments)))
        task.cancel()
        assert isinstance(await outcome(task), asyncio.CancelledError)


@runs
async def test_a_lost_connection_is_replaced_when_nothing_is_lost_with_it() -> None:
    tracking = b",session_track_state_change=1,session_track_transaction_info='CHARACTERISTICS'"

    def first(caller: Caller) -> None:
        caller.log_in(more=tracking)

    with listening(in_turn(first, lambda caller: answers(caller, more=tracking))) as listener:
        async with opened(**listener.connect_args, reconnect=True) as link:
            await until(lambda: not link.silent())
            await link.run(link.core.command(b"DO 1"))
            assert listener.callers == 2
