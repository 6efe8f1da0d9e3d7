"""The options of connect(): names, aliases, types, ranges, given as keywords and as texts."""

from __future__ import annotations

import pytest

from mariadb_py.core.options import ConnectOptions
from mariadb_py.core.optiontable import (
    CONNECT_BY_NAME,
    CONNECT_OPTIONS,
    LATER_KEYWORDS,
    MAX_ATTRIBUTES,
    TLS_KEYWORDS,
)
from mariadb_py.exceptions import NotSupportedError, ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FLAGS = (
    *("autocommit", "read_only", "compress", "local_infile", "reconnect", "binary", "dictionary", "named_tuple"),
    *("native_object", "cache_prep_stmts", "pipeline", "environment"),
)
TEXTS = (
    "host",
    "unix_socket",
    "user",
    "database",
    "init_command",
    "default_file",
    "plugin_dir",
    "charset",
    "zero_date",
)
INTEGERS = ("port", "client_flag", "max_allowed_packet", "prep_stmt_cache_size")
TIMES = ("connect_timeout", "read_timeout", "write_timeout", "socket_timeout")

DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(ConnectOptions.__slots__),
    **dict.fromkeys(FLAGS, False),
    "cache_prep_stmts": True,
    "pipeline": None,
    "port": 0,
    "connect_timeout": 10,
    "client_flag": 0,
    "prep_stmt_cache_size": 100,
    "default_group": (),
}
# For each option: a value, the text that means the same, and what both become. A text of None: keyword only.
GIVEN: dict[str, tuple[Any, str | None, Any]] = {
    **dict.fromkeys(FLAGS, (True, "yes", True)),
    "cache_prep_stmts": (0, "off", False),
    "pipeline": (0, "FALSE", False),
    "autocommit": (1, "1", True),
    "environment": (False, None, False),
    "host": ("a, [::1]:3307", "a, [::1]:3307", "a, [::1]:3307"),
    "port": (3307, "3307", 3307),
    "user": ("u", "u", "u"),
    "password": ("secret", "secret", "secret"),
    "database": ("d", "d", "d"),
    "unix_socket": ("/s", "/s", "/s"),
    "connect_timeout": (2.5, "2.5", 2.5),
    "read_timeout": (3, "3", 3),
    "write_timeout": (0, "0", None),
    "init_command": ("SET @a=1", "SET @a=1", "SET @a=1"),
    "plugin_dir": ("/p", "/p", "/p"),
    "client_flag": (2, "2", 2),
    "max_allowed_packet": (16 << 20, "16M", 16 << 20),
    "prep_stmt_cache_size": (0, "0", 0),
    "zero_date": ("raise", "raise", "raise"),
    "charset": ("UTF8", "UTF8", "utf8mb4"),
    "connect_attrs": ({"program": "p"}, None, {"program": "p"}),
    "converter": ({3: str}, None, {3: str}),
    "status_callback": (print, None, print),
}
# Options whose presence has other effects; tested in test_options.
APART = {"uri", "socket_timeout", "default_file", "default_group"}

WRONG_TYPES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys((*TEXTS, "uri"), (1, b"x", ["x"], True)),
    **dict.fromkeys(INTEGERS, ("3306", 3306.0, True)),
    **dict.fromkeys(TIMES, ("1", True, 1j)),
    **dict.fromkeys(FLAGS, ("yes", 1.0)),
    "password": (1, bytearray(b"x"), True),
    "default_group": (1, b"x", [b"x"], {"x": "y"}),
    "status_callback": ("f", 1),
    "converter": ([1], {3: "str"}, {"3": str}),
    "connect_attrs": ("a=b", {"a": 1}, {1: "a"}),
}
WRONG_VALUES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("host", "user", "database", "unix_socket", "init_command", "default_file"), ("a\0b", "\udc80")),
    "password": ("\udc80",),
    "port": (-1, 65536, 10**30),
    **dict.fromkeys(TIMES, (-1, -0.5, float("inf"), float("nan"))),
    "client_flag": (-1, 1 << 64),
    "max_allowed_packet": (0, 1023, (1 << 30) + 1),
    "prep_stmt_cache_size": (-1, 65537),
    "zero_date": ("", "none"),
    "connect_attrs": ({"a": "\0"}, {"\0": "a"}, {"\udc80": ""}, {"a": "x" * MAX_ATTRIBUTES}),
}
WRONG_TEXTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(set(FLAGS) - {"environment"}, ("", "2", "ja", "y")),
    **dict.fromkeys(INTEGERS, ("", "x", "-1", "1.5", "0x10", "1_0", "\u0661", "K", "1KB", "9" * 21)),
    **dict.fromkeys(TIMES, ("", "x", "-1", "-1.5", "1e3", "inf", "nan", ".", "1.5.0", "\u0663.\u0663")),
    "host": ("a\0b", "a:b", "[::1", ","),
    "zero_date": ("None",),
}


