"""The numbers of protocol and interface, one module per subject: `from mariadb_py.constants import CLIENT`.

A module is loaded when it is first asked for, so that `import mariadb_py` pays for none of them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import (
        CAPABILITY,
        CLIENT,
        CURSOR,
        ERR,
        EXT_FIELD_TYPE,
        FIELD_FLAG,
        FIELD_TYPE,
        INDICATOR,
        INFO,
        STATUS,
        TPC_STATE,
    )

__all__ = [
    "CAPABILITY",
    "CLIENT",
    "CURSOR",
    "ERR",
    "EXT_FIELD_TYPE",
    "FIELD_FLAG",
    "FIELD_TYPE",
    "INDICATOR",
    "INFO",
    "STATUS",
    "TPC_STATE",
]

# Hidden from the type checker, to which it would declare that any name is there.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return import_module(f"{__name__}.{name}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
