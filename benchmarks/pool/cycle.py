"""CPU time of borrow and close beside the C connector's pool: `.venv-oracle/bin/python benchmarks/pool/cycle.py`.

No query, no reset, one thread, one idle connection more than is needed, and every default feature of ours on. The pools
are in this process and take turns, the order turning from round to round. A figure is the process CPU time per cycle,
user and system; the ratio is the median of the rounds' ratios. Exits with 1 if it is over the target.

Where MariaDB Connector/Python is not installed (it is in .venv-oracle), nothing can be compared.
"""

from __future__ import annotations

import argparse
import gc
import platform
import sys
from statistics import median
from time import process_time

from mariadb_py import ConnectionPool, create_pool
from mariadb_py.testing import temp_server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

CYCLES = 20_000  # in a sample
TARGET = 1.3
OURS, THEIRS, SERVICE = "mariadb_py", "mariadb 1.1", "create_pool()"


def sample(borrow: Callable[[], Any], cycles: int) -> float:
    """CPU seconds of this process for one cycle."""
    gc.collect()
    start = process_time()
    for _ in range(cycles):
        borrow().close()
    return (process_time() - start) / cycles


def measure(rounds: int, cycles: int = CYCLES) -> dict[str, list[float]]:
    """The samples of each pool."""
    import mariadb

    with temp_server() as server:
        options = {"pool_size": 2, "pool_reset_connection": False, **server.connect_args}
        service = create_pool(**{**options, "pool_name": "service"})
        service.wait_ready()
        pools = {
            OURS: ConnectionPool(pool_name="ours", **options),
            THEIRS: mariadb.ConnectionPool(pool_name="theirs", **options),
            SERVICE: service,
        }
        for pool in pools.values():
            sample(pool.get_connection, 1000)  # warm up
        samples: dict[str, list[float]] = {name: [] for name in pools}
        for number in range(rounds):
            names = list(pools)
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                samples[name].append(sample(pools[name].get_connection, cycles))
        for pool in pools.values():
            pool.close()
    return samples


def ratio(samples: dict[str, list[float]], name: str = OURS) -> float:
    """How many times the CPU of the C connector's pool."""
    return median(ours / theirs for ours, theirs in zip(samples[name], samples[THEIRS]))


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="samples per pool (default 30)")
    parser.add_argument("--cycles", type=int, default=CYCLES, help=f"cycles per sample (default {CYCLES})")
    arguments = parser.parse_args()
    samples = measure(arguments.rounds, arguments.cycles)
    print(f"{platform.python_implementation()} {platform.python_version()}, no query, no reset")
    print(f"{'client CPU of borrow and close':34}{'median':>10}{'ratio':>8}{'target':>8}")
    for name, times in samples.items():
        print(f"{name:34}{median(times) * 1e6:7.2f} us{ratio(samples, name):8.2f}{TARGET:8.2f}")
    return 1 if ratio(samples) > TARGET else 0


if __name__ == "__main__":
    sys.exit(main())
