from __future__ import annotations

import copy
import pickle

import pytest

from mariadb_protocol import indicator
from mariadb_protocol.indicator import MrdbIndicator

ALL = {"NULL": 1, "DEFAULT": 2, "IGNORE": 3, "IGNORE_ROW": 4}


@pytest.mark.parametrize(("name", "number"), ALL.items())
def test_there_is_one_of_each(name: str, number: int) -> None:
    one = getattr(indicator, name)
    assert type(one) is MrdbIndicator
    assert one.indicator == number
    assert repr(one) == f"INDICATOR.{name}"
    for other in (MrdbIndicator(number), copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert other is one


def test_they_differ() -> None:
    assert len({getattr(indicator, name) for name in ALL}) == 4


@pytest.mark.parametrize("number", [0, 5, -1, "1", None])
def test_no_indicator(number: int) -> None:
    with pytest.raises(ValueError, match=f"^an indicator is one of 1, 2, 3, 4, not {number!r}$"):
        MrdbIndicator(number)


def test_they_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match=r"INDICATOR.NULL cannot be changed"):
        indicator.NULL.indicator = 2
    with pytest.raises(AttributeError, match=r"INDICATOR.NULL cannot be changed"):
        del indicator.NULL.indicator
    with pytest.raises(AttributeError):
        indicator.NULL.other = 1  # type: ignore[attr-defined]
    assert indicator.NULL.indicator == 1
