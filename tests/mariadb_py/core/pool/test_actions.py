"""What the core asks for."""

from __future__ import annotations

import pytest

from mariadb_py.core.pool.actions import Action, Answer, Check, Close, Open, Tell
from mariadb_py.core.pool.slot import Request, Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Answer, {"request": Request(0.0, None)}),
        (Open, {"slot": Slot()}),
        (Check, {"slot": Slot()}),
        (Close, {"connection": "c", "reason": "idle"}),
        (Tell, {"slot": Slot()}),
    ],
)
def test_actions(kind: type[Any], fields: dict[str, Any]) -> None:
    action = kind(*fields.values())
    assert isinstance(action, Action)
    assert {name: getattr(action, name) for name in kind.__slots__} == fields
    assert repr(action) == f"{kind.__name__}({', '.join(f'{name}={value!r}' for name, value in fields.items())})"
