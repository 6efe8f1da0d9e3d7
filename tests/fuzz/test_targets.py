from __future__ import annotations

import random

import pytest

from fuzz.__main__ import CORPUS, mutate, seeds
from fuzz.targets import TARGETS, chunks

MUTATIONS = 300


def test_every_target_has_seeds() -> None:
    assert sorted(folder.name for folder in CORPUS.iterdir()) == sorted(TARGETS)
    assert [target for target in TARGETS if not 0 < len(seeds(target)) <= 12] == []
    assert max(len(seed) for target in TARGETS for seed in seeds(target)) < 1024


@pytest.mark.parametrize("target", TARGETS)
def test_seeds(target: str) -> None:
    for seed in seeds(target):
        TARGETS[target](seed)


@pytest.mark.parametrize("target", TARGETS)
def test_mutations(target: str) -> None:
    source = random.Random(target)
    corpus = seeds(target)
    for _ in range(MUTATIONS):
        data = mutate(source.choice(corpus), corpus, source)
        try:
            TARGETS[target](data)
        except Exception as error:
            raise AssertionError(f"{target} fails with {data.hex()}") from error


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("data", [b"", b"\0", b"\xff", b"\0\0\0\0\0", bytes(300)])
def test_next_to_nothing(target: str, data: bytes) -> None:
    TARGETS[target](data)


@pytest.mark.parametrize(
    ("first", "cut"),
    [(0, [b"a", b"b", b"c", b"d", b"e"]), (1, [b"ab", b"cd", b"e"]), (127, [b"abcde"]), (128, [b"abcde"])],
)
def test_the_first_byte_cuts_the_others(first: int, cut: list[bytes]) -> None:
    stream = chunks(bytes((first,)) + b"abcde")
    assert [next(stream) for _ in range(len(cut) + 2)] == [*cut, b"", b""]
