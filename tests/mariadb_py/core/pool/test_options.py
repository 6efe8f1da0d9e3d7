"""The options of a pool."""

from __future__ import annotations

import pytest

from mariadb_py.core.pool.options import (
    AS_CONNECTOR,
    AS_SERVICE,
    EVICT_ERRORS,
    LEAST_OPEN,
    MAX_INTERVAL,
    MAX_POOL_SIZE,
    MAX_SIZE,
    POOL_BY_NAME,
    POOL_OPTIONS,
    PoolOptions,
)
from mariadb_py.exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECONDS = ("acquire_timeout", "max_lifetime", "max_idle_time", "keepalive", "leak_timeout")
PAUSES = ("ping_timeout", "backoff", "max_backoff")
HOOKS = ("on_connect", "on_reset", "check", "on_event")
DEFAULTS: dict[str, Any] = {
    "name": None,
    "max_waiting": 0,
    "reset": True,
    "pipeline_reset": "auto",
    "validation_interval": 0.5,
    "ping_timeout": 1.0,
    "max_lifetime": 1800.0,
    "lifetime_jitter": 0.1,
    "max_idle_time": 600.0,
    "connect_concurrency": 2,
    "backoff": 0.05,
    "max_backoff": 5.0,
    "leak_timeout": 0.0,
    "fork_policy": "renew",
    "evict_errors": EVICT_ERRORS,
    **dict.fromkeys(HOOKS),
}
CONNECTOR = {"min_size": 5, "max_size": 5, "acquire_timeout": 0.0, "order": "fifo", "keepalive": 0.0}
SERVICE = {"min_size": 4, "max_size": 10, "acquire_timeout": 30.0, "order": "lifo", "keepalive": 120.0}
# The attributes of options that are called otherwise.
ATTRIBUTES = {"pool_name": "name", "pool_reset_session": "reset", "pool_invalidation_interval": "validation_interval"}


def own(service: bool = False, **keywords: Any) -> PoolOptions:
    options, rest = PoolOptions.split(keywords, service=service)
    assert rest == {}
    return options


def values(options: PoolOptions) -> dict[str, Any]:
    return {name: value for name, value in vars(options).items() if name[0] != "_"}


def sizes(options: PoolOptions) -> tuple[int, int]:
    return options.min_size, options.max_size


def test_pool_options_are_split_from_those_of_connections() -> None:
    options, rest = PoolOptions.split({"pool_name": "p", "host": "h", "pool_size": 7, "what": 1, "password": None})
    assert (options.name, sizes(options)) == ("p", (7, 7))
    assert rest == {"host": "h", "what": 1, "password": None}


@pytest.mark.parametrize("keywords", [{}, dict.fromkeys(POOL_BY_NAME)])
def test_defaults(keywords: dict[str, Any]) -> None:
    assert values(own(**keywords)) == {**DEFAULTS, **CONNECTOR, "background": False}
    assert values(own(service=True, **keywords)) == {**DEFAULTS, **SERVICE, "background": True}
    assert (AS_CONNECTOR.keys(), LEAST_OPEN) == (AS_SERVICE.keys(), 4)


def test_background() -> None:
    assert [own(acquire_timeout=seconds).background for seconds in (0, 0.0, 0.001, 5)] == [False, False, True, True]
    assert own(service=True, acquire_timeout=0).background is True


@pytest.mark.parametrize(
    ("name", "alias", "value", "expected"),
    [
        ("pool_reset_session", "pool_reset_connection", False, False),
        ("pool_reset_session", "pool_reset_connection", "auto", "auto"),
        ("pool_invalidation_interval", "pool_validation_interval", 250, 0.25),
    ],
)
def test_aliases(name: str, alias: str, value: object, expected: object) -> None:
    assert POOL_BY_NAME[alias] is POOL_BY_NAME[name]
    for keywords in ({name: value}, {alias: value}, {name: value, alias: value}, {name: value, alias: None}):
        assert getattr(own(**keywords), ATTRIBUTES[name]) == expected
    with pytest.raises(TypeError, match=f"^{name} and {alias} are the same option and have different values$"):
        own(**{name: value, alias: True})