class OneFile:
    """Sources with the texts of one option file."""

    def __init__(self, **texts: str) -> None:
        self._texts = texts

    def option_file(self, path: str, groups: tuple[str, ...]) -> dict[str, str]:
        return self._texts

    def environment(self) -> dict[str, str]:
        return {}


def options(**keywords: Any) -> ConnectOptions:
    return ConnectOptions.from_keywords(keywords)


def from_text(**texts: str) -> ConnectOptions:
    return ConnectOptions.from_keywords({"default_file": "F"}, OneFile(**texts))


def values(made: ConnectOptions) -> dict[str, Any]:
    return {name: getattr(made, name) for name in ConnectOptions.__slots__}


def test_defaults() -> None:
    assert values(options()) == DEFAULTS


def test_none_means_not_given() -> None:
    assert values(options(**dict.fromkeys(CONNECT_BY_NAME))) == DEFAULTS


def test_the_tables_of_this_file_are_complete() -> None:
    names = {option.name for option in CONNECT_OPTIONS}
    assert GIVEN.keys() | APART == names == WRONG_TYPES.keys()
    assert {option.name for option in CONNECT_OPTIONS if not option.textual} == {
        "uri",
        *(name for name, (_, text, _) in GIVEN.items() if text is None),
    }


@pytest.mark.parametrize("name", GIVEN)
def test_given_as_a_keyword(name: str) -> None:
    given, _, kept = GIVEN[name]
    assert values(options(**{name: given})) == {**DEFAULTS, name: kept}
    assert type(getattr(options(**{name: given}), name)) is type(kept)


@pytest.mark.parametrize("name", [name for name, (_, text, _) in GIVEN.items() if text is not None])
def test_given_as_a_text(name: str) -> None:
    _, text, kept = GIVEN[name]
    assert text is not None
    assert values(from_text(**{name: text})) == {**DEFAULTS, "default_file": "F", name: kept}


@pytest.mark.parametrize("name", [name for name, (_, text, _) in GIVEN.items() if text is None])
def test_a_text_cannot_stand_for_it(name: str) -> None:
    with pytest.raises(
        ProgrammingError, match=rf"^{name} can only be given as a keyword of connect\(\) \(from the option file\)$"
    ):
        from_text(**{name: "1"})


@pytest.mark.parametrize(
    ("alias", "name"), [(alias, option.name) for option in CONNECT_OPTIONS for alias in option.aliases]
)
def test_aliases(alias: str, name: str) -> None:
    given = GIVEN[name][0]
    assert values(options(**{alias: given})) == values(options(**{name: given}))
    assert values(options(**{alias: given, name: given})) == values(options(**{name: given}))
    assert values(options(**{alias: None, name: given})) == values(options(**{name: given}))
    with pytest.raises(TypeError, match=f"^{name} and {alias} are the same option and have different values$"):
        options(**{name: given, alias: "other"})


def test_which_aliases_there_are() -> None:
    assert {option.name: option.aliases for option in CONNECT_OPTIONS if option.aliases} == {
        "unix_socket": ("socket",),
        "user": ("username",),
        "password": ("passwd",),
        "database": ("db",),
        "charset": ("character_encoding", "character_set"),
    }


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, them in WRONG_TYPES.items() for value in them])
def test_wrong_types(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{name} wants .*, not {type(value).__name__}$"):
        options(**{name: value})


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, them in WRONG_VALUES.items() for value in them])
def test_wrong_values(name: str, value: object) -> None:
    with pytest.raises(ProgrammingError, match=f"^{name} (is|may|has) "):
        options(**{name: value})


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, them in WRONG_TEXTS.items() for text in them])
def test_wrong_texts(name: str, text: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        from_text(**{name: text})
    message = str(caught.value)
    assert message.startswith(f"{name} ")
    assert repr(text) in message or text == "-1"
    assert message.endswith("(from the option file)")


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        *((name, zero, None) for name in TIMES[:3] for zero in (0, 0.0)),
        ("connect_timeout", 1e300, 1e300),
        ("port", 65535, 65535),
        ("client_flag", (1 << 64) - 1 - (1 << 11), (1 << 64) - 1 - (1 << 11)),
        ("max_allowed_packet", 1024, 1024),
        ("max_allowed_packet", 1 << 30, 1 << 30),
        ("prep_stmt_cache_size", 65536, 65536),
        ("database", "", None),
        ("password", b"\0\xff", b"\0\xff"),
        ("password", "a\0b", "a\0b"),
        ("user", "", ""),
        ("user", "x" * 100_000, "x" * 100_000),
        ("connect_attrs", {"a": "x" * (MAX_ATTRIBUTES - 1)}, {"a": "x" * (MAX_ATTRIBUTES - 1)}),
    ],
)
def test_values_at_the_edge(name: str, given: object, kept: object) -> None:
    assert getattr(options(**{name: given}), name) == kept


