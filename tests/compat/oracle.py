"""Runs the same small programs with MariaDB Connector/Python and with mariadb_py, and prints where the results differ.

`make oracle` runs it with an interpreter that has Connector/Python. The programs are in oracle_cases/: functions that
take a `Bench` and return plain data. Each driver runs in a process of its own against one private server; a program
that kills or hangs its process counts as a result. A difference that docs/differences.md does not list by its case id
makes the exit status 1, and so does a listed one that is not there any more.

    python tests/compat/oracle.py               all cases
    python tests/compat/oracle.py values. tpc.  those whose ids begin so; what is listed is not checked then
"""

from __future__ import annotations

import contextlib
import fnmatch
import importlib
import json
import os
import re
import select
import subprocess
import sys
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DIFFERENCES = ROOT / "docs" / "differences.md"
DRIVERS = ("mariadb", "mariadb_py")
PATIENCE = 30  # seconds that one case may take
SHOWN = 400  # characters of a result
# Patterns of case ids in the first column of a table, between backticks.
ROW = re.compile(r"^\| *(`[^|]*`) *\|", re.MULTILINE)


def listed() -> list[str]:
    """The patterns of case ids that docs/differences.md gives reasons for."""
    cells = ROW.findall(DIFFERENCES.read_text(encoding="utf-8"))
    return [pattern for cell in cells for pattern in re.findall(r"`([^`]+)`", cell)]


# The child: runs cases, says "start" before and the result behind each, one JSON line each.


def child(driver: str) -> None:
    """Run the cases that standard input names, one id a line, with the driver of that name."""
    from tests.compat.oracle_cases import CONSTANTS, Bench, all_cases

    module = importlib.import_module(driver)
    for name in CONSTANTS:
        importlib.import_module(f"{driver}.constants.{name}")
    arguments = json.loads(sys.stdin.readline())
    cases = all_cases()
    for line in sys.stdin:
        bench = Bench(module, arguments)
        with contextlib.closing(bench):
            print(json.dumps(bench.outcome(cases[line.strip()])), flush=True)


class Child:
    """A process that runs cases with one driver; started anew when a case ends it."""

    def __init__(self, driver: str, arguments: dict[str, Any]) -> None:
        self._driver, self._arguments = driver, arguments
        self._process: subprocess.Popen[str] | None = None

    def run(self, case: str) -> str:
        """The result of one case."""
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        print(case, file=process.stdin, flush=True)
        if not select.select([process.stdout], [], [], PATIENCE)[0]:
            self.close()
            return f"no result within {PATIENCE} s"
        line = process.stdout.readline()
        if line:
            return str(json.loads(line))
        self._process = None
        return f"the process ended with status {process.wait()}"

    def _start(self) -> subprocess.Popen[str]:
        process = self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, "--child", self._driver],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'protocol'}", "TZ": "Europe/Vienna"},
        )
        assert process.stdin is not None
        print(json.dumps(self._arguments), file=process.stdin, flush=True)
        return process

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


# The parent


def around(texts: list[str]) -> Iterator[str]:
    """Texts that differ, without what is far from the first difference."""
    same = next((at for at, characters in enumerate(zip(*texts)) if len(set(characters)) > 1), 0)
    start = 0 if max(map(len, texts)) <= SHOWN else max(0, same - SHOWN // 3)
    for text in texts:
        part = text[start : start + SHOWN]
        yield ("... " if start else "") + part + (" ..." if len(text) > start + SHOWN else "")


def results(names: list[str], arguments: dict[str, Any], reset: Any) -> dict[str, list[str]]:
    """The results of each case, in the order of DRIVERS."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for driver in DRIVERS:
        with contextlib.closing(Child(driver, arguments)) as runner:
            for name in names:
                reset()
                found[name].append(runner.run(name))
    return found


def main(prefixes: tuple[str, ...]) -> int:
    """Run and compare; the exit status."""
    import mariadb_py
    from mariadb_py.testing import temp_server
    from tests.compat.oracle_cases import OPTIONS, all_cases

    names = [name for name in all_cases() if name.startswith(prefixes)]
    with temp_server(options=OPTIONS) as server, mariadb_py.connect(**server.connect_args) as connection:
        cursor = connection.cursor()
        cursor.execute("SET foreign_key_checks = 0")

        def reset() -> None:
            cursor.execute(f"CREATE OR REPLACE DATABASE `{server.database}` CHARACTER SET utf8mb4")

        found = results(names, server.connect_args, reset)
    different = {name for name, texts in found.items() if len(set(texts)) > 1}
    everything = prefixes == ("",)
    reasons = {name for pattern in listed() for name in fnmatch.filter(names, pattern)}
    unlisted = different - reasons
    for name in sorted(unlisted if everything else different):
        print(name)
        for driver, text in zip(DRIVERS, around(found[name])):
            print(f"    {driver:10} {text}")
    stale = reasons - different if everything else set()
    for name in sorted(stale):
        print(f"{name}: listed in {DIFFERENCES.name}, but there is no difference")
    print(f"{len(names)} cases, {len(different)} differences, {len(unlisted)} not listed, {len(stale)} listed in vain")
    return 1 if unlisted or stale else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
    else:
        sys.exit(main(tuple(sys.argv[1:]) or ("",)))
