"""Stands in for MariaDB Connector/Python in programs that say `import mariadb`.

    from mariadb_py.compat import install_as_mariadb

    install_as_mariadb()
    import mariadb  # this is mariadb_py

Importing this module changes nothing; calling the function does.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

import mariadb_py

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_NAME = "mariadb"
# Modules of Connector/Python 1.1 that have another name here; the others have the same.
_RENAMED = {
    "mariadb.connectionpool": "mariadb_py.pool",
    "mariadb.connections": "mariadb_py.connection",
    "mariadb.cursors": "mariadb_py.cursor",
    "mariadb.dbapi20": "mariadb_py",  # what it holds is spread here, but all of it is in the package
    "mariadb.release_info": "mariadb_py",
}


def install_as_mariadb() -> None:
    """Make `import mariadb`, and the import of its submodules, give this package. Doing it twice is harmless.

    Raises:
        RuntimeError: another module of that name, say Connector/Python's, is already imported: what has taken names
            from it would go on with them, and one program would have two drivers.
    """
    loaded = sys.modules.get(_NAME)
    if loaded not in (None, mariadb_py):
        origin = getattr(loaded, "__file__", None) or "unknown origin"
        raise RuntimeError(
            f"install_as_mariadb() comes too late: another module mariadb is already imported ({origin}); "
            "call it before anything imports mariadb"
        )
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        # Before the finder of files, which would load a second copy of each submodule under the other name.
        sys.meta_path.insert(0, _Finder())
    sys.modules[_NAME] = mariadb_py
    for name in (*_RENAMED, "mariadb.field"):
        import_module(name)  # attributes that the package has in Connector/Python after `import mariadb` alone


class _Finder(MetaPathFinder):
    """Finds `mariadb.X` where `mariadb_py.X` is. Nothing is loaded before a program asks for it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(f"{_NAME}."):
            return None
        name = _RENAMED.get(fullname, fullname.replace(_NAME, mariadb_py.__name__, 1))
        return None if find_spec(name) is None else ModuleSpec(fullname, _Alias(name))


class _Alias(Loader):
    """Gives a module that has another name already."""

    def __init__(self, name: str) -> None:
        self._name = name

    def exec_module(self, module: ModuleType) -> None:
        # The import system takes what stands in sys.modules afterwards, and leaves the attributes of that alone;
        # a module given by create_module() would get a new __spec__.
        sys.modules[module.__name__] = import_module(self._name)
