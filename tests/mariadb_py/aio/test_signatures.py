"""Both faces have the same names, with the same parameters."""

from __future__ import annotations

import inspect

import pytest

import mariadb_py
import mariadb_py.aio
from mariadb_py.aio import pool as async_pool
from mariadb_py.pool import ServicePool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TWINS: dict[str, tuple[type, type]] = {
    "connection": (mariadb_py.Connection, mariadb_py.aio.AsyncConnection),
    "cursor": (mariadb_py.Cursor, mariadb_py.aio.AsyncCursor),
    "pool": (mariadb_py.ConnectionPool, mariadb_py.aio.AsyncConnectionPool),
    "service pool": (ServicePool, async_pool.AsyncServicePool),
}

# What only one face has: the name there, and why.
ONLY_SYNC = {
    "connection": {
        "open": "asks the server, which a property cannot await: is_open()",
    },
    "cursor": {},
    "pool": {},
    "service pool": {},
}
ONLY_ASYNC = {
    "connection": {
        "connect": "a constructor cannot await",
        "is_open": "instead of the property open",
        "set_autocommit": "instead of setting autocommit",
        "set_auto_reconnect": "instead of setting auto_reconnect",
    },
    "cursor": {},
    "pool": {"open": "a constructor cannot await"},
    "service pool": {"open": "a constructor cannot await"},
}
# Properties that can be set, for which the other face has a method.
SET_BY_METHOD = {
    "autocommit": "set_autocommit",
    "auto_reconnect": "set_auto_reconnect",
    "database": "select_db",
}
# Methods of the protocols of Python.
SPECIAL = {"__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__", "__next__": "__anext__"}
WAITS_FOR_NOTHING = {
    *("__repr__", "__del__", "__init__", "__iter__"),
    *("cursor", "xid", "get_server_version", "scroll", "setinputsizes", "setoutputsize"),
    *("connection", "set_config", "resize", "drain", "suspend", "resume", "stats", "prometheus", "forked", "shut"),
}


def public(kind: type) -> dict[str, Any]:
    """Public attributes of a class, inherited ones as well."""
    return {name: inspect.getattr_static(kind, name) for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize("name", TWINS)
def test_both_have_the_same_names(name: str) -> None:
    sync, twin = map(public, TWINS[name])
    assert sync.keys() - twin.keys() == ONLY_SYNC[name].keys()
    assert twin.keys() - sync.keys() == ONLY_ASYNC[name].keys()


def unwrapped(value: Any) -> Any:
    return value.__func__ if isinstance(value, (classmethod, staticmethod)) else value


def signature(function: Any) -> inspect.Signature:
    """Without what belongs to the class itself: its own name, and that awaiting has a type of its own."""
    return inspect.signature(unwrapped(function))


def parameters(function: Any) -> list[tuple[str, Any, Any, str]]:
    """Name, kind, default and annotation of each; the faces' own classes count as the same."""
    return [
        (each.name, each.kind, same(each.default), text(each.annotation))
        for each in signature(function).parameters.values()
    ]


def same(default: Any) -> Any:
    """A class of ours by the name that it has without await."""
    return text(default.__name__) if isinstance(default, type) else default


def text(annotation: Any) -> str:
    return str(annotation).replace("Async", "")


METHODS = [
    (name, method)
    for name, (sync, twin) in TWINS.items()
    for method in sorted({*public(sync), *SPECIAL})
    if callable(unwrapped(inspect.getattr_static(sync, method, None)))
    and not isinstance(inspect.getattr_static(sync, method), type)
    and hasattr(twin, SPECIAL.get(method, method))
]


@pytest.mark.parametrize(("name", "method"), METHODS, ids=lambda value: str(value).replace(" ", "_"))
def test_methods_have_the_same_signature(name: str, method: str) -> None:
    sync, twin = (
        inspect.getattr_static(kind, each) for kind, each in zip(TWINS[name], (method, SPECIAL.get(method, method)))
    )
    assert parameters(twin) == parameters(sync)
    ours, theirs = (text(signature(each).return_annotation) for each in (sync, twin))
    assert theirs == ours
    assert inspect.iscoroutinefunction(unwrapped(twin)) is (method not in WAITS_FOR_NOTHING)


@pytest.mark.parametrize("name", TWINS)
def test_properties_can_be_set_on_both_or_by_a_method(name: str) -> None:
    sync, twin = map(public, TWINS[name])
    for attribute, value in sync.items():
        if not isinstance(value, property) or attribute in ONLY_SYNC[name]:
            continue
        assert isinstance(twin[attribute], property)
        if (twin[attribute].fset is None) != (value.fset is None):
            assert value.fset is not None
            assert SET_BY_METHOD[attribute] in twin


@pytest.mark.parametrize(
    ("sync", "twin"),
    [(mariadb_py.connect, mariadb_py.aio.connect), (mariadb_py.create_pool, mariadb_py.aio.create_async_pool)],
)
def test_functions_have_the_same_parameters(sync: Any, twin: Any) -> None:
    assert parameters(twin) == parameters(sync)


@pytest.mark.parametrize("name", ["cursor", "pool"])
def test_constructors_have_the_same_parameters(name: str) -> None:
    sync, twin = TWINS[name]
    assert parameters(vars(twin).get("__init__", twin.__init__)) == parameters(sync.__init__)  # type: ignore[misc]


def test_the_other_names() -> None:
    aio = mariadb_py.aio
    assert (aio.Connection, aio.Cursor, aio.ConnectionPool) == (
        aio.AsyncConnection,
        aio.AsyncCursor,
        aio.AsyncConnectionPool,
    )
    assert aio.create_pool is aio.create_async_pool
