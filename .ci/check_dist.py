"""Checks what `make build` made: `python .ci/check_dist.py dist`.

One wheel for every Python 3, under 300 KiB (250 before there was asyncio), that installs the two packages and nothing
else; wheel and sdist both install in an empty environment and can be imported there.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

LARGEST_WHEEL = 300 * 1024  # bytes
PACKAGES = {"mariadb_py", "mariadb_protocol"}
IMPORT = "import mariadb_py, mariadb_protocol, mariadb_py.testing; print(mariadb_py.__version__)"


def check_wheel(wheel: Path) -> None:
    """Name, size and contents of the wheel."""
    if not wheel.name.endswith("-py3-none-any.whl"):
        raise SystemExit(f"{wheel.name} is not a wheel for every Python 3")
    size = wheel.stat().st_size
    if size >= LARGEST_WHEEL:
        raise SystemExit(f"{wheel.name} has {size} bytes, {LARGEST_WHEEL} is too many")
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    unexpected = {top for top in tops if top not in PACKAGES and not top.endswith(".dist-info")}
    if unexpected or not tops >= PACKAGES:
        raise SystemExit(f"{wheel.name} installs {sorted(tops)}")
    print(f"{wheel.name}: {size} bytes, {sorted(tops & PACKAGES)}")


def check_install(distribution: Path) -> None:
    """Install into an empty environment, and import from a folder in which there is nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(Path(folder, "venv"), with_pip=True)
        python = str(Path(folder, "venv", "bin", "python"))
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", str(distribution.resolve())], check=True)
        version = subprocess.run([python, "-c", IMPORT], cwd=folder, check=True, capture_output=True, text=True).stdout
        print(f"{distribution.name}: installs and imports, version {version.strip()}")


def main() -> None:
    """Command line."""
    folder = Path(sys.argv[1])
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    check_wheel(wheel)
    check_install(wheel)
    check_install(sdist)


if __name__ == "__main__":
    main()
