"""What a reset costs a borrower who is 2 ms of network away: `python benchmarks/pool/reset_rtt.py [--rounds N]`.

A cycle is borrow, SELECT, close, through a proxy that holds every byte back for half a round trip. Three pools take
turns, the order turning from round to round: one that does not reset, one whose resets are answered later, and one
that waits for each. A figure is wall time per cycle; the ratio to the first pool is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import sys
from statistics import median
from time import perf_counter

from mariadb_py import ConnectionPool
from mariadb_py.testing import temp_server
from tests.chaos.proxy import proxied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RTT = 0.002  # seconds
CYCLES = 20  # in a sample
TARGET = 1.10
POOLS: dict[str, dict[str, Any]] = {
    "no reset": {"pool_reset_session": False},
    "reset, answered later": {},
    "reset, waited for": {"pipeline_reset": False},
}


def sample(pool: ConnectionPool) -> float:
    """Seconds that a cycle takes."""
    began = perf_counter()
    for _ in range(CYCLES):
        with pool.get_connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    return (perf_counter() - began) / CYCLES


def measure(rounds: int) -> dict[str, list[float]]:
    """The samples of each pool."""
    with temp_server() as server, proxied(server, RTT / 2) as proxy:
        # In autocommit mode, as otherwise a pool that does not reset has a transaction to roll back.
        options = {**proxy.connect_args, "autocommit": True, "pool_size": 2}
        pools = {name: ConnectionPool(pool_name=name, **options, **how) for name, how in POOLS.items()}
        for pool in pools.values():
            sample(pool)  # warm up
        samples: dict[str, list[float]] = {name: [] for name in pools}
        for number in range(rounds):
            names = list(pools)
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                samples[name].append(sample(pools[name]))
        for pool in pools.values():
            pool.close()
    return samples


def ratio(samples: dict[str, list[float]], name: str) -> float:
    """How many times as long as without a reset."""
    return median(ours / base for ours, base in zip(samples[name], samples["no reset"]))


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="samples per pool (default 30)")
    samples = measure(parser.parse_args().rounds)
    print(f"{f'borrow, SELECT, close at {RTT * 1000:g} ms':34}{'median':>10}{'ratio':>8}")
    for name, times in samples.items():
        print(f"{name:34}{median(times) * 1000:7.2f} ms{ratio(samples, name):8.2f}")
    return 1 if ratio(samples, "reset, answered later") > TARGET else 0


if __name__ == "__main__":
    sys.exit(main())