def test_all_names() -> None:
    assert {option.name: option.aliases for option in POOL_OPTIONS if option.aliases} == {
        "pool_reset_session": ("pool_reset_connection",),
        "pool_invalidation_interval": ("pool_validation_interval",),
    }
    names = {ATTRIBUTES.get(option.name, option.name) for option in POOL_OPTIONS}
    assert names - {"pool_size"} == values(own()).keys() - {"background"}


def test_milliseconds_and_seconds() -> None:
    """What Connector/Python has is in milliseconds; all that is new is in seconds."""
    options = own(pool_invalidation_interval=1500, **dict.fromkeys((*SECONDS, *PAUSES), 1500))
    assert options.validation_interval == 1.5
    assert {getattr(options, name) for name in (*SECONDS, *PAUSES)} == {1500}


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("pool_name", ["", "p", "ü"]),
        *((name, [0, 0.0, 0.5, 7, MAX_INTERVAL]) for name in SECONDS),
        *((name, [0.001, 1, MAX_INTERVAL]) for name in PAUSES),
        ("lifetime_jitter", [0, 0.5, 1]),
        ("max_waiting", [0, 1, MAX_SIZE]),
        ("connect_concurrency", [1, MAX_SIZE]),
        ("order", ["fifo", "lifo"]),
        ("fork_policy", ["renew", "keep"]),
        ("pool_reset_session", [True, False, "auto"]),
        ("pipeline_reset", [True, False, "auto"]),
        *((name, [print, len]) for name in HOOKS),
    ],
)
def test_right_values(name: str, accepted: list[Any]) -> None:
    for value in accepted:
        for service in (False, True):
            assert getattr(own(service, **{name: value}), ATTRIBUTES.get(name, name)) is value


@pytest.mark.parametrize("value", [[1, 2], (2, 1), {1, 2}, frozenset((1, 2))])
def test_evict_errors(value: object) -> None:
    options = own(evict_errors=value)
    assert options.evict_errors == {1, 2}
    assert type(options.evict_errors) is frozenset
    assert own(evict_errors=()).evict_errors == frozenset()


def out_of_range(
    name: str, what: str, least: float, most: float, values: tuple[Any, ...]
) -> list[tuple[str, Any, str]]:
    return [(name, value, f"{name} is {what} from {least} to {most}, not {value!r}") for value in values]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *(case for name in SECONDS for case in out_of_range(name, "a time in seconds", 0, MAX_INTERVAL, (-0.1, 1e10))),
        *out_of_range("max_lifetime", "a time in seconds", 0, MAX_INTERVAL, (float("nan"), float("inf"))),
        *(case for name in PAUSES for case in out_of_range(name, "a time in seconds", 0.001, MAX_INTERVAL, (0, 1e10))),
        *out_of_range("lifetime_jitter", "a share", 0, 1, (-0.1, 1.1)),
        *out_of_range("max_waiting", "a number", 0, MAX_SIZE, (-1, MAX_SIZE + 1)),
        *out_of_range("min_size", "a number", 0, MAX_SIZE, (-1, MAX_SIZE + 1)),
        *out_of_range("max_size", "a number", 1, MAX_SIZE, (0, -1, MAX_SIZE + 1)),
        *out_of_range("connect_concurrency", "a number", 1, MAX_SIZE, (0, MAX_SIZE + 1)),
        *out_of_range(
            *("pool_invalidation_interval", "a time in milliseconds", 0, MAX_INTERVAL, (-1, MAX_INTERVAL + 1))
        ),
        ("order", "random", "order is one of 'fifo', 'lifo', not 'random'"),
        ("fork_policy", "", "fork_policy is one of 'renew', 'keep', not ''"),
        ("pool_reset_session", "nonsense", "pool_reset_session is True, False or \"auto\", not 'nonsense'"),
        ("pool_reset_connection", "", "pool_reset_session is True, False or \"auto\", not ''"),
        ("pipeline_reset", "yes", "pipeline_reset is True, False or \"auto\", not 'yes'"),
        ("evict_errors", [1, True], "evict_errors has numbers of errors, not [1, True]"),
        ("evict_errors", ("1",), "evict_errors has numbers of errors, not ('1',)"),
    ],
)
def test_out_of_range(name: str, value: object, message: str) -> None:
    for service in (False, True):
        with pytest.raises(ProgrammingError) as caught:
            own(service, **{name: value})
        assert str(caught.value) == message


