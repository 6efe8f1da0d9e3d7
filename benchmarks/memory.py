"""How much memory large executemany() and streaming results take: how far a process grows while it does them.

    PYTHONPATH=.:protocol python benchmarks/memory.py

It starts a private server. Each job runs in a process of its own, which does a small job of the same kind first, so
that modules and buffers are there already. Prints a line for each; the exit status is 1 if one is over its bound.
Linux only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import mariadb_py
from mariadb_py.constants import CURSOR
from mariadb_py.testing import temp_server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MIB = 1 << 20
WARM_UP = 1000  # rows
ROWS = "SELECT seq, CONCAT('name of row ', seq), seq / 7, NOW() FROM seq_1_to_{}"


def insert(connection: mariadb_py.Connection, count: int) -> int:
    """executemany() of rows that a generator makes."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE memory (id INT PRIMARY KEY, name VARCHAR(40), number DOUBLE, day DATE)")
        rows = ((number, f"name of row {number}", number / 7, None) for number in range(count))
        cursor.executemany("INSERT INTO memory VALUES (?, ?, ?, ?)", rows)
        connection.commit()
        cursor.execute("SELECT COUNT(*) FROM memory")
        ((found,),) = cursor.fetchall()
        return int(found)


def stream(connection: mariadb_py.Connection, count: int, **keywords: Any) -> int:
    """Iterate over an unbuffered result, or one of a server-side cursor."""
    with connection.cursor(**keywords) as cursor:
        cursor.execute(ROWS.format(count))
        return sum(1 for _ in cursor)


# Job, rows, MiB that the peak may grow by
JOBS: dict[str, tuple[Any, int, int]] = {
    "executemany, generator": (insert, 100_000, 20),
    "unbuffered": (lambda connection, count: stream(connection, count, buffered=False), 1_000_000, 4),
    "server-side cursor": (
        lambda connection, count: stream(connection, count, cursor_type=CURSOR.READ_ONLY),
        1_000_000,
        4,
    ),
}


def resident(field: str) -> int:
    """Bytes of memory that this process has ("VmRSS"), or has had at most ("VmHWM").

    Not ru_maxrss, in which a new process begins with what its parent has.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (found,) = (line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return int(found) * 1024


def measure(name: str, arguments: dict[str, Any]) -> int:
    """Bytes by which this process grows, at most, while it does one job."""
    job, rows, _ = JOBS[name]
    with mariadb_py.connect(**arguments) as connection:
        job(connection, WARM_UP)
        before = resident("VmRSS")
        done = job(connection, rows)
        if done != rows:
            raise SystemExit(f"{name}: {done} rows, not {rows}")
        return resident("VmHWM") - before


def main() -> int:
    """Measure all jobs; the exit status."""
    over = 0
    with temp_server() as server:
        for name, (_, rows, bound) in JOBS.items():
            done = subprocess.run(
                [sys.executable, __file__, "--job", name],
                input=json.dumps(server.connect_args),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'protocol'}"},
            )
            grown = int(done.stdout) / MIB
            verdict = "" if grown <= bound else "  OVER"
            over += bool(verdict)
            print(f"{name:24} {rows:>9} rows  {grown:6.1f} MiB of {bound}{verdict}")
    return 1 if over else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        print(measure(sys.argv[2], json.load(sys.stdin)))
    else:
        sys.exit(main())
