"""T16. Borrow and close, without query and reset, cost at most 1.3 times the CPU of the C connector's pool.

The measurement is that of benchmarks/pool/cycle.py, done by the interpreter that has Connector/Python
(`make .venv-oracle/oracle.stamp`).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.chaos.program import Failed, Form, main

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-oracle" / "bin" / "python"
# In the short form only what is many times as much as it should be is a failure.
CODE = """
import sys
from benchmarks.pool.cycle import OURS, THEIRS, measure, median, ratio
samples = measure(int(sys.argv[1]), int(sys.argv[2]))
print(ratio(samples), *(median(samples[name]) * 1e6 for name in (OURS, THEIRS)))
"""
RATIO, SHORT_RATIO = 1.3, 3.0


def program(form: Form) -> str:
    if not PYTHON.exists():
        raise Failed(f"there is no {PYTHON.relative_to(ROOT)}: make .venv-oracle/oracle.stamp")
    done = subprocess.run(
        [PYTHON, "-c", CODE, *map(str, form.pick((30, 20_000), (5, 2_000)))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f".{os.pathsep}protocol"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    times, ours, theirs = map(float, done.stdout.split())
    bound = form.pick(RATIO, SHORT_RATIO)
    text = f"ratio {times:.2f} (bound {bound:g}): {ours:.2f} us of CPU, the C connector's pool {theirs:.2f} us"
    if times > bound:
        raise Failed(text)
    return text


if __name__ == "__main__":
    main(program)