@pytest.mark.parametrize(
    ("names", "wrong", "expected"),
    [
        (("pool_name", "order", "fork_policy"), (b"p", 1, True), "str"),
        (("pool_size", "min_size", "max_size", "max_waiting", "connect_concurrency"), ("5", 5.0, True), "int"),
        (("pool_invalidation_interval", "pool_validation_interval"), (0.5, "5", True), "int"),
        ((*SECONDS, *PAUSES, "lifetime_jitter"), ("1", True, [1]), "int or float"),
        (("pool_reset_session", "pool_reset_connection", "pipeline_reset"), (1, 0.5, b"auto"), "bool or str"),
        (HOOKS, ("f", 1), "Callable"),
        (("evict_errors",), (1290, "1290", {1290: 1}), "set or frozenset or list or tuple"),
    ],
)
def test_wrong_types(names: tuple[str, ...], wrong: tuple[Any, ...], expected: str) -> None:
    for name in names:
        for value in wrong:
            with pytest.raises(TypeError) as caught:
                own(**{name: value})
            assert str(caught.value) == f"{name} wants {expected}, not {type(value).__name__}"


def test_each_option_is_tried_with_a_wrong_type() -> None:
    """So that none is added without."""
    (mark,) = (mark for mark in test_wrong_types.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined]
    assert {name for names, _, _ in mark.args[1] for name in names} == POOL_BY_NAME.keys()


# Sizes


@pytest.mark.parametrize(
    ("keywords", "connector", "service"),
    [
        ({}, (5, 5), (4, 10)),
        ({"pool_size": 1}, (1, 1), (1, 1)),
        ({"pool_size": 64}, (64, 64), (4, 64)),
        ({"max_size": 3}, (3, 3), (3, 3)),
        ({"max_size": 64}, (64, 64), (4, 64)),
        ({"min_size": 0}, (0, 5), (0, 10)),
        ({"min_size": 2}, (2, 5), (2, 10)),
        ({"min_size": 20}, (20, 20), (20, 20)),
        ({"min_size": 0, "max_size": 1}, (0, 1), (0, 1)),
        ({"min_size": 3, "max_size": 3}, (3, 3), (3, 3)),
        ({"min_size": 1, "pool_size": 7}, (1, 7), (1, 7)),
        ({"max_size": 7, "pool_size": 7}, (7, 7), (4, 7)),
        ({"min_size": 2, "max_size": 7, "pool_size": 7}, (2, 7), (2, 7)),
    ],
)
def test_sizes(keywords: dict[str, int], connector: tuple[int, int], service: tuple[int, int]) -> None:
    assert (sizes(own(**keywords)), sizes(own(service=True, **keywords))) == (connector, service)


RANGE = f"Pool size must be in range of 1 and {MAX_POOL_SIZE}, not "
NUMBER = f"max_size is a number from 1 to {MAX_SIZE}, not "


