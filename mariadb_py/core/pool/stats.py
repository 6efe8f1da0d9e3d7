"""Figures of a pool: counters, histograms with fixed buckets, and their text for Prometheus.

Source of the text format: Prometheus documentation, page "Exposition formats".
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

BUCKETS = 64  # of times: bucket n has those below 2**n microseconds and not below half of that
COUNTERS = (
    *("borrow_waits", "handoffs", "timeouts", "queue_full", "refused", "cancelled_waits"),
    *("connects", "connect_errors", "leaks"),
)
DISCARDS = ("dead", "ping", "lifetime", "idle", "error", "reset", "leak", "evicted", "drained", "surplus", "closed")
TIMES = ("wait", "hold", "connect")
_BOUNDS = tuple((1 << number) / 1e6 for number in range(BUCKETS))  # seconds
_SHOWN = _BOUNDS[: _BOUNDS.index(134.217728) + 1]


def bucket(seconds: float) -> int:
    """The number of a time's bucket."""
    return int(seconds * 1e6).bit_length()


class Stats:
    """Counters of one pool; written under its lock.

    Attributes:
        counters: how often what happened, by the names of `COUNTERS`.
        discards: connections that were given up, by the reasons of `DISCARDS`.
        times: how many waits, leases and connects took how long, by the names of `TIMES`: counts by `bucket()`.
        borrows, resets, spared: of slots that are gone now.
    """

    __slots__ = ("borrows", "counters", "discards", "resets", "spared", "times")

    def __init__(self) -> None:
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.discards = dict.fromkeys(DISCARDS, 0)
        self.times = {name: [0] * BUCKETS for name in TIMES}
        self.borrows = self.resets = self.spared = 0

    def count(self, name: str) -> None:
        """It happened once more."""
        self.counters[name] += 1

    def time(self, name: str, seconds: float, times: int = 1) -> None:
        """It took that long; -1 takes that back."""
        self.times[name][bucket(seconds)] += times

    def add(self, borrows: int, resets: int, spared: int, holds: Sequence[int]) -> None:
        """Take over the figures of a slot."""
        self.borrows += borrows
        self.resets += resets
        self.spared += spared
        kept = self.times["hold"]
        for number, count in enumerate(holds):
            kept[number] += count

    def snapshot(
        self, gauges: Mapping[str, int], slots: Iterable[tuple[int, int, int, Sequence[int]]]
    ) -> dict[str, Any]:
        """All figures at this moment.

        Args:
            gauges: what the pool has now.
            slots: borrows, resets, resets spared and `holds` of each slot.

        Returns:
            Gauges and counters by their names; "discards": counts by reason; "wait", "hold", "connect": times, as
            {"count": n, "buckets": {upper bound in seconds: n}} with the buckets that are not empty.
        """
        total = Stats()
        total.counters.update(self.counters)
        total.add(self.borrows, self.resets, self.spared, self.times["hold"])
        for figures in slots:
            total.add(*figures)
        waits = list(self.times["wait"])
        waits[0] += total.borrows - sum(waits)  # who waits for nothing is not timed
        times = {"wait": waits, "hold": total.times["hold"], "connect": self.times["connect"]}
        return {
            **gauges,
            "borrows": total.borrows,
            "resets": total.resets,
            "resets_skipped": total.spared,
            **total.counters,
            "discards": dict(self.discards),
            **{name: _histogram(counts) for name, counts in times.items()},
        }


def _histogram(counts: Sequence[int]) -> dict[str, Any]:
    return {"count": sum(counts), "buckets": {bound: count for bound, count in zip(_BOUNDS, counts) if count}}


GAUGES = ("size", "idle", "active", "connecting", "waiting", "min_size", "max_size")


def prometheus(pools: Mapping[str, Mapping[str, Any]]) -> str:
    """What `Stats.snapshot` returns, in the text format of Prometheus.

    Args:
        pools: by the pools' names.
    """
    named = [(_label(name), figures) for name, figures in pools.items()]
    lines: list[str] = []
    for name in GAUGES:
        lines.append(f"# TYPE mariadb_pool_{name} gauge")
        lines += [f"mariadb_pool_{name}{{{label}}} {figures[name]}" for label, figures in named]
    for name in ("borrows", "resets", "resets_skipped", *COUNTERS):
        lines.append(f"# TYPE mariadb_pool_{name}_total counter")
        lines += [f"mariadb_pool_{name}_total{{{label}}} {figures[name]}" for label, figures in named]
    lines.append("# TYPE mariadb_pool_discards_total counter")
    lines += [
        f'mariadb_pool_discards_total{{{label},reason="{reason}"}} {count}'
        for label, figures in named
        for reason, count in figures["discards"].items()
    ]
    for name in TIMES:
        lines.append(f"# TYPE mariadb_pool_{name}_seconds histogram")
        for label, figures in named:
            lines += _histogram_lines(f"mariadb_pool_{name}_seconds", label, figures[name])
    return "\n".join(lines) + "\n"


def _label(pool_name: str) -> str:
    return 'pool="' + pool_name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _histogram_lines(name: str, label: str, histogram: Mapping[str, Any]) -> list[str]:
    lines = []
    buckets = histogram["buckets"]
    most = sum(bound * count for bound, count in buckets.items())  # each time as long as its bucket allows
    total = 0
    for bound in _SHOWN:  # always the same ones
        total += buckets.get(bound, 0)
        lines.append(f'{name}_bucket{{{label},le="{bound!r}"}} {total}')
    lines += [
        f'{name}_bucket{{{label},le="+Inf"}} {histogram["count"]}',
        f"{name}_sum{{{label}}} {most!r}",
        f"{name}_count{{{label}}} {histogram['count']}",
    ]
    return lines
