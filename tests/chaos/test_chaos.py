"""The short forms of the chaos programs."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.chaos.bench_cycle import PYTHON
from tests.chaos.program import Failed, Form, prove, together, wait_until

if TYPE_CHECKING:
    from mariadb_py.testing import TempServer

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
# What forks has to be alone in its process; what counts open files and threads, too.
APART = ("fork_safety", "soak")
INSIDE = (
    *("autocommit_survives", "no_state_leak", "stale_handle", "reset_rtt", "chaos_kill9", "chaos_blackhole"),
    *("server_absent", "hammer200", "leak_and_gc", "reset_fail_wakes", "connect_storm", "spike150ms"),
    *("readonly_failover", "stale_idle", "rotate", "async_cancel", "reset_auto_corpus"),
)
PARTS = ("program", "proxy", "corpus", "test_chaos")
ELSEWHERE = ("cancel_everywhere", "core_model")


@pytest.fixture(scope="module", autouse=True)
def _mariadb(server: TempServer) -> None:
    """Each program has a server of its own, of the same kind."""
    if server.mysql:
        pytest.skip("the programs speak MariaDB's SQL")


@pytest.mark.parametrize("name", INSIDE)
def test_short(name: str) -> None:
    text = importlib.import_module(f"tests.chaos.{name}").program(Form(short=True))
    print(text)
    assert text


@pytest.mark.parametrize("name", APART)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() here")
def test_short_in_a_process_of_its_own(name: str) -> None:
    done = run(name, "--short")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.startswith(f"{name}: ")


@pytest.mark.skipif(not PYTHON.exists(), reason="there is no Connector/Python: make .venv-oracle/oracle.stamp")
def test_short_beside_connector_python() -> None:
    print(importlib.import_module("tests.chaos.bench_cycle").program(Form(short=True)))


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"tests.chaos.{name}", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f".{os.pathsep}protocol"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_each_program_is_listed_here_and_in_the_makefile() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {*PARTS, *ELSEWHERE}
    assert files == {*INSIDE, *APART, "bench_cycle"}
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    (names,) = (line.split()[2:] for line in lines if line.startswith("CHAOS := "))
    assert set(names) == {*files, *ELSEWHERE} - {"soak"}


# The parts that the programs share


def test_what_is_not_so_is_a_failure() -> None:
    prove(1, "fine")
    with pytest.raises(Failed, match=r"^2 are there$"):
        prove([], "2 are there")
    with pytest.raises(Failed, match=r"^nothing happens within 0\.01 s$"):
        wait_until(lambda: False, "nothing happens", 0.01)


def test_threads_that_fail_or_hang_are_a_failure() -> None:
    import threading

    assert together(3, lambda number: number * 2) == [0, 2, 4]
    with pytest.raises(ZeroDivisionError):
        together(3, lambda number: 1 // (number - 1))
    gate = threading.Event()
    with pytest.raises(Failed, match=r"^2 of 2 threads hang$"):
        together(2, lambda _: gate.wait(30), 0.01)
    gate.set()
