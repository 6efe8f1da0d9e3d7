"""The shape of the source, read from its syntax trees: imports only go down the floors, and nothing grows too long."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
ROOTS = {"mariadb_py": ROOT, "mariadb_protocol": ROOT / "protocol"}
LONGEST_FUNCTION = 60  # lines, without the docstring
LONGEST_FILE = 500
LISTS = {"mariadb_py.constants.ERR"}  # nothing but names and numbers, a line each

# Prefixes of modules, the longest that fits decides. exceptions.py is a table that all floors above the protocol share.
FLOORS = {
    "mariadb_protocol": 1,
    "mariadb_py.core": 2,
    "mariadb_py.exceptions": 2,
    "mariadb_py.io": 3,
    "mariadb_py": 4,
}
FLOOR_NAMES = {1: "protocol", 2: "core", 3: "drivers", 4: "faces"}
# Modules that do or wait for something; floor 3 is where that happens.
_IO = ("socket", "_socket", "ssl", "_ssl", "select", "selectors", "asyncio", "threading", "_thread", "time")
_IO += ("concurrent", "multiprocessing", "queue", "signal", "subprocess", "io", "importlib", "mmap", "fcntl")
FORBIDDEN = {
    1: {*_IO, "random", "secrets", "os", "pathlib", "tempfile"},
    2: {*_IO, "random", "secrets", "os", "pathlib", "tempfile"},
    3: set(),
    4: {*_IO} - {"importlib"},
}
APART = "mariadb_py.testing"
# The version is a fact of the package as a whole, which the attributes of a connection carry.
PACKAGE_FACTS = {"__version__", "__version_info__"}


class Module:
    """One source file.

    Attributes:
        name: dotted name.
        package: name that relative imports start from.
        tree: its syntax.
    """

    def __init__(self, path: Path, root: Path) -> None:
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        self.path = path
        self.name = ".".join(parts[:-1] if is_package else parts)
        self.package = self.name if is_package else self.name.rpartition(".")[0]
        self.source = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.source)

    def __repr__(self) -> str:
        return self.name


MODULES = {
    module.name: module
    for package, root in ROOTS.items()
    for module in (Module(path, root) for path in sorted((root / package).rglob("*.py")))
}
RUNTIME = [module for module in MODULES.values() if not module.name.startswith(APART)]
TESTING = [module for module in MODULES.values() if module.name.startswith(APART)]


def floor_of(name: str) -> int:
    """Floor of a module of ours."""
    return FLOORS[max((prefix for prefix in FLOORS if f"{name}.".startswith(f"{prefix}.")), key=len)]


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below `node` but those that only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from executed(other)
            continue
        yield child
        yield from executed(child)


def imports(module: Module) -> set[str]:
    """Names of the modules that a module imports, wherever in it."""
    found = set()
    for node in executed(module.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = module.package.split(".")[: len(module.package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                submodule = f"{source}.{alias.name}"
                if submodule in MODULES:
                    found.add(submodule)
                elif source != "mariadb_py" or alias.name not in PACKAGE_FACTS:
                    found.add(source)
    return found


def ours(names: set[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] in ROOTS}


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring: that of connect() lists all keywords."""
    documented = ast.get_docstring(node) is not None
    return _lines(node) - documented * _lines(node.body[0])


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def parametrized(modules: list[Module]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("module", modules, ids=repr)


# Floors


@parametrized(RUNTIME)
def test_imports_only_go_down(module: Module) -> None:
    floor = floor_of(module.name)
    upward = {name for name in ours(imports(module)) if floor_of(name) > floor or name.startswith(APART)}
    assert upward == set(), f"{module.name} is on floor {floor} ({FLOOR_NAMES[floor]})"


@parametrized(RUNTIME)
def test_only_drivers_touch_the_world(module: Module) -> None:
    found = {name for name in imports(module) if name.split(".")[0] in FORBIDDEN[floor_of(module.name)]}
    assert found == set()


@parametrized(TESTING)
def test_the_testing_package_stands_apart(module: Module) -> None:
    driver = {name for name in ours(imports(module)) if not name.startswith(APART)}
    assert driver == ({"mariadb_py"} if module.name == f"{APART}.pytest_plugin" else set())


# Imported only where they are used, and done without where they are not installed.
OPTIONAL = {f"{APART}.pytest_plugin": {"pytest"}, "mariadb_py.io.crypto": {"cryptography"}}


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python 3.9 has no list of its standard library")
@parametrized(list(MODULES.values()))
def test_nothing_but_the_standard_library(module: Module) -> None:
    roots = {name.split(".")[0] for name in imports(module)} - set(ROOTS)
    foreign = roots - sys.stdlib_module_names  # type: ignore[attr-defined,unused-ignore]
    assert foreign == OPTIONAL.get(module.name, set())


# Size and documentation


@parametrized(list(MODULES.values()))
def test_files_and_functions_are_short(module: Module) -> None:
    assert module.name in LISTS or len(module.source.splitlines()) <= LONGEST_FILE
    lengths = {
        node.name: length(node)
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("name", LISTS)
def test_lists_are_nothing_but_lists(name: str) -> None:
    docstring, future, *entries = MODULES[name].tree.body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(future, ast.ImportFrom)
    assert {type(entry) for entry in entries} == {ast.Assign}


def public(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    """Public classes, functions and methods below a module or class; the setter of a property is documented with it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) or child.name.startswith("_"):
            continue
        if any(ast.unparse(decorator).endswith((".setter", ".deleter")) for decorator in child.decorator_list):
            continue
        name = f"{prefix}.{child.name}"
        yield name, child
        if isinstance(child, ast.ClassDef):
            yield from public(child, name)


@parametrized(list(MODULES.values()))
def test_everything_public_is_documented(module: Module) -> None:
    assert ast.get_docstring(module.tree)
    silent = [name for name, node in public(module.tree, module.name) if not ast.get_docstring(node)]  # type: ignore[arg-type]
    assert silent == []


# The test tests itself: a rule that finds nothing must be able to find something.


def test_the_modules_are_found() -> None:
    assert {"mariadb_py", "mariadb_py.core.pool", "mariadb_py.io.link", "mariadb_protocol.commands.query"} <= set(
        MODULES
    )
    assert {floor_of(module.name) for module in RUNTIME} == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import socket", {"socket"}),
        ("import os.path as p, ssl", {"os.path", "ssl"}),
        ("from . import pool", {"mariadb_py.core.pool"}),
        ("from .pool import Slot", {"mariadb_py.core.pool"}),
        ("from .. import pool, exceptions", {"mariadb_py.pool", "mariadb_py.exceptions"}),
        ("from .. import connect", {"mariadb_py"}),
        ("from .. import __version__", set()),
        ("from ..io import link", {"mariadb_py.io.link"}),
        ("from mariadb_protocol import Session", {"mariadb_protocol"}),
        ("def f():\n    try:\n        import ssl\n    except ImportError:\n        pass", {"ssl"}),
        ("if TYPE_CHECKING:\n    import ssl\nelse:\n    import json", {"json"}),
        ("if x:\n    import ssl", {"ssl"}),
    ],
)
def test_imports_are_understood(source: str, expected: set[str]) -> None:
    module = Module.__new__(Module)
    module.name, module.package, module.tree = "mariadb_py.core.x", "mariadb_py.core", ast.parse(source)
    assert imports(module) == expected
