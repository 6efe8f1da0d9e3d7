"""T8. 200 threads share 10 connections: no error, no answer of somebody else, and everybody gets his share.

The run is that of benchmarks/pool/contention.py. Where there is an interpreter without GIL, it is done there, too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.pool.contention import run
from tests.chaos.program import Form, main, prove

ROOT = Path(__file__).resolve().parents[2]
THREADS, SIZE = 200, 10
FREE_THREADED = ("python3.13t", "python3.14t")


def program(form: Form) -> str:
    result = run(THREADS, SIZE, form.pick(10.0, 2.0))
    prove(not result.errors, f"{len(result.errors)} errors, the first: {result.errors[:1]}")
    prove(not result.hung, f"{result.hung} threads hang")
    prove(not result.strangers, f"{result.strangers} answers were for others")
    fair, late = form.bound(1.5), form.bound(3 * THREADS / SIZE * result.hold)
    prove(result.unfairness <= fair, f"a thread borrowed {result.unfairness:.2f} times as often as another")
    prove(result.p99 <= late, f"p99 of the waits is {result.p99:.3f} s, {late:.3f} are allowed")
    others = [name for name in FREE_THREADED if shutil.which(name) and not form.short]
    for name in others:
        done = subprocess.run(
            [name, "benchmarks/pool/contention.py"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f".{os.pathsep}protocol"},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
        prove(not done.returncode, f"{name}: {done.stdout}")
    return (
        f"{sum(result.borrows)} borrows in {result.seconds:.1f} s, no error; per thread max/min "
        f"{result.unfairness:.2f} (bound {fair:g}); p99 of waits {result.p99 * 1000:.0f} ms ({late * 1000:.0f})"
        + "".join(f"; {name} as well" for name in others)
    )


if __name__ == "__main__":
    main(program)
