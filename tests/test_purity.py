"""What an import brings with it, and does: seen from a bare interpreter, as `python -I -S` is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing import Any

ROOT = Path(__file__).resolve().parents[1]

# Reports what there is before and after an import. json is imported behind it, so that it hides nothing.
PROBE = """
import sys, _thread, os
sys.path[:0] = [{root!r}, {protocol!r}]
def state():
    return {{
        "threads": _thread._count(),
        "files": sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else [],
        "environment": sorted(os.environ.items()),
        "hooks": [repr(hook) for hook in (sys.excepthook, sys.displayhook, sys.gettrace(), sys.getprofile())],
        "folder": os.getcwd(),
        "limit": sys.getrecursionlimit(),
    }}
modules, before = set(sys.modules), state()
import {package}
loaded, after = sorted(set(sys.modules) - modules), state()
import json
print(json.dumps({{"loaded": loaded, "before": before, "after": after}}))
"""

FORBIDDEN = {
    "mariadb_protocol": (
        *("socket", "_socket", "ssl", "_ssl", "asyncio", "threading", "select", "selectors", "hashlib", "_hashlib"),
        *("hmac", "zlib", "signal", "subprocess", "mariadb_py"),
    ),
    "mariadb_py": (
        *("ssl", "_ssl", "asyncio", "typing", "dataclasses", "logging", "inspect", "importlib.metadata", "re"),
        *("decimal", "_decimal", "hashlib", "_hashlib", "threading", "subprocess", "zlib", "mariadb_py.testing"),
    ),
}


def probe(package: str) -> dict[str, Any]:
    code = PROBE.format(root=str(ROOT), protocol=str(ROOT / "protocol"), package=package)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("package", FORBIDDEN)
def test_an_import_loads_little_and_does_nothing(package: str) -> None:
    report = probe(package)
    assert package in report["loaded"]
    assert [name for name in report["loaded"] if name in FORBIDDEN[package]] == []
    assert report["after"] == report["before"]
