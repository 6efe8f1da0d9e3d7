"""Host lists, and the choice between a unix socket and TCP."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_py.core.endpoint import LOCALHOST, USUAL_SOCKETS, Endpoint, choose_endpoint, parse_hosts, redirected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("a", [("a", 0)]),
        ("a:1", [("a", 1)]),
        ("a:1, b ,c:65535", [("a", 1), ("b", 0), ("c", 65535)]),
        ("127.0.0.1:3307", [("127.0.0.1", 3307)]),
        ("[::1]", [("::1", 0)]),
        ("[::1]:3307,[fe80::1%eth0]", [("::1", 3307), ("fe80::1%eth0", 0)]),
        ("::1", [("::1", 0)]),
        ("2001:db8::1,b", [("2001:db8::1", 0), ("b", 0)]),
        ("::ffff:127.0.0.1", [("::ffff:127.0.0.1", 0)]),
        *(
            (text, None)
            for text in (
                *("", ",", "a,", ",a", "a,,b", ":", ":1", "a:", "a:x", "a:-1", "a:65536", "a:000001", "a:\u0663"),
                *("[", "]", "[]", "[]:1", "[::1", "::1]", "[::1]x", "[::1]:", "[::1]1", "[[::1]]", "a]:1"),
            )
        ),
    ],
)
def test_parse_hosts(text: str, hosts: list[tuple[str, int]] | None) -> None:
    assert parse_hosts(text) == hosts


@given(st.lists(st.tuples(st.from_regex(r"[a-z0-9.:-]+", fullmatch=True), st.integers(1, 65535)), min_size=1))
def test_a_list_with_brackets_and_ports_is_read_as_it_was_meant(hosts: list[tuple[str, int]]) -> None:
    assert parse_hosts(",".join(f"[{host}]:{port}" for host, port in hosts)) == hosts


@given(st.text(alphabet="a1:[], "))
def test_every_host_of_a_list_is_there(text: str) -> None:
    hosts = parse_hosts(text)
    if hosts is not None:
        assert len(hosts) == text.count(",") + 1
        assert all(host and 0 <= port <= 65535 for host, port in hosts)


SECOND = USUAL_SOCKETS[1]


@pytest.mark.parametrize(
    ("host", "port", "present", "expected"),
    [
        (LOCALHOST, 0, (SECOND, USUAL_SOCKETS[2]), (None, 0, SECOND, ())),
        (LOCALHOST, 0, (), (LOCALHOST, 3306, None, USUAL_SOCKETS)),
        (LOCALHOST, 3306, (SECOND,), (LOCALHOST, 3306, None, ())),
        ("LOCALHOST", 0, (SECOND,), ("LOCALHOST", 3306, None, ())),
        ("127.0.0.1", 0, (SECOND,), ("127.0.0.1", 3306, None, ())),
        ("db", 3307, (), ("db", 3307, None, ())),
    ],
)
def test_choose_endpoint(host: str, port: int, present: tuple[str, ...], expected: tuple[Any, ...]) -> None:
    endpoint = choose_endpoint(host, port, present.__contains__)
    assert (endpoint.host, endpoint.port, endpoint.path, endpoint.tried) == expected


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (Endpoint("db", 3306), "db:3306"),
        (Endpoint("::1", 3306), "[::1]:3306"),
        (Endpoint(path="/run/s"), "/run/s"),
    ],
)
def test_an_endpoint_as_text(endpoint: Endpoint, text: str) -> None:
    assert str(endpoint) == text


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("mariadb://db", "db", 3306),
        ("mysql://db:3307", "db", 3307),
        ("mariadb://db:3307/", "db", 3307),
        ("mariadb://[::1]:3307/d?a=b", "::1", 3307),
        ("mariadb://db:3307?user=u", "db", 3307),
        ("mariadb://u:p@db:3307/?a=@other:1", "db", 3307),
        ("mariadb://u:p@x@db", "db", 3306),
        ("mariadb://localhost", "localhost", 3306),
    ],
)
def test_redirected(url: str, host: str, port: int) -> None:
    endpoint = redirected(url)
    assert endpoint is not None
    assert (endpoint.host, endpoint.port, endpoint.path, endpoint.address) == (host, port, None, None)


@pytest.mark.parametrize(
    "url",
    [
        *("", "db", "db:3307", "mariadb:", "mariadb://", "mariadb:///d", "mariadb://u:p@", "mariadb://:3307"),
        *("mariadb://a,b", "mariadb://db:x", "mariadb://db:65536", "http://db", "://db", "mariadb+x://db"),
        *("unix:///run/s", "mariadb://[::1", "//db"),
    ],
)
def test_where_nobody_is_redirected(url: str) -> None:
    assert redirected(url) is None


@given(st.text(alphabet="mariadb:/@?,[]1 "))
def test_any_redirect_is_one_host_or_none(url: str) -> None:
    endpoint = redirected(url)
    assert endpoint is None or (endpoint.host and 0 < endpoint.port <= 65535 and "," not in endpoint.host)
