"""With everything that Python and asyncio can check switched on, there is nothing to say on standard error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# How long a step of the loop took is no finding on a machine that has other things to do.
TESTS = """
import logging, sys, pytest
logging.getLogger("asyncio").addFilter(lambda record: "took" not in record.getMessage())
sys.exit(pytest.main(["-q", "-s", "-W", "error", "-p", "no:cacheprovider", "-p", "no:logging", *sys.argv[1:]]))
"""
PARTS = {
    "connections": ("-c", TESTS, "tests/mariadb_py/aio/test_connection.py"),
    "pools": ("-c", TESTS, "tests/mariadb_py/aio/test_pool.py"),
    "cancelled tasks": ("-m", "tests.chaos.async_cancel", "--short"),
}


@pytest.mark.mariadb("the program speaks MariaDB's SQL")
@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_said(part: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", *PARTS[part]],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f".{os.pathsep}protocol", "PYTHONASYNCIODEBUG": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert " passed in " in done.stdout or " tasks cancelled" in done.stdout


def test_what_is_said_is_seen() -> None:
    """The way of looking would show a warning and what asyncio logs."""
    program = "import asyncio; asyncio.run(asyncio.sleep(0)); asyncio.new_event_loop(); print(flush=True)"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONASYNCIODEBUG": "1"},
        text=True,
        timeout=100,
        check=False,
    )
    assert "ResourceWarning: unclosed event loop" in done.stderr
