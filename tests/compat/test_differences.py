"""docs/differences.md names cases that exist, and a reason for each; that they differ is for `make oracle` to show."""

from __future__ import annotations

import fnmatch
import re

import pytest

from tests.compat.oracle import DIFFERENCES, listed
from tests.compat.oracle_cases import AREAS, all_cases

CASES = all_cases()
TABLE = [line for line in DIFFERENCES.read_text(encoding="utf-8").splitlines() if line.startswith("|")]


@pytest.mark.parametrize("pattern", listed())
def test_each_pattern_names_cases(pattern: str) -> None:
    assert fnmatch.filter(CASES, pattern) != []


def test_no_case_is_listed_twice() -> None:
    names = [name for pattern in listed() for name in fnmatch.filter(CASES, pattern)]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("line", [line for line in TABLE if not line.startswith(("| Cases", "|---"))])
def test_each_row_says_what_and_why(line: str) -> None:
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    assert len(cells) == 4
    assert all(cells)


def test_the_cases_are_many_and_of_every_area() -> None:
    assert len(CASES) >= 150
    assert {name.split(".")[0] for name in CASES} == set(AREAS)
