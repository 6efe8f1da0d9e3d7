"""How much memory a client takes: run as a program, so that nothing but the client is measured.

Standard input: keywords of `connect()`, and calls, as JSON. Standard output: bytes by which the resident memory grew at
its peak, and the error, as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mariadb_py import Error
from tests.hostile.client import Client

if TYPE_CHECKING:
    from typing import Any

STATUS = Path("/proc/self/status")


def _resident(name: str) -> int:
    """VmRSS or VmHWM, in bytes."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name + ":"))
    return int(line.split()[1]) * 1024


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def measure(face: str, keywords: dict[str, Any], calls: list[Any]) -> dict[str, Any]:
    """Connect, do the calls up to the first error, and say what it took."""
    if face == "asyncio":
        from tests.support.faces import AsyncFace

        AsyncFace().take_over(setattr)
    client = Client(None)
    client.connect(False, **keywords)
    _forget_peak()
    before = _resident("VmRSS")
    outcome: dict[str, Any] = {"error": ""}
    try:
        for target, name, arguments, options in calls:
            client.call((target, name, tuple(arguments), options))
    except Error as error:
        outcome["error"] = str(error)[:1000]
    outcome["growth"] = _resident("VmHWM") - before
    client.close()
    return outcome


if __name__ == "__main__":
    print(json.dumps(measure(**json.load(sys.stdin))))
