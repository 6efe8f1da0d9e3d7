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
    from typing import Any


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
    assert bare.allocate_lock is bare.allocate_rlock is bare.SingleThreadLock


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


@pytest.mark.parametrize("kind", [threads.allocate_rlock, threads.SingleThreadLock])
def test_a_lock_says_whether_this_thread_has_it(kind: Callable[[], Any]) -> None:
    lock = kind()
    assert not threads.held_by_this_thread(lock)
    with lock:
        assert threads.held_by_this_thread(lock)
    assert not threads.held_by_this_thread(lock)


def test_a_lock_that_another_thread_has() -> None:
    lock = threads.allocate_rlock()
    taken, go = threading.Event(), threading.Event()

    def take() -> None:
        with lock:
            taken.set()
            go.wait(30)

    thread = threading.Thread(target=take)
    thread.start()
    assert taken.wait(30)
    assert not threads.held_by_this_thread(lock)
    go.set()
    thread.join()
