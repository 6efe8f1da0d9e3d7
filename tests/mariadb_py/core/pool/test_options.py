"""The options of a pool."""

from __future__ import annotations

import pytest

from mariadb_py.core.pooloptions import POOL_OPTIONS, PoolOptions
from mariadb_py.exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def values(pool: PoolOptions) -> tuple[Any, ...]:
    return pool.name, pool.size, pool.reset, pool.validation_interval


def test_pool_options_are_split_from_those_of_connections() -> None:
    pool, rest = PoolOptions.split({"pool_name": "p", "host": "h", "pool_size": 7, "what": 1})
    assert values(pool) == ("p", 7, True, 0.5)
    assert rest == {"host": "h", "what": 1}


@pytest.mark.parametrize("keywords", [{}, {option.name: None for option in POOL_OPTIONS}])
def test_defaults(keywords: dict[str, Any]) -> None:
    pool, rest = PoolOptions.split(keywords)
    assert values(pool) == (None, 5, True, 0.5)
    assert rest == {}


@pytest.mark.parametrize(
    ("name", "alias", "value", "expected"),
    [
        ("pool_reset_session", "pool_reset_connection", False, (None, 5, False, 0.5)),
        ("pool_invalidation_interval", "pool_validation_interval", 250, (None, 5, True, 0.25)),
    ],
)
def test_aliases(name: str, alias: str, value: object, expected: tuple[Any, ...]) -> None:
    assert {option.name: option.aliases for option in POOL_OPTIONS}[name] == (alias,)
    for keywords in ({name: value}, {alias: value}, {name: value, alias: value}, {name: value, alias: None}):
        assert values(PoolOptions.split(keywords)[0]) == expected
    with pytest.raises(TypeError, match=f"^{name} and {alias} are the same option and have different values$"):
        PoolOptions.split({name: value, alias: True})


def test_on_top_of_present_ones() -> None:
    first, _ = PoolOptions.split({"pool_name": "p", "pool_size": 7})
    second, _ = PoolOptions.split({"pool_invalidation_interval": 0, "pool_size": None}, first)
    assert values(second) == ("p", 7, True, 0)


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        *(
            ("pool_size", size, ProgrammingError, f"Pool size must be in range of 1 and 64, not {size}")
            for size in (0, -1, 65)
        ),
        *(
            ("pool_size", size, TypeError, f"pool_size wants int, not {type(size).__name__}")
            for size in ("5", 5.0, True)
        ),
        ("pool_name", b"p", TypeError, "pool_name wants str, not bytes"),
        ("pool_reset_session", 1, TypeError, "pool_reset_session wants bool, not int"),
        ("pool_invalidation_interval", 0.5, TypeError, "pool_invalidation_interval wants int, not float"),
        (
            *("pool_invalidation_interval", -1, ProgrammingError),
            "pool_invalidation_interval is a time in milliseconds from 0 to 2147483648, not -1",
        ),
    ],
)
def test_wrong_values(name: str, value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        PoolOptions.split({name: value})
    assert str(caught.value) == message


@pytest.mark.parametrize("size", [1, 64])
def test_sizes_at_the_edge(size: int) -> None:
    assert PoolOptions.split({"pool_size": size})[0].size == size
