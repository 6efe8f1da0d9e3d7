"""The asyncio face in the shape of the synchronous one, so that a test is written once and runs over both.

`AsyncFace` runs an event loop in a thread of its own; what stands for a connection, a cursor or a pool of asyncio there
has the methods of the synchronous one, which wait for what they start in that loop. It decides nothing besides.
"""

from __future__ import annotations

import _thread
import asyncio
import inspect
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import mariadb_py
from mariadb_py import aio
from mariadb_py.aio.pool import AsyncLease
from mariadb_py.io.aio.link import Link
from mariadb_py.io.link import Link as SyncLink

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any, ClassVar

PATIENCE = 10.0  # seconds in which what was cancelled has ended
# Keywords that are called with a connection: the first one as a plain function, the hooks of a pool as coroutines.
CALLBACK, HOOKS = "status_callback", ("on_connect", "on_reset")


class Call:
    """A function that is called in the loop, and whose coroutine runs there, if it returns one."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._task: asyncio.Task[None] | None = None
        self._ended = _thread.allocate_lock()  # a threading.Event takes longer, which counts
        self._ended.acquire()
        self._over = False
        self._value: Any = None
        self._error: BaseException | None = None

    def start(self) -> None:
        """In the thread of the loop."""
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        try:
            value = self._work()
            self._value = await value if inspect.isawaitable(value) else value
        except BaseException as error:  # Ctrl-C as well, which would stop the loop
            self._error = error
        finally:
            self._over = True
            self._ended.release()

    def cancel(self) -> None:
        """In the thread of the loop."""
        if self._task is not None:
            self._task.cancel()

    def outcome(self, loop: asyncio.AbstractEventLoop) -> Any:
        """What it returned or raised. What interrupts the waiting cancels it."""
        try:
            self._ended.acquire()
        except BaseException:
            loop.call_soon_threadsafe(self.cancel)
            if not self._over:  # else the lock may be ours already
                self._ended.acquire(True, PATIENCE)
            raise
        error, self._error = self._error, None
        if error is None:
            return self._value
        try:
            raise error
        finally:
            del error  # it has this frame


class AsyncFace:
    """An event loop in a thread, and what stands for the names of `mariadb_py` that open something.

    Attributes:
        calls: how many there were.
    """

    def __init__(self) -> None:
        self.calls = 0
        self._loop = asyncio.new_event_loop()
        self._complaints: list[dict[str, Any]] = []
        self._loop.set_exception_handler(lambda loop, context: self._complaints.append(context))
        self._stand_ins: WeakValueDictionary[int, StandIn] = WeakValueDictionary()
        self._thread = threading.Thread(target=self._loop.run_forever, name="asyncio face", daemon=True)
        self._thread.start()

    def run(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Call a function in the loop, with what the stand-ins stand for, and wait for its end."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("a callback cannot wait in the event loop that calls it")
        self.calls += 1
        given = [_meant(argument) for argument in arguments]
        named = {name: _meant(value) for name, value in keywords.items()}
        call = Call(lambda: function(*given, **named))
        self._loop.call_soon_threadsafe(call.start)
        return self.stand_in(call.outcome(self._loop))

    def stand_in(self, value: Any) -> Any:
        """What stands for it, the same as long as there is one; anything else is as it is."""
        kind = next((stand_in for known, stand_in in STAND_INS.items() if isinstance(value, known)), None)
        if kind is None:
            return value
        found = self._stand_ins.get(id(value))
        if found is None:
            found = self._stand_ins[id(value)] = kind(self, value)
        return found

    def settle(self) -> None:
        """Let the loop do what it has been told to; nothing may be left of it.

        Raises:
            AssertionError: a task is left, or the loop had something to complain of.
        """
        left = self.run(self._settled)
        complaints, self._complaints[:] = list(self._complaints), []
        assert (left, complaints) == ([], [])

    async def _settled(self) -> list[str]:
        for _ in range(3):
            await asyncio.sleep(0)
        return [repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    def close(self) -> None:
        """End the loop and its thread."""
        with suppress(RuntimeError):
            self.run(self._loop.shutdown_asyncgens)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # What stands for names of mariadb_py

    def take_over(self, set_attribute: Callable[[object, str, Any], None]) -> None:
        """Let the names stand for asyncio, and nothing open a connection by the synchronous driver.

        Args:
            set_attribute: `setattr`, or that of a MonkeyPatch.
        """
        for name, opens in (
            ("connect", self.connect),
            ("create_pool", self.create_pool),
            ("ConnectionPool", self.pool),
        ):
            set_attribute(mariadb_py, name, opens)
        set_attribute(SyncLink, "connect", _refuse)

    def connect(self, *arguments: Any, **keywords: Any) -> Any:
        """As `mariadb_py.connect()`."""
        return self.run(aio.connect, *arguments, **self._known(keywords))

    def pool(self, **keywords: Any) -> Any:
        """As `mariadb_py.ConnectionPool`, which is open once it is made."""
        return self.run(_opened, **self._known(keywords))

    def create_pool(self, **keywords: Any) -> Any:
        """As `mariadb_py.create_pool()`."""
        return self.run(aio.create_async_pool, **self._known(keywords))

    def _known(self, keywords: dict[str, Any]) -> dict[str, Any]:
        """The keywords, with callbacks that get stand-ins."""
        known = dict(keywords)
        callback = known.get(CALLBACK)
        if callable(callback):
            known[CALLBACK] = lambda connection, change: callback(self.stand_in(connection), change)
        known.update({name: self._hook(known[name]) for name in HOOKS if callable(known.get(name))})
        return known

    def _hook(self, hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
        async def in_a_thread(handle: Any) -> Any:
            return await self._loop.run_in_executor(None, hook, self.stand_in(handle))

        return in_a_thread


def _refuse(link: object) -> None:
    raise AssertionError("the synchronous driver, in a test of asyncio")


async def _opened(**keywords: Any) -> aio.AsyncConnectionPool:
    pool = aio.AsyncConnectionPool(**keywords)
    await pool.open()
    return pool


def _meant(value: Any) -> Any:
    return object.__getattribute__(value, "_meant") if isinstance(value, StandIn) else value


class StandIn:
    """Has the attributes of what it stands for; methods run in the loop, to their ends."""

    __slots__ = ("__weakref__", "_face", "_meant")
    # Attributes of the synchronous face that asyncio has as methods: how they are read, and how they are set.
    _READ: ClassVar[dict[str, str]] = {}
    _SET: ClassVar[dict[str, str]] = {}

    def __init__(self, face: AsyncFace, meant: Any) -> None:
        object.__setattr__(self, "_face", face)
        object.__setattr__(self, "_meant", meant)

    def __getattr__(self, name: str) -> Any:
        if name in self._READ:
            return self._face.run(getattr(self._meant, self._READ[name]))
        value = getattr(self._meant, name)
        return partial(self._face.run, value) if inspect.ismethod(value) else self._face.stand_in(value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._SET:
            self._face.run(getattr(self._meant, self._SET[name]), value)
        else:
            setattr(self._meant, name, value)

    def __enter__(self) -> Any:
        return self._face.run(self._meant.__aenter__)

    def __exit__(self, *reason: Any) -> None:
        self._face.run(self._meant.__aexit__, *reason)

    def __iter__(self) -> Iterator[Any]:
        self._meant.__aiter__()
        return self

    def __next__(self) -> Any:
        try:
            return self._face.run(self._meant.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None

    def __repr__(self) -> str:
        return repr(self._meant)


class ConnectionStandIn(StandIn):
    """Of an AsyncConnection."""

    __slots__ = ()
    _READ: ClassVar[dict[str, str]] = {"open": "is_open"}
    _SET: ClassVar[dict[str, str]] = {
        "autocommit": "set_autocommit",
        "auto_reconnect": "set_auto_reconnect",
        "database": "select_db",
    }


class CursorStandIn(StandIn):
    """Of an AsyncCursor. A row that is there is taken without the loop, as tests fetch many."""

    __slots__ = ()

    def _at_hand(self) -> bool:
        core = self._meant._core
        return core.columns is not None and not core.lacks(1)

    def fetchone(self) -> Any:
        """See `mariadb_py.Cursor`."""
        if not self._at_hand():
            return self._face.run(self._meant.fetchone)
        return _at_once(self._meant.fetchone())

    def __next__(self) -> Any:
        if not self._at_hand():
            return super().__next__()
        try:
            return _at_once(self._meant.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None


def _at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("it waits")


STAND_INS: dict[type, type[StandIn]] = {
    aio.AsyncConnection: ConnectionStandIn,
    aio.AsyncCursor: CursorStandIn,
    aio.AsyncConnectionPool: StandIn,
    AsyncLease: StandIn,
    Link: StandIn,
}
