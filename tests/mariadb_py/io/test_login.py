"""io/login.py: what a driver brings to a login."""

from __future__ import annotations

import os
import warnings

import pytest

from mariadb_py.core.endpoint import Endpoint
from mariadb_py.exceptions import SecurityWarning
from mariadb_py.io.login import attributes, warn


@pytest.mark.parametrize("endpoint", [Endpoint("db.example", 3307), Endpoint(path="/s")])
def test_attributes(endpoint: Endpoint) -> None:
    found = attributes(endpoint)
    assert found["_client_name"] == "mariadb_py"
    assert found["_pid"] == str(os.getpid())
    assert found.get("_server_host") == endpoint.host
    assert all(type(value) is str for value in found.values())


def test_a_warning_points_at_the_program() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn("look")
    (warning,) = caught
    assert (warning.category, str(warning.message), warning.filename) == (SecurityWarning, "look", __file__)


def test_a_warning_can_be_an_error() -> None:
    with pytest.raises(SecurityWarning, match=r"^look$"):
        warn("look")  # as everywhere in these tests
