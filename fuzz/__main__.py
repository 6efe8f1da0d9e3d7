"""A small mutation fuzzer: `python -m fuzz [--seconds N] [--seed N] [TARGET ...]`.

Starts from fuzz/corpus/TARGET/*, mutates and splices, and stops at the first failure, whose input it prints in hex. It
has no coverage feedback: give `fuzz.targets.TARGETS` to a coverage-guided engine for long runs.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from time import monotonic

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent / "protocol")]

from fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
INTERESTING = (0x00, 0x01, 0x7F, 0x80, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF)


def seeds(target: str) -> list[bytes]:
    """The inputs that are kept for a target."""
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


def mutate(data: bytes, others: list[bytes], source: random.Random) -> bytes:
    """A changed copy of `data`: bytes replaced, inserted, removed, repeated, or spliced with another input."""
    result = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 4, 8))):
        position = source.randrange(len(result) + 1)
        kind = source.randrange(6)
        if kind == 0:
            result[position:position] = bytes((source.choice(INTERESTING),))
        elif kind == 1:
            del result[position : position + source.choice((1, 2, 4, 16))]
        elif kind == 2:
            result[position:position] = result[position : position + source.choice((4, 16, 64))]
        elif kind == 3:
            other = source.choice(others)
            result[position:] = other[source.randrange(len(other) + 1) :]
        elif position < len(result):
            result[position] = source.choice(INTERESTING) if kind == 4 else result[position] ^ 1 << source.randrange(8)
    return bytes(result)


def run(target: str, seconds: float, seed: int) -> int:
    """Fuzz one target for some seconds; returns how many inputs were tried."""
    source = random.Random(seed)
    corpus = seeds(target)
    function = TARGETS[target]
    end = monotonic() + seconds
    count = 0
    while monotonic() < end:
        for _ in range(100):
            data = mutate(source.choice(corpus), corpus, source)
            count += 1
            try:
                function(data)
            except BaseException:
                print(f"{target}: failed after {count} inputs, seed {seed}, with\n{data.hex()}", file=sys.stderr)
                raise
    return count


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--seconds", type=float, default=10, help="per target (default 10)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    for target in arguments.targets or TARGETS:
        count = run(target, arguments.seconds, arguments.seed)
        print(f"{target}: {count} inputs in {arguments.seconds:g} s, no failure")


if __name__ == "__main__":
    main()
