"""T4. At 2 ms of network, a reset costs a borrower nothing: borrow, SELECT and close take as long as without.

The measurement is that of benchmarks/pool/reset_rtt.py.
"""

from __future__ import annotations

from statistics import median

from benchmarks.pool.reset_rtt import POOLS, RTT, TARGET, measure, ratio
from tests.chaos.program import Form, main, prove


def program(form: Form) -> str:
    samples = measure(form.pick(60, 5))
    none, later, waited = (median(samples[name]) * 1000 for name in POOLS)
    times = ratio(samples, "reset, answered later")
    most = form.pick(TARGET, 1.6)  # one more round trip would be 2
    text = (
        f"{later:.2f} ms with reset, {none:.2f} without, {waited:.2f} when waited for, at {RTT * 1000:g} ms of network"
    )
    prove(times <= most, f"a reset costs {times:.2f} times as much, {most:g} is allowed: {text}")
    return f"ratio {times:.2f} (bound {most:g}): {text}"


if __name__ == "__main__":
    main(program)
