"""Each test of the folders that run over both faces has an id for each, or stands in the table of those that do not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.one_face import BOTH, FACES, SYNC, face_of, in_table

ROOT = Path(__file__).absolute().parents[1]


@pytest.fixture(scope="module")
def names() -> dict[str, set[str]]:
    """Ids without the face, by the face; "" for those without one."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    environment = {name: text for name, text in os.environ.items() if name != "MARIADB_PY_SERVER_ROOT"}
    environment["MARIADB_PY_FACES"] = "all"
    folders = [f"tests/{folder}" for folder in BOTH]
    done = subprocess.run([*command, *folders], cwd=ROOT, env=environment, capture_output=True, check=True, text=True)
    found: dict[str, set[str]] = {face: set() for face in (*FACES, "")}
    for line in done.stdout.splitlines():
        if line.startswith("tests/"):
            name, face = face_of(line)
            found[face].add(name)
    return found


def test_every_test_has_a_face(names: dict[str, set[str]]) -> None:
    assert names[""] == set()
    assert len(names["sync"]) > 2000


def test_both_faces_have_the_same_tests_but_for_the_table(names: dict[str, set[str]]) -> None:
    assert names["asyncio"] - names["sync"] == set()
    missing = names["sync"] - names["asyncio"]
    assert missing == {name for name in names["sync"] if in_table(name)}


def test_nothing_in_the_table_is_in_vain(names: dict[str, set[str]]) -> None:
    used = {key for name in names["sync"] for key in in_table(name)}
    assert set(SYNC) - used == set()
    assert all(reason.strip() for reason in SYNC.values())
