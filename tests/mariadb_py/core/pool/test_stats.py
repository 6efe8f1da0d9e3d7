"""Counters, histograms, and their text for Prometheus."""

from __future__ import annotations

import re

import pytest

from mariadb_py.core.pool.stats import BUCKETS, COUNTERS, DISCARDS, GAUGES, TIMES, Stats, bucket, prometheus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

GAUGED = {name: number for number, name in enumerate(GAUGES)}
SAMPLE = re.compile(r'(\w+)\{((?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)+)\} (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def parse(text: str) -> tuple[dict[str, str], dict[tuple[str, frozenset[tuple[str, str]]], float]]:
    """Types and samples, as the page "Exposition formats" has them."""
    types: dict[str, str] = {}
    samples = {}
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types
            types[name] = kind
            continue
        found = SAMPLE.fullmatch(line)
        assert found is not None, line
        labels = {
            name: re.sub(r"\\.", lambda escape: ESCAPES[escape[0]], value) for name, value in LABEL.findall(found[2])
        }
        key = (found[1], frozenset(labels.items()))
        assert key not in samples
        family = re.sub("_(bucket|sum|count)$", "", found[1])
        assert types[family if family in types else found[1]]
        samples[key] = float(found[3])
    return types, samples


def series(text: str, name: str) -> dict[str, float]:
    """The buckets of a histogram."""
    _, samples = parse(text)
    return {
        dict(labels)["le"]: value
        for (metric, labels), value in samples.items()
        if metric == f"mariadb_pool_{name}_seconds_bucket"
    }


@pytest.mark.parametrize(
    ("seconds", "number"),
    [(0.0, 0), (0.9e-6, 0), (1e-6, 1), (1.9e-6, 1), (2e-6, 2), (0.5, 19), (1.0, 20), (1e9, 50)],
)
def test_bucket(seconds: float, number: int) -> None:
    assert bucket(seconds) == number < BUCKETS
    assert seconds < 2**number / 1e6
    assert number == 0 or seconds >= 2 ** (number - 1) / 1e6


def test_a_new_one_is_empty() -> None:
    assert Stats().snapshot(GAUGED, []) == {
        **GAUGED,
        **dict.fromkeys(("borrows", "resets", "resets_skipped", *COUNTERS), 0),
        "discards": dict.fromkeys(DISCARDS, 0),
        **{name: {"count": 0, "buckets": {}} for name in TIMES},
    }


def test_snapshot() -> None:
    stats = Stats()
    stats.count("timeouts")
    stats.count("timeouts")
    stats.discards["idle"] += 3
    stats.time("wait", 0.1)
    stats.time("wait", 0.2)
    stats.time("wait", 0.2, -1)
    stats.time("connect", 1.0)
    gone = [0] * BUCKETS
    gone[3] = 2
    stats.add(2, 1, 8, gone)
    holds = [0] * BUCKETS
    holds[3], holds[20] = 1, 4
    figures = stats.snapshot(GAUGED, [(5, 4, 3, holds), (0, 0, 0, [0] * BUCKETS)])
    assert (figures["borrows"], figures["resets"], figures["resets_skipped"]) == (7, 5, 11)
    assert (figures["timeouts"], figures["connects"]) == (2, 0)
    assert figures["discards"]["idle"] == 3
    assert figures["hold"] == {"count": 7, "buckets": {8e-06: 3, 1.048576: 4}}
    assert figures["wait"] == {"count": 7, "buckets": {1e-06: 6, 0.131072: 1}}
    assert figures["connect"] == {"count": 1, "buckets": {1.048576: 1}}
    assert stats.snapshot(GAUGED, [(5, 4, 3, holds)]) == figures  # and nothing was added by asking
    assert stats.borrows == 2
    figures["discards"]["idle"] = 99
    assert stats.discards["idle"] == 3


def some() -> dict[str, Any]:
    stats = Stats()
    for number, name in enumerate(COUNTERS):
        stats.counters[name] = number + 10
    for number, name in enumerate(DISCARDS):
        stats.discards[name] = number + 100
    for seconds in (0.0, 0.003, 0.003, 1.5, 10_000.0):
        stats.time("connect", seconds)
    return stats.snapshot(GAUGED, [(6, 5, 4, [0] * BUCKETS)])


def test_prometheus_says_all_there_is() -> None:
    figures = some()
    types, samples = parse(prometheus({"p": figures}))
    pool = ("pool", "p")
    label = frozenset([pool])
    for name in GAUGES:
        assert (types[f"mariadb_pool_{name}"], samples[f"mariadb_pool_{name}", label]) == ("gauge", figures[name])
    for name in ("borrows", "resets", "resets_skipped", *COUNTERS):
        key = f"mariadb_pool_{name}_total"
        assert (types[key], samples[key, label]) == ("counter", figures[name])
    for reason in DISCARDS:
        key = "mariadb_pool_discards_total"
        assert samples[key, frozenset([pool, ("reason", reason)])] == figures["discards"][reason]
    for name in TIMES:
        key = f"mariadb_pool_{name}_seconds"
        assert (types[key], samples[f"{key}_count", label]) == ("histogram", figures[name]["count"])
    others = len(GAUGES) + 3 + len(COUNTERS) + 1
    assert len(types) == others + len(TIMES)
    assert len(samples) == others - 1 + len(DISCARDS) + len(TIMES) * (
        2 + len(series(prometheus({"p": figures}), "wait"))
    )


def test_buckets_add_up() -> None:
    text = prometheus({"p": some()})
    counts = series(text, "connect")
    assert list(counts.values()) == sorted(counts.values())
    assert [counts[bound] for bound in ("1e-06", "0.002048", "0.004096", "1.048576", "2.097152")] == [1, 1, 3, 3, 4]
    assert counts["134.217728"] == 4
    assert counts["+Inf"] == 5  # one is longer than any bound that is shown
    _, samples = parse(text)
    assert samples["mariadb_pool_connect_seconds_count", frozenset([("pool", "p")])] == 5
    total = samples["mariadb_pool_connect_seconds_sum", frozenset([("pool", "p")])]
    assert total == pytest.approx(1e-6 + 2 * 0.004096 + 2.097152 + 2**34 / 1e6)


def test_bounds_are_always_the_same() -> None:
    empty = prometheus({"p": Stats().snapshot(GAUGED, [])})
    bounds = list(series(empty, "wait"))
    assert [float(bound) for bound in bounds] == [*(2**number / 1e6 for number in range(28)), float("inf")]
    assert set(series(empty, "wait").values()) == {0}
    for name in TIMES:
        assert list(series(prometheus({"p": some()}), name)) == bounds


@pytest.mark.parametrize("name", ["", 'a"b', "a\\b", "a\\", "a\nb", '\\"\n', 'p",x="', "a{b}", "größer", "\\n"])
def test_labels_are_escaped(name: str) -> None:
    text = prometheus({name: some()})
    _, samples = parse(text)
    assert {dict(labels)["pool"] for _, labels in samples} == {name}
