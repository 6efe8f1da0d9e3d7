"""Fixtures of hostile cases: one ends, and leaves nothing behind."""

from __future__ import annotations

import gc
import os
import signal
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.certificates import Certificates
    from tests.support.faces import AsyncFace

HARD_LIMIT = 5.0  # seconds


class Hang(BaseException):
    """A case did not end. Not an Exception, which the driver might take for one of its own."""


@pytest.fixture
def hard_limit() -> Iterator[None]:
    """Ends a case that hangs."""

    def strike(*_: object) -> None:
        raise Hang(f"not at its end after {HARD_LIMIT} s")

    handler = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, HARD_LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


@pytest.fixture(autouse=True)
def _over_both_faces(face_under_test: object) -> None:
    """Every test, but for what `tests.support.one_face` says."""


@pytest.fixture
def leaves_nothing(face_under_test: AsyncFace | None) -> Iterator[None]:
    """No thread, no open file and no unclosed socket is left."""
    gc.collect()
    threads, files = set(threading.enumerate()), _open_files()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
        if face_under_test is not None:
            face_under_test.settle()
    assert [str(warning.message) for warning in caught] == []
    assert set(threading.enumerate()) <= threads
    assert _open_files() == files


def _open_files() -> int:
    """How many files this process has open, where the system tells."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates for `StartTLS`: give `certificates.context` to `rogue()`."""
    pytest.importorskip("cryptography")
    from tests.support.certificates import certificates

    return certificates(tmp_path_factory.mktemp("certificates"))
