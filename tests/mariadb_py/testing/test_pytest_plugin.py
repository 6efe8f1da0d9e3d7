"""The fixtures, as a project of a user would take them in."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[3]


def test_fixtures(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'protocol'}")
    pytester.makeconftest('pytest_plugins = ["mariadb_py.testing.pytest_plugin"]')
    pytester.makepyfile(
        """
        def run(connection, sql):
            cursor = connection.cursor()
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else None

        def test_writes(mariadb_server, mariadb_connection):
            assert mariadb_server.running
            run(mariadb_connection, "CREATE TABLE t (n INT)")
            run(mariadb_connection, "INSERT INTO t VALUES (1)")
            assert run(mariadb_connection, "SELECT n FROM t") == [(1,)]

        def test_uncommitted_rows_are_gone(mariadb_connection):
            assert run(mariadb_connection, "SELECT n FROM t") == []

        def test_may_close(mariadb_connection):
            mariadb_connection.close()
        """
    )
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=3)