@pytest.mark.parametrize(
    ("keywords", "connector", "service"),
    [
        ({"pool_size": 0}, f"{RANGE}0", f"{NUMBER}0"),
        ({"pool_size": -1}, f"{RANGE}-1", f"{NUMBER}-1"),
        ({"pool_size": 65}, f"{RANGE}65", ""),
        ({"max_size": 65}, f"{RANGE}65", ""),
        ({"min_size": 65}, f"{RANGE}65", ""),
        ({"pool_size": MAX_SIZE + 1}, f"{RANGE}{MAX_SIZE + 1}", f"{NUMBER}{MAX_SIZE + 1}"),
        ({"min_size": 3, "max_size": 2}, "min_size is 3, and max_size is 2", "min_size is 3, and max_size is 2"),
        ({"min_size": 3, "pool_size": 2}, "min_size is 3, and max_size is 2", "min_size is 3, and max_size is 2"),
        *(
            ({"pool_size": 5, "max_size": size}, *[f"pool_size 5 and max_size {size} are the same option"] * 2)
            for size in (4, 6)
        ),
    ],
)
def test_sizes_that_do_not_fit(keywords: dict[str, int], connector: str, service: str) -> None:
    for message, kind in ((connector, False), (service, True)):
        if not message:
            assert own(kind, **keywords).max_size == 65
            continue
        with pytest.raises(ProgrammingError) as caught:
            own(kind, **keywords)
        assert str(caught.value) == message


# Changes


def test_changed() -> None:
    first = own(pool_name="p", pool_size=7, backoff=1, check=print)
    second = first.changed(pool_invalidation_interval=0, backoff=2)
    assert values(second) == {**values(first), "validation_interval": 0.0, "backoff": 2}
    assert (first.backoff, first.validation_interval) == (1, 0.5)
    service = own(service=True, max_size=20).changed(order="fifo")
    assert values(service) == {**DEFAULTS, **SERVICE, "max_size": 20, "order": "fifo", "background": True}


@pytest.mark.parametrize(
    ("first", "change", "expected"),
    [
        ({}, {"pool_size": 3}, (3, 3)),
        ({"pool_size": 5}, {"pool_size": 3}, (3, 3)),
        ({"min_size": 4, "max_size": 8}, {"pool_size": 3}, (3, 3)),
        ({"pool_size": 5}, {"max_size": 3}, (3, 3)),
        ({"pool_size": 5}, {"min_size": 2, "max_size": 9}, (2, 9)),
        ({"pool_size": 5}, {"min_size": 2}, (2, 5)),
        ({"pool_size": 5}, {"min_size": 2, "pool_size": 6}, (2, 6)),
        ({"min_size": 2, "max_size": 8}, {"max_size": 9}, (2, 9)),
        ({"min_size": 2, "max_size": 8}, {"min_size": 0}, (0, 8)),
        ({"max_size": 8}, {"backoff": 1}, (8, 8)),
    ],
)
def test_changed_sizes(first: dict[str, int], change: dict[str, int], expected: tuple[int, int]) -> None:
    options, _ = PoolOptions.split(change, own(**first))
    assert sizes(options) == expected
    again, _ = PoolOptions.split({}, options)
    assert values(again) == values(options)


@pytest.mark.parametrize(
    ("first", "change"),
    [
        ({"pool_size": 5}, {"min_size": 6}),
        ({"min_size": 4, "max_size": 8}, {"max_size": 3}),
        ({"pool_size": 5}, {"pool_size": 5, "max_size": 6}),
        ({"pool_size": 5}, {"max_size": 65}),
    ],
)
def test_changes_that_do_not_fit(first: dict[str, int], change: dict[str, int]) -> None:
    present = own(**first)
    before = values(present)
    with pytest.raises(ProgrammingError):
        PoolOptions.split(change, present)
    assert values(present) == before


def test_none_changes_nothing() -> None:
    first = own(pool_name="p", pool_size=7)
    second, _ = PoolOptions.split({"pool_size": None, "pool_name": None}, first)
    assert values(second) == values(first)


@pytest.mark.parametrize(
    ("deadline", "expected"), [(None, 10.5), (99.0, 10.5), (10.2, 10.2), (10.001, 10.01), (3.0, 10.01)]
)
def test_a_check_has_its_time(deadline: float | None, expected: float) -> None:
    assert PoolOptions({"ping_timeout": 0.5}).check_until(deadline, 10.0) == expected
