"""Locks and threads, and what stands in for them where the interpreter has none."""

from __future__ import annotations

import importlib.util
import sys
import threading

import pytest

from mariadb_py.io import threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as an interpreter without threads loads it."""
    monkeypatch.setitem(sys.modules, "_thread", None)
    spec = importlib.util.spec_from_file_location("bare_threads", threads.__file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_with_threads() -> None:
    assert threads.get_ident() == threading.get_ident()
    assert threads.start_new_thread is not None
    done = threads.allocate_lock()
    done.acquire()
    found: list[int] = []

    def run() -> None:
        found.append(threads.get_ident())
        done.release()

    threads.start_new_thread(run, ())
    assert done.acquire(True, 30)
    assert found != [threads.get_ident()]


def test_without_threads(bare: ModuleType) -> None:
    assert bare.start_new_thread is None
    assert bare.get_ident() == 1
    assert bare.allocate_lock is bare.SingleThreadLock


def test_the_lock_without_threads_notices_a_second_acquire() -> None:
    lock = threads.SingleThreadLock()
    assert lock.acquire()
    # Waiting could not help: there is nobody to release it.
    assert not lock.acquire()
    assert not lock.acquire(True, 5)
    assert not lock.acquire(False)
    lock.release()
    with lock:
        assert not lock.acquire(False)
    assert lock.acquire(False)


class Owner:
    """Something whose method calls back."""

    def run(self, call: Callable[[], list[int]]) -> list[int]:
        return call()


def ask(owner: Owner) -> list[int]:
    return threads.callers(owner, (Owner.run.__code__,))


def test_callers() -> None:
    owner, other = Owner(), Owner()
    here = threading.get_ident()
    assert ask(owner) == []
    assert owner.run(lambda: ask(owner)) == []  # the call that asks
    assert owner.run(lambda: owner.run(lambda: ask(owner))) == [here]
    assert owner.run(lambda: other.run(lambda: ask(owner))) == [here]
    assert owner.run(lambda: other.run(lambda: ask(other))) == []


def test_callers_in_another_thread() -> None:
    owner = Owner()
    begun, go = threading.Event(), threading.Event()

    def wait() -> list[int]:
        begun.set()
        go.wait(30)
        return []

    thread = threading.Thread(target=owner.run, args=(wait,))
    thread.start()
    assert begun.wait(30)
    assert ask(owner) == owner.run(lambda: ask(owner)) == [thread.ident]
    go.set()
    thread.join()
    assert ask(owner) == []
