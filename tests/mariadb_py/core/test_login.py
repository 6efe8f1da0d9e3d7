"""core/login.py: credentials, and where a server sends us."""

from __future__ import annotations

import pytest

from mariadb_protocol import ParameterError, Session, Verified
from mariadb_protocol.constants import Capability
from mariadb_py.core.endpoint import Endpoint
from mariadb_py.core.login import credentials, encode_name, encode_password, redirection
from mariadb_py.core.options import ConnectOptions
from mariadb_py.exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def test_encode_name() -> None:
    assert encode_name(None, "user") == b""
    assert encode_name("\u6e2c", "user") == "\u6e2c".encode()
    with pytest.raises(TypeError, match=r"^user is a str, not bytes$"):
        encode_name(b"u", "user")  # type: ignore[arg-type]


def test_encode_password() -> None:
    assert encode_password(None) == b""
    assert encode_password("p\u00e4") == "p\u00e4".encode()
    assert encode_password(b"\xff\0") == b"\xff\0"
    with pytest.raises(TypeError, match=r"^password is a str or bytes, not int$"):
        encode_password(1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "fact"),
    [("a\0b", "contains a NUL character at position 1"), ("\ud800", "has a lone surrogate at position 0")],
)
def test_names_that_cannot_be_sent(name: str, fact: str) -> None:
    with pytest.raises((ProgrammingError, ParameterError), match=f"^user {fact}$"):
        encode_name(name, "user")


@pytest.mark.parametrize(
    ("keywords", "flag", "asked"),
    [
        ({}, Capability.COMPRESS, False),
        ({"compress": True}, Capability.COMPRESS, True),
        ({}, Capability.LOCAL_FILES, False),
        ({"local_infile": True}, Capability.LOCAL_FILES, True),
        ({"client_flag": Capability.LOCAL_FILES}, Capability.LOCAL_FILES, False),
        ({"client_flag": Capability.MULTI_STATEMENTS}, Capability.MULTI_STATEMENTS, True),
        ({}, Capability.MARIADB_BULK, True),
    ],
)
def test_capabilities(keywords: dict[str, Any], flag: int, asked: bool) -> None:
    found = credentials(ConnectOptions.from_keywords(keywords), {}, None, None, None)
    assert bool(found.capabilities & flag) is asked


def test_attributes_of_the_user_count() -> None:
    options = ConnectOptions.from_keywords({"connect_attrs": {"_pid": "0", "program": "x"}})
    found = credentials(options, {"_pid": "17", "_os": "linux"}, "u", "p", "d")
    assert found.attributes == {"_pid": "0", "_os": "linux", "program": "x"}
    assert (found.user, found.password, found.database) == (b"u", b"p", b"d")


HERE = Endpoint("here", 3306)


@pytest.mark.parametrize(
    ("url", "permitted", "verified", "target"),
    [
        ("", True, Verified.NO, None),
        ("mariadb://there", True, Verified.NO, "there:3306"),
        ("mysql://there:3307", True, Verified.NO, "there:3307"),
        ("mariadb://there:3307/?a=b", True, Verified.NO, "there:3307"),
        ("mariadb://user:secret@there:3307", True, Verified.NO, "there:3307"),
        ("mariadb://[::1]:3307", True, Verified.NO, "[::1]:3307"),
        ("mariadb://there", None, Verified.NO, None),
        ("mariadb://there", None, Verified.CHAIN, "there:3306"),
        ("mariadb://there", None, Verified.FINGERPRINT, "there:3306"),
        ("mariadb://there", None, Verified.PROOF, "there:3306"),
        ("mariadb://there", False, Verified.CHAIN, None),
        ("mariadb://here:3306", True, Verified.NO, None),
        ("mariadb://here", True, Verified.NO, None),
        ("mariadb://a,b", True, Verified.NO, None),
        ("http://there", True, Verified.NO, None),
        ("there:3307", True, Verified.NO, None),
        ("mariadb://", True, Verified.NO, None),
        ("mariadb://there:99999", True, Verified.NO, None),
        ("mariadb:///socket", True, Verified.NO, None),
    ],
)
def test_redirection(url: str, permitted: bool | None, verified: str, target: str | None) -> None:
    session = Session()
    session.variables["redirect_url"] = url
    session.channel.verified = verified
    found = redirection(session, permitted, HERE)
    assert (None if found is None else str(found)) == target
