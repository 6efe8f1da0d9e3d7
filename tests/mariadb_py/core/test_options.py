"""Where the values come from, which source wins, and how a server is reached; the options are in test_optiontable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.constants import Capability
from mariadb_py.core.endpoint import LOCALHOST, USUAL_SOCKETS
from mariadb_py.core.keywords import Text
from mariadb_py.core.options import ENVIRONMENT, ConnectOptions
from mariadb_py.exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Given:
    """Sources with fixed contents, which note what was asked."""

    def __init__(self, file: dict[str, str] | None = None, environment: dict[str, str] | None = None) -> None:
        self._file = file or {}
        self._environment = environment or {}
        self.asked: list[tuple[Any, ...]] = []

    def option_file(self, path: str, groups: tuple[str, ...]) -> dict[str, str]:
        self.asked.append((path, groups))
        return self._file

    def environment(self) -> dict[str, str]:
        self.asked.append(("environment",))
        return self._environment


def options(sources: Given | None = None, **keywords: Any) -> ConnectOptions:
    return ConnectOptions.from_keywords(keywords, sources)


# Sources

# From the strongest to the weakest: keywords that make it count, and what it says.
LAYERS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"user": "keyword"}, "keyword"),
    ({"uri": "mariadb://uri@"}, "uri"),
    ({"default_file": ""}, "file"),
    ({"environment": True}, "environment"),
)


@given(st.sets(st.sampled_from(range(len(LAYERS)))))
def test_the_stronger_source_wins(present: set[int]) -> None:
    sources = Given({"user": "file"}, {"MARIADB_USER": "environment"})
    keywords = {name: value for index in present for name, value in LAYERS[index][0].items()}
    expected = LAYERS[min(present)][1] if present else None
    assert options(sources, **keywords).user == expected


def test_a_keyword_that_is_none_is_no_value() -> None:
    assert options(user=None, uri="mariadb://uri@").user == "uri"


@pytest.mark.parametrize("keywords", [{}, {"dsn": None}, {"dsn": False}])
def test_no_dsn_is_no_mistake(keywords: dict[str, Any]) -> None:
    assert options(user="u", **keywords).user == "u"


def test_a_value_that_means_none_is_a_value() -> None:
    made = options(Given({"connect_timeout": "5", "database": "d"}), connect_timeout=0, database="", default_file="")
    assert (made.connect_timeout, made.database) == (None, None)


def test_every_source_contributes() -> None:
    sources = Given({"compress": "1"}, {"MARIADB_PWD": "p"})
    made = options(sources, user="u", uri="mysql://h:1/d", default_file="F", environment=True)
    assert (made.user, made.host, made.port, made.database, made.compress, made.password) == (
        *("u", "h", 1, "d", True, "p"),
    )


@pytest.mark.parametrize(
    ("keywords", "asked"),
    [
        ({}, []),
        ({"user": "u", "uri": "mariadb://h"}, []),
        ({"default_file": "", "environment": False}, [("", ())]),
        ({"default_file": "F", "default_group": "g"}, [("F", ("g",))]),
        ({"default_group": ["g", "h"]}, [("", ("g", "h"))]),
        ({"uri": "mariadb://?default_file=F&default_group=g"}, [("F", ("g",))]),
        ({"environment": True}, [("environment",)]),
    ],
)
def test_nothing_is_read_unless_asked_for(keywords: dict[str, Any], asked: list[tuple[Any, ...]]) -> None:
    sources = Given()
    options(sources, **keywords)
    assert sources.asked == asked


@pytest.mark.parametrize("keywords", [{"default_file": ""}, {"default_group": "g"}, {"environment": True}])
def test_without_sources_a_request_is_not_overlooked(keywords: dict[str, Any]) -> None:
    with pytest.raises(ProgrammingError, match=r"^Option files and environment variables cannot be read here$"):
        options(**keywords)


@pytest.mark.parametrize(("name", "variable"), [(name, them[-1]) for name, them in ENVIRONMENT.items()])
def test_environment_variables(name: str, variable: str) -> None:
    made = options(Given(None, {variable: "7"}), environment=True)
    assert getattr(made, name) == (7 if name == "port" else "7")
    unset = options(Given(None, {variable: ""}), environment=True)
    assert getattr(unset, name) == getattr(options(), name)


def test_the_first_of_two_variables_counts() -> None:
    both = {"MARIADB_TCP_PORT": "1", "MARIADB_PORT": "2", "MARIADB_PASSWORD": "a", "MARIADB_PWD": "b"}
    made = options(Given(None, both), environment=True)
    assert (made.port, made.password) == (1, "a")


@pytest.mark.parametrize(
    ("keywords", "sources", "message"),
    [
        ({"uri": "mariadb://?binary=2"}, None, "binary wants yes or no, not '2' (from the URI)"),
        ({"uri": "mariadb://?usr=x"}, None, "There is no option 'usr' (from the URI); did you mean 'user'?"),
        ({"uri": "mariadb://?zzzz=x"}, None, "There is no option 'zzzz' (from the URI)"),
        ({"uri": "mariadb://?uri=x"}, None, "uri can only be given as a keyword of connect() (from the URI)"),
        ({"uri": "mariadb://u@/d?db=x"}, None, "database is given twice (from the URI)"),
        ({"uri": "mariadb://?username=x&user=x"}, None, "user is given twice (from the URI)"),
        (
            *({"default_file": "F"}, Given({"port": Text("x", "F, line 3")})),
            "port wants a whole number, not 'x' (from F, line 3)",
        ),
        (
            *({"default_file": "F"}, Given({"port": Text("65536", "F, line 3")})),
            "port is a number from 0 to 65535, not 65536 (from F, line 3)",
        ),
        (
            *({"environment": True}, Given(None, {"MARIADB_PORT": "x"})),
            "port wants a whole number, not 'x' (from environment variable MARIADB_PORT)",
        ),
    ],
)
def test_a_wrong_text_says_where_it_came_from(keywords: dict[str, Any], sources: Given | None, message: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        options(sources, **keywords)
    assert str(caught.value) == message


# TLS from several sources

FLAG = {"client_flag": str(int(Capability.SSL))}


def what_tls(made: ConnectOptions) -> dict[str, Any] | None:
    """What is asked of TLS; None: there shall be none."""
    tls = made.tls
    return None if tls is None else {name: getattr(tls, name) for name in tls.__slots__ if getattr(tls, name)}


@pytest.mark.parametrize(
    ("keywords", "uri", "file", "expected"),
    [
        ({}, "", {}, None),
        ({}, "ssl=1", {}, {}),
        ({}, "ssl_ca=/uri", {}, {"ca": "/uri"}),
        ({}, "ssl_verify_cert=1", {}, {"verify": True}),
        ({}, "ssl_verify_cert=0", {}, None),
        ({}, "", {"ssl": "1"}, {}),
        ({}, "", {"ssl_ca": "/file"}, {"ca": "/file"}),
        ({}, "", FLAG, {}),
        ({"ssl": True}, "", {"ssl": "0"}, {}),
        ({"ssl": True}, "ssl_ca=/uri", {"ssl_ca": "/file", "ssl_key": "/file"}, {"ca": "/uri", "key": "/file"}),
        ({"ssl_ca": "/mine"}, "ssl_ca=/uri", {"ssl_ca": "/file"}, {"ca": "/mine"}),
        # Who says no in a stronger place means all that the weaker ones say.
        ({"ssl": False}, "ssl=1&ssl_ca=/uri", {"ssl_ca": "/file", "ssl": "1"}, None),
        ({"ssl": 0}, "ssl_ca=/uri&tls_peer_fp_list=/list", {"ssl_verify_cert": "1"}, None),
        ({}, "ssl=0", {"ssl_ca": "/file", "ssl": "1"}, None),
        ({"ssl": None}, "ssl_ca=/uri", {}, {"ca": "/uri"}),
        ({"ssl_verify_cert": False}, "ssl_verify_cert=1", {}, None),
    ],
)
def test_tls_from_several_sources(
    keywords: dict[str, Any], uri: str, file: dict[str, str], expected: dict[str, Any] | None
) -> None:
    made = options(Given(file), uri=f"mariadb://?{uri}", default_file="F", **keywords)
    assert what_tls(made) == expected


@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        ({"ssl": False, "ssl_ca": "/ca"}, "ssl_ca"),
        ({"ssl": 0, "tls_version": "TLSv1.3"}, "tls_version"),
        ({"ssl": False, "ssl_verify_cert": True}, "ssl_verify_cert"),
        ({"ssl": False, "tls_fp": "00" * 32}, "tls_peer_fp"),
        ({"ssl": False, "client_flag": int(Capability.SSL)}, "client_flag"),
        ({"uri": "mariadb://?ssl=0&ssl_key=/key"}, "ssl_key"),
        # A program that wants TLS does not get a plain connection because of a file.
        ({"ssl_ca": "/ca", "uri": "mariadb://?ssl=0"}, "ssl_ca"),
    ],
)
def test_tls_that_is_both_wanted_and_not_wanted(keywords: dict[str, Any], name: str) -> None:
    with pytest.raises(ProgrammingError, match=f"^ssl is switched off, and {name} asks for TLS$"):
        options(**keywords)


@pytest.mark.parametrize(
    ("keywords", "sources", "message"),
    [
        ({"uri": "mariadb://?ssl_mode=REQUIRED"}, None, "There is no option 'ssl_mode' (from the URI)"),
        (
            *({"default_file": "F"}, Given({"ssl_mode": Text("REQUIRED", "F, line 3")})),
            "There is no option 'ssl_mode' (from F, line 3)",
        ),
        (
            *({"default_file": "F"}, Given({"tls_version": Text("SSLv3", "F, line 3")})),
            "tls_version is a list of TLSv1.2 and TLSv1.3, not 'SSLv3' (from F, line 3)",
        ),
        ({"uri": "mariadb://?ssl="}, None, "ssl wants yes or no, not '' (from the URI)"),
        ({"uri": "mariadb://?use_ssl=1&ssl=1"}, None, "ssl is given twice (from the URI)"),
        ({"uri": "mariadb://?limits=9"}, None, "limits can only be given as a keyword of connect() (from the URI)"),
    ],
)
def test_tls_in_a_text_is_not_overlooked(keywords: dict[str, Any], sources: Given | None, message: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        options(sources, **keywords)
    assert str(caught.value).partition("; did you mean")[0] == message


def test_tls_of_other_programs_that_asks_for_nothing() -> None:
    assert options(Given({"ssl_mode": Text("DISABLED", "F, line 3")}), default_file="F").tls is None
    assert options(uri="mariadb://?ssl_mode=disabled").tls is None


# A side connection


def test_what_a_connection_for_cancelling_takes_along() -> None:
    login: dict[str, Any] = {
        "host": "db",
        "port": 1,
        "unix_socket": "/s",
        "user": "u",
        "password": "p",
        "connect_timeout": 3,
        "auth_plugins": ("parsec",),
        "auth_prompt": print,
        "auth_gssapi": repr,
        "server_public_key": b"k",
        "allow_public_key_retrieval": True,
    }
    made = options(
        **login, ssl_ca="/ca", limits={"columns": 1}, database="d", init_command="SET @a = 1", compress=True,
        query_timeout=5, read_timeout=1, converter={3: str}, connect_attrs={"a": "b"}, reconnect=True, dictionary=True,
    )  # fmt: skip
    side = made.for_cancelling("as used")
    assert side is not made
    asks_nobody = {"password": "as used", "auth_prompt": None}
    kept = {**login, **asks_nobody, "tls": made.tls, "limits": made.limits, "autocommit": True}
    plain = options()
    for name in ConnectOptions.__slots__:
        assert getattr(side, name) == kept.get(name, getattr(plain, name)), name


# socket_timeout stands for two others


@pytest.mark.parametrize(
    ("keywords", "read", "write"),
    [
        ({"socket_timeout": 5}, 5, 5),
        ({"socket_timeout": 0}, None, None),
        ({"socket_timeout": 5, "read_timeout": 1}, 1, 5),
        ({"socket_timeout": 5, "write_timeout": 0}, 5, None),
        ({"socket_timeout": 5, "uri": "mariadb://?read_timeout=1"}, 5, 5),
        ({"write_timeout": 2, "uri": "mariadb://?socket_timeout=1"}, 1, 2),
    ],
)
def test_socket_timeout(keywords: dict[str, Any], read: float | None, write: float | None) -> None:
    made = options(**keywords)
    assert (made.read_timeout, made.write_timeout) == (read, write)


# A socket in an option file is the local server's


@pytest.mark.parametrize(
    ("keywords", "path"),
    [
        ({}, "/file"),
        ({"host": ""}, "/file"),
        ({"host": "localhost", "port": 0}, "/file"),
        ({"unix_socket": "/mine"}, "/mine"),
        ({"unix_socket": "/mine", "host": "db"}, "/mine"),
        ({"host": "db"}, None),
        ({"port": 3307}, None),
        ({"uri": "mariadb://db"}, None),
        ({"uri": "mariadb://:3307"}, None),
        ({"uri": "mariadb://db?unix_socket=/uri"}, "/uri"),
    ],
)
def test_a_named_server_is_not_replaced_by_the_socket_of_a_file(keywords: dict[str, Any], path: str | None) -> None:
    made = options(Given({"unix_socket": "/file", "host": "filehost"}), default_file="", **keywords)
    assert made.unix_socket == path


# The way to the server

SECOND = USUAL_SOCKETS[1]


@pytest.mark.parametrize(
    ("keywords", "present", "expected"),
    [
        ({}, (SECOND,), [(None, 0, SECOND, ())]),
        ({"host": ""}, (SECOND,), [(None, 0, SECOND, ())]),
        ({"port": 0}, (SECOND,), [(None, 0, SECOND, ())]),
        ({}, (), [(LOCALHOST, 3306, None, USUAL_SOCKETS)]),
        ({"port": 3306}, (SECOND,), [(LOCALHOST, 3306, None, ())]),
        ({"host": "localhost", "port": 3307}, (SECOND,), [(LOCALHOST, 3307, None, ())]),
        ({"host": "::1"}, (SECOND,), [("::1", 3306, None, ())]),
        ({"unix_socket": "/mine"}, (SECOND,), [(None, 0, "/mine", ())]),
        ({"unix_socket": "/mine", "host": "localhost", "port": 1}, (), [(None, 0, "/mine", ())]),
        ({"unix_socket": "/mine", "host": "a,b", "port": 1}, (), [("a", 1, None, ()), ("b", 1, None, ())]),
        ({"unix_socket": "", "host": "db"}, (), [("db", 3306, None, ())]),
        (
            {"host": "a,b:2,[::1]:3,localhost"},
            (SECOND,),
            [("a", 3306, None, ()), ("b", 2, None, ()), ("::1", 3, None, ()), (None, 0, SECOND, ())],
        ),
        ({"host": "a,b:2", "port": 9}, (), [("a", 9, None, ()), ("b", 2, None, ())]),
        ({"uri": "mariadb://a:1,[::1]:2"}, (), [("a", 1, None, ()), ("::1", 2, None, ())]),
        ({"uri": "mariadb://[::1]:2"}, (), [("::1", 2, None, ())]),
        ({"uri": "mariadb://a:1", "host": "b"}, (), [("b", 1, None, ())]),
    ],
)
def test_endpoints(keywords: dict[str, Any], present: tuple[str, ...], expected: list[tuple[Any, ...]]) -> None:
    endpoints = options(**keywords).endpoints(present.__contains__)
    assert [(point.host, point.port, point.path, point.tried) for point in endpoints] == expected


# Secrets


@pytest.mark.parametrize("password", [None, "p", b"p"])
def test_a_function_is_asked_for_the_password_each_time(password: object) -> None:
    calls = []
    made = options(password=lambda: calls.append(1) or password)
    assert calls == []
    assert [made.current_password(), made.current_password()] == [password, password]
    assert len(calls) == 2
    assert options(password=password).current_password() == password


def test_a_function_that_returns_no_password() -> None:
    with pytest.raises(TypeError, match=r"^the password function returned list, not str or bytes$"):
        options(password=lambda: ["hush"]).current_password()


def test_repr_shows_what_was_chosen_and_no_secret() -> None:
    made = options(
        host="db", password="hush", init_command="SET hush", connect_attrs={"a": "hush"}, uri="mariadb://u:hush@/d"
    )
    assert repr(made) == "ConnectOptions(host='db', user='u', database='d')"
    assert repr(options()) == "ConnectOptions()"
    made = options(ssl_key="/key", ssl_passphrase="hush", tls_version="TLSv1.3", query_timeout=3)
    tls = "TLSOptions(key='/key', version=('TLSv1.3', 'TLSv1.3'))"
    assert repr(made) == f"ConnectOptions(query_timeout=3, tls={tls})"


@pytest.mark.parametrize(
    "keywords",
    [
        {"password": ["hush"]},
        {"password": "hush", "passwd": "other"},
        {"password": "hush\udc80"},
        {"init_command": "hush\0"},
        {"connect_attrs": {"a": "hush\0"}},
        {"uri": "mariadb://u:hush@h:x"},
        {"uri": "mariadb://u:hush@h?password=hush"},
        {"uri": "mariadb://u@h?init_command=hush%00"},
        {"ssl_passphrase": ["hush"]},
        {"ssl_passphrase": "hush\0"},
        {"ssl": {"passphrase": "hush"}, "ssl_passphrase": "other"},
        {"ssl": {"passphrase": "hush"}, "tls_passphrase": "other"},
        {"ssl": False, "ssl_passphrase": "hush"},
        {"uri": "mariadb://u@h?ssl_passphrase=hush%00"},
    ],
)
def test_no_error_shows_a_secret(keywords: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ProgrammingError)) as caught:
        options(**keywords)
    assert "hush" not in str(caught.value)
