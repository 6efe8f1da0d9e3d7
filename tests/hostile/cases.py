"""All hostile cases in one table, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.hostile import (
    cases_local,
    cases_login,
    cases_plugins,
    cases_results,
    cases_rows,
    cases_statements,
    cases_time,
    cases_tls,
)

if TYPE_CHECKING:
    from tests.hostile.table import Case

_THEMES = (cases_login, cases_plugins, cases_tls, cases_time, cases_results, cases_rows, cases_statements, cases_local)
_ALL = [case for theme in _THEMES for case in theme.CASES]
CASES: dict[str, Case] = {case.name: case for case in _ALL}
assert len(CASES) == len(_ALL), "two cases have the same name"
