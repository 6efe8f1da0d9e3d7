"""Client CPU of mariadb_py beside PyMySQL: `make bench-quick`, or `python benchmarks/quick.py [--rounds N]`.

Each workload is run by both drivers in every round, the order turning from round to round, against one private server
over a unix socket. A figure is the process CPU time per operation, user and system; the ratio is the median of the
rounds' ratios. Wall time depends on the server and on the neighbours of a shared machine, and is not shown. Client and
server share one core where the system can pin them: otherwise most of what a small query costs is the kernel's waking
of another core, which is the same for every driver and different from machine to machine. Exits with 1 if a ratio is
over its target.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sys
from importlib.metadata import version
from statistics import median
from time import process_time

import pymysql

import mariadb_py
from mariadb_py.testing import temp_server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

ROWS = 1000
COLUMNS = 100
DRIVERS: dict[str, Callable[..., Any]] = {"mariadb_py": mariadb_py.connect, "pymysql": pymysql.connect}

TABLE = """CREATE TABLE mixed (
    id INT PRIMARY KEY, name VARCHAR(40), price DECIMAL(10,2), ratio DOUBLE, made DATETIME) CHARACTER SET utf8mb4"""
FILL = f"""INSERT INTO mixed
    SELECT seq, CONCAT('name of row ', seq), seq / 7, seq / 3, '2024-02-29 12:00:00' + INTERVAL seq MINUTE
    FROM seq_1_to_{ROWS}"""

# name -> (statement, operations per sample, highest ratio)
WORKLOADS = {
    "SELECT 1": ("SELECT 1", 2000, 0.7),
    f"1 row of {COLUMNS} columns": ("SELECT " + ",".join(f"{n} AS c{n}" for n in range(COLUMNS)), 200, 0.35),
    f"{ROWS} rows of 5 columns": ("SELECT id, name, price, ratio, made FROM mixed", 20, 0.4),
}


def sample(cursor: Any, statement: str, operations: int) -> float:
    """CPU seconds of this process for one operation: execute and fetchall."""
    gc.collect()
    start = process_time()
    for _ in range(operations):
        cursor.execute(statement)
        cursor.fetchall()
    return (process_time() - start) / operations


def turns(rounds: int) -> Iterator[list[str]]:
    """The order of the drivers in each round."""
    names = list(DRIVERS)
    for number in range(rounds):
        turn = number % len(names)
        yield names[turn:] + names[:turn]


def measure(cursors: dict[str, Any], statement: str, operations: int, rounds: int) -> dict[str, list[float]]:
    """The samples of each driver; all must give the same rows."""
    answers = []
    for cursor in cursors.values():
        sample(cursor, statement, operations)  # warm up
        cursor.execute(statement)
        answers.append(list(cursor.fetchall()))
    if any(answer != answers[0] for answer in answers):
        raise AssertionError(f"the drivers disagree about {statement[:60]}")
    samples: dict[str, list[float]] = {name: [] for name in cursors}
    for order in turns(rounds):
        for name in order:
            samples[name].append(sample(cursors[name], statement, operations))
    return samples


def pin() -> str:
    """Keep this process and its children, the server among them, on one core; says what was done."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned"
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return "client and server on one core"


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="samples per workload and driver (default 20)")
    rounds = parser.parse_args().rounds
    pinned = pin()
    print(f"{platform.python_implementation()} {platform.python_version()}, PyMySQL {version('PyMySQL')}, {pinned}")
    print(f"{'client CPU per operation':28}{'mariadb_py':>12}{'pymysql':>12}{'ratio':>8}{'target':>8}")
    missed = 0
    with temp_server() as server:
        account = {"user": server.user, "password": server.password, "database": server.database}
        connections = [connect(unix_socket=server.unix_socket, **account) for connect in DRIVERS.values()]
        cursors = {name: connection.cursor() for name, connection in zip(DRIVERS, connections)}
        cursors["mariadb_py"].execute(TABLE)
        cursors["mariadb_py"].execute(FILL)
        connections[0].commit()
        for title, (statement, operations, target) in WORKLOADS.items():
            samples = measure(cursors, statement, operations, rounds)
            ours, theirs = samples.values()
            ratio = median(a / b for a, b in zip(ours, theirs))
            missed += ratio > target
            print(f"{title:28}{us(ours)}{us(theirs)}{ratio:8.2f}{target:8.2f}{'  missed' if ratio > target else ''}")
        for connection in connections:
            connection.close()
    return 1 if missed else 0


def us(samples: list[float]) -> str:
    """The median of samples in seconds, as microseconds."""
    return f"{median(samples) * 1e6:9.1f} us"


if __name__ == "__main__":
    sys.exit(main())
