"""One file for the whole folder: its modules are lists of numbers, and one table can hold what is worth checking."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from mariadb_protocol import constants as wire
from mariadb_protocol import indicator
from mariadb_py import constants
from mariadb_py.constants import CAPABILITY, CLIENT, ERR, FIELD_FLAG, FIELD_TYPE, INDICATOR, INFO, STATUS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(path.stem for path in (ROOT / "mariadb_py" / "constants").glob("[!_]*.py"))
# name of a module -> number of names in Connector/Python 1.1.14, and some that a wrong list would get wrong
FACTS: dict[str, tuple[int, dict[str, int]]] = {
    "CAPABILITY": (26, {"MYSQL": 1, "LONG_PASSWORD": 1, "NO_SCHEMA": 16, "IGNORE_SPACE": 256, "SSL": 2048}),
    "CLIENT": (26, {"FOUND_ROWS": 2, "LOCAL_FILES": 128, "MULTI_STATEMENTS": 1 << 16, "CACHE_METDATA": 1 << 36}),
    "CURSOR": (2, {"NONE": 0, "READ_ONLY": 1}),
    "ERR": (
        1251,
        {
            "ER_HASHCHK": 1000,
            "ER_ACCESS_DENIED_ERROR": 1045,
            "ER_DUP_ENTRY": 1062,
            "ER_PARSE_ERROR": 1064,
            "WARN_DATA_TRUNCATED": 1265,
            "ER_LOCK_DEADLOCK": 1213,
            "ER_QUERY_EXCEEDED_ROWS_EXAMINED_LIMIT": 1931,
            "ER_STATEMENT_TIMEOUT": 1969,
            "CR_SERVER_GONE_ERROR": 2006,
            "CR_SERVER_LOST": 2013,
            "ER_QUERY_TIMEOUT": 3024,
            "ER_CONSTRAINT_FAILED": 4025,
            "CR_ERR_LOAD_PLUGIN": 5012,
        },
    ),
    "EXT_FIELD_TYPE": (12, {"NONE": 0, "JSON": 1, "UUID": 2, "INET6": 4, "POINT": 5, "GEOMETRYCOLLECTION": 11}),
    "FIELD_FLAG": (
        18,
        {"NOT_NULL": 1, "NO_DEFAULT": 4096, "PART_OF_KEY": 16384, "NUMERIC": 32768, "GROUP": 32768, "UNIQUE": 65536},
    ),
    "FIELD_TYPE": (31, {"DECIMAL": 0, "BIT": 16, "TIMESTAMP2": 17, "TIME2": 19, "JSON": 245, "GEOMETRY": 255}),
    "INDICATOR": (4, {}),
    "INFO": (38, {"CHARSET_ID": 0, "HOST": 10, "SOCKET": 19, "USER": 27, "TLS_VERIFY_STATUS": 37}),
    "STATUS": (15, {"IN_TRANS": 1, "AUTOCOMMIT": 2, "MORE_RESULTS_EXIST": 8, "ANSI_QUOTES": 32768}),
    "TPC_STATE": (3, {"NONE": 0, "XID": 1, "PREPARE": 2}),
}
# What 1.1 has not: right spellings, names of 2.0, errors that it left out.
MORE = {
    "CAPABILITY": {
        *("ODBC", "PROTOCOL_41", "IGNORE_SIGPIPE", "RESERVED", "PLUGIN_AUTH_LENENC_CLIENT_DATA"),
        *("DEPRECATE_EOF", "CACHE_METADATA", "BULK_UNIT_RESULTS"),
    },
    "ERR": {
        *("ER_QUERY_RESULT_INCOMPLETE", "ER_VERS_HIST_PART_FAILED", "WARN_OPTION_CHANGING"),
        *("ER_CM_OPTION_MISSING_REQUIREMENT", "ER_SLAVE_STATEMENT_TIMEOUT", "CR_ERR_NET_READ", "CR_ERR_NET_WRITE"),
        *("CR_ERR_NET_UNCOMPRESS", "CR_ERR_STMT_PARAM_CALLBACK", "CR_ERR_BINLOG_UNCOMPRESS"),
        *("CR_ERR_CHECKSUM_VERIFICATION_ERROR", "CR_ERR_UNSUPPORTED_BINLOG_FORMAT", "CR_UNKNOWN_BINLOG_EVENT"),
        *("CR_BINLOG_ERROR", "CR_BINLOG_INVALID_FILE", "CR_BINLOG_SEMI_SYNC_ERROR", "CR_INVALID_CLIENT_FLAG"),
        "CR_ERR_MISSING_ERROR_INFO",
    },
}
MORE["CLIENT"] = MORE["CAPABILITY"]


def load(name: str) -> ModuleType:
    return import_module(f"mariadb_py.constants.{name}")


def numbers(module: ModuleType) -> dict[str, Any]:
    """The constants of a module, indicators included."""
    return {name: value for name, value in vars(module).items() if name.isupper() and not name.startswith("_")}


def bits(module: ModuleType) -> set[int]:
    return set(numbers(module).values())


@pytest.mark.parametrize("name", FACTS)
def test_numbers(name: str) -> None:
    count, facts = FACTS[name]
    found = numbers(load(name))
    assert {known: found.get(known) for known in facts} == facts
    assert len(found.keys() - MORE.get(name, set())) == count
    assert MORE.get(name, set()) <= found.keys()


def test_no_module_is_left_out() -> None:
    assert MODULES == sorted(constants.__all__) == sorted(FACTS)
    assert set(MODULES) <= set(dir(constants))
    assert {name: getattr(constants, name) for name in MODULES} == {name: load(name) for name in MODULES}


def test_an_unknown_module_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'mariadb_py\.constants' has no attribute 'FLAGS'$"):
        getattr(constants, "FLAGS")  # noqa: B009  # a type checker would refuse the plain form


def test_client_and_capability_are_the_same() -> None:
    assert numbers(CLIENT) == numbers(CAPABILITY)


def test_each_capability_is_one_bit() -> None:
    # In Connector/Python 1.1 one of them is the comparison 1 < 22.
    odd = {name: value for name, value in numbers(CAPABILITY).items() if type(value) is not int or value & (value - 1)}
    assert odd == {}
    assert CLIENT.CAN_HANDLE_EXPIRED_PASSWORDS == 1 << 22
    assert CLIENT.CACHE_METADATA == CLIENT.CACHE_METDATA == 1 << 36


@pytest.mark.parametrize(
    ("module", "table"),
    [
        (CAPABILITY, wire.Capability),
        (FIELD_FLAG, wire.FieldFlag),
        (FIELD_TYPE, wire.FieldType),
        (STATUS, wire.Status),
    ],
    ids=lambda item: item.__name__,
)
def test_what_the_protocol_knows_has_a_public_name(module: ModuleType, table: type) -> None:
    assert {value for name, value in vars(table).items() if name.isupper()} <= bits(module)


def test_info_counts_from_0() -> None:
    assert list(numbers(INFO).values()) == list(range(38))


def test_errors_are_sorted_by_number_and_then_by_name() -> None:
    names = list(numbers(ERR).items())
    assert names == sorted(names, key=lambda item: (item[1], item[0]))
    assert all(1000 <= number < 6000 for _, number in names)


def test_the_errors_that_the_driver_raises_itself_are_among_them() -> None:
    from mariadb_py import exceptions

    ours = {name: number for name, number in vars(exceptions).items() if name.startswith("CR_")}
    assert ours.keys() >= {"CR_SERVER_LOST", "CR_MALFORMED_PACKET"}
    assert {name: getattr(ERR, name) for name in ours} == ours


# Laziness


def loaded_after(code: str) -> set[str]:
    """Modules of the constants that a fresh interpreter has after `code`."""
    probe = f"import sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'protocol')]!r}\n{code}\nprint(*sys.modules)"
    command = [sys.executable, "-I", "-W", "error", "-c", probe]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    prefix = "mariadb_py.constants"
    return {name[len(prefix) + 1 :] for name in done.stdout.split() if name.startswith(prefix)}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import mariadb_py", set()),
        ("import mariadb_py; dir(mariadb_py)", set()),
        ("import mariadb_py.constants", {""}),
        ("import mariadb_py.constants as c; c.CURSOR.READ_ONLY", {"", "CURSOR"}),
        ("import mariadb_py; mariadb_py.constants.TPC_STATE.XID", {"", "TPC_STATE"}),
        ("import mariadb_py; assert mariadb_py.constants is sys.modules['mariadb_py.constants']", {""}),
        ("from mariadb_py.constants import FIELD_FLAG", {"", "FIELD_FLAG"}),
        ("import mariadb_py.constants.ERR", {"", "ERR"}),
        ("from mariadb_py.constants.CLIENT import FOUND_ROWS", {"", "CAPABILITY", "CLIENT"}),
        ("from mariadb_py.constants import *", {"", *MODULES}),
    ],
)
def test_a_module_is_loaded_when_it_is_asked_for(code: str, expected: set[str]) -> None:
    assert loaded_after(code) == expected


# Indicators


@pytest.mark.parametrize(("name", "number"), [("NULL", 1), ("DEFAULT", 2), ("IGNORE", 3), ("IGNORE_ROW", 4)])
def test_an_indicator_is_one_object_for_ever(name: str, number: int) -> None:
    value = getattr(INDICATOR, name)
    assert value is getattr(indicator, name)
    assert isinstance(value, INDICATOR.MrdbIndicator)
    assert value.indicator == number == getattr(wire.Indicator, name)
    assert repr(value) == f"INDICATOR.{name}"
    assert INDICATOR.MrdbIndicator(number) is value
    assert copy.copy(value) is value
    assert copy.deepcopy([value])[0] is value
    assert [pickle.loads(pickle.dumps(value, protocol)) is value for protocol in range(6)] == [True] * 6
    assert {value: 1}[value] == 1


def test_an_indicator_cannot_be_changed() -> None:
    for change in (
        lambda: setattr(INDICATOR.NULL, "indicator", 2),
        lambda: setattr(INDICATOR.NULL, "other", 2),
        lambda: delattr(INDICATOR.NULL, "indicator"),
    ):
        with pytest.raises(AttributeError, match=r"^INDICATOR\.NULL cannot be changed$"):
            change()
    assert INDICATOR.NULL.indicator == 1


@pytest.mark.parametrize("number", [0, 5, None])
def test_there_are_no_other_indicators(number: Any) -> None:
    with pytest.raises(ValueError, match=rf"^an indicator is one of 1, 2, 3, 4, not {number}$"):
        INDICATOR.MrdbIndicator(number)
