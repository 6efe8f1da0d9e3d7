"""What pyproject.toml declares is what the folders hold. That wheel and sdist build is for `make build` to show."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest needs it there

if TYPE_CHECKING:
    from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
FOLDERS = {"mariadb_py": ROOT / "mariadb_py", "mariadb_protocol": ROOT / "protocol" / "mariadb_protocol"}


def test_every_package_is_listed_once() -> None:
    found = [
        ".".join((name, *path.parent.relative_to(folder).parts))
        for name, folder in FOLDERS.items()
        for path in folder.rglob("*.py")
    ]
    assert sorted(SETUPTOOLS["packages"]) == sorted(set(found))


def test_every_package_has_an_init_file() -> None:
    for name, folder in FOLDERS.items():
        lacking = [path for path in folder.rglob("*.py") if not (path.parent / "__init__.py").is_file()]
        assert lacking == [], name


def test_the_two_source_roots() -> None:
    assert {name: ROOT / path for name, path in SETUPTOOLS["package-dir"].items()} == FOLDERS
    assert PYPROJECT["tool"]["pytest"]["ini_options"]["pythonpath"] == [".", "protocol"]


def test_both_packages_are_typed() -> None:
    assert SETUPTOOLS["package-data"] == {name: ["py.typed"] for name in FOLDERS}
    for folder in FOLDERS.values():
        assert (folder / "py.typed").read_bytes() == b""


def test_no_runtime_dependency() -> None:
    assert PROJECT["dependencies"] == []
    assert set(PROJECT["dynamic"]) == {"version"}
    assert {"crypto", "test", "dev"} <= set(PROJECT["optional-dependencies"])


def test_supported_pythons() -> None:
    assert PROJECT["requires-python"] == ">=3.9"
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py39"


def test_the_named_files_exist() -> None:
    assert set(PROJECT["readme"]) == {"text", "content-type"}  # a copy of README.md would be in each wheel
    for name in PROJECT["license-files"]:
        assert (ROOT / name).is_file()


def test_the_version_is_a_literal() -> None:
    """setuptools reads it from the syntax tree; anything else would make it import the package."""
    assert SETUPTOOLS["dynamic"]["version"] == {"attr": "mariadb_py.__version__"}
    tree = ast.parse((ROOT / "mariadb_py" / "__init__.py").read_text(encoding="utf-8"))
    literals = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.startswith("__version")
    }
    assert set(literals) == {"__version__", "__version_info__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", literals["__version__"])
    assert ".".join(map(str, literals["__version_info__"])) == literals["__version__"]