def test_a_dict_is_copied() -> None:
    attributes = {"a": "b"}
    made = options(connect_attrs=attributes)
    attributes["c"] = "d"
    assert made.connect_attrs == {"a": "b"}


# What is refused


@pytest.mark.parametrize("keyword", TLS_KEYWORDS)
def test_tls_is_refused_and_never_overlooked(keyword: str) -> None:
    for value in (True, "x", {"ca": "x"}, 1):
        with pytest.raises(NotSupportedError, match=f"^{keyword}: TLS is not supported"):
            options(**{keyword: value})
    with pytest.raises(NotSupportedError, match=rf"^{keyword} \(from the option file\): TLS is not supported"):
        from_text(**{keyword: "x"})
    assert values(options(**{keyword: None})) == values(options(**{keyword: False})) == DEFAULTS


@pytest.mark.parametrize("name", ["ssl_verify_server_cert", "ssl_fp", "tls_passphrase", "ssl_mode", "ssl_later"])
def test_names_about_tls_that_only_files_have(name: str) -> None:
    with pytest.raises(NotSupportedError, match=f"^{name} .*TLS is not supported"):
        from_text(**{name: "1"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("ssl", text) for text in ("0", "no", "OFF", "false", "")),
        ("ssl_verify_cert", "0"),
        ("ssl_verify_server_cert", "no"),
        ("ssl_mode", "DISABLED"),
        ("ssl_ca", ""),
    ],
)
def test_tls_switched_off_in_a_text(name: str, text: str) -> None:
    assert values(from_text(**{name: text})) == {**DEFAULTS, "default_file": "F"}


def test_a_file_name_is_not_a_switch() -> None:
    with pytest.raises(NotSupportedError, match=r"^ssl_ca "):
        from_text(ssl_ca="off")


def test_tls_through_the_back_door() -> None:
    with pytest.raises(NotSupportedError, match=r"^client_flag: TLS is not supported"):
        options(client_flag=1 << 11)


@pytest.mark.parametrize("keyword", LATER_KEYWORDS)
def test_what_comes_later(keyword: str) -> None:
    with pytest.raises(NotSupportedError, match=f"^{keyword} is not supported in this version; it comes in a later"):
        options(**{keyword: 1})
    assert values(options(**{keyword: None})) == DEFAULTS


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3", "", "utf16"])
def test_other_charsets(charset: str) -> None:
    with pytest.raises(NotSupportedError, match=f"^charset '{charset}' is not supported: a connection speaks utf8mb4$"):
        options(charset=charset)


def test_dsn() -> None:
    with pytest.raises(ProgrammingError, match=r"^dsn keyword is not supported$"):
        options(dsn="mariadb://localhost")


@pytest.mark.parametrize(
    ("keyword", "meant"),
    [
        ("pasword", "password"),
        ("databse", "database"),
        ("usr", "user"),
        ("Port", "port"),
        ("conect_timeout", "connect_timeout"),
        ("pool_nam", "pool_name"),
        ("prep_stmt_cach_size", "prep_stmt_cache_size"),
    ],
)
def test_an_unknown_keyword_names_the_nearest(keyword: str, meant: str) -> None:
    with pytest.raises(TypeError, match=rf"^connect\(\) has no keyword '{keyword}'; did you mean '{meant}'\?$"):
        options(**{keyword: None})


def test_an_unknown_keyword_that_is_near_to_none() -> None:
    with pytest.raises(TypeError, match=r"^connect\(\) has no keyword 'zzzz'$"):
        options(zzzz=1)


@pytest.mark.parametrize("keyword", ["pool_size", "pool_reset_session", "pool_validation_interval"])
def test_a_keyword_of_a_pool_without_a_pool(keyword: str) -> None:
    with pytest.raises(TypeError, match=f"^{keyword} is an option of a pool, and no pool_name is given$"):
        options(**{keyword: 5})
    with pytest.raises(
        ProgrammingError, match=f"^{keyword} is an option of a pool, and can only be given as a keyword"
    ):
        from_text(**{keyword: "5"})
