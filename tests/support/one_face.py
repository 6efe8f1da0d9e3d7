"""Which tests run over one face alone, and why: all others of `BOTH` run over both.

A test's id here is that of pytest from tests/ on, without the face; a star stands for anything.
"""

from __future__ import annotations

import os
import re

FACES = ("sync", "asyncio")
BOTH = ("integration", "hostile")  # folders of tests/

NO_FACE = "opens no connection"
CTRL_C = (
    "Ctrl-C at each line of the synchronous driver; for asyncio see tests/mariadb_py/aio, which cancels at each await"
)
THREADS = "threads; a connection of asyncio belongs to one loop"
ROWS = "the rows use a connection while they are asked for, which can wait for nothing in asyncio"
MODES = "literals in each sql_mode are made below the faces; asyncio has the default one"

SIGNALS = "the signal goes to the thread that asks for the rows of the file, which in asyncio is that of the loop"
EARLY = "asyncio gives an answer to the operation while the question is being written, and sees first that it is wrong"
OPTION = "above the drivers the option is the same as the argument, which asyncio has"
SCENARIO = "the packets differ from those of another scenario, which asyncio has, in what is above the drivers alone"

# Tests of the synchronous face alone: the id, and why.
SYNC = {
    "hostile/test_deadlines.py::test_ctrl_c_while_nobody_reads": SIGNALS,
    "hostile/test_deadlines.py::test_many_threads_connect*": THREADS,
    "hostile/test_deadlines.py::test_query_timeout[*-query_timeout]": OPTION,
    "hostile/test_log.py::test_a_bad_certificate*": NO_FACE,
    "hostile/test_log.py::test_a_certificate_of_another_authority_is_good_there": NO_FACE,
    "hostile/test_log.py::test_a_reset_and_a_server_that_reads_no_more": NO_FACE,
    "hostile/test_log.py::test_a_script_is_given_up_with_its_client": NO_FACE,
    "hostile/test_log.py::test_fingerprints_and_certificates_of_clients": NO_FACE,
    "hostile/test_log.py::test_the_steps_that_send": NO_FACE,
    "hostile/test_log.py::test_what_*": NO_FACE,
    "hostile/test_memory.py::*[bytes without end before the statement was written]": EARLY,
    "hostile/test_*.py::test_names_*": NO_FACE,
    **{
        f"hostile/test_proxy.py::test_every_packet[{name}]": SCENARIO
        for name in (
            "begin and commit",
            "call several",
            "call unbuffered",
            "duplicate key",
            "execute prepared",
            "executemany one by one",
            "give up rows",
            "recover",
            "roll back",
            "select kinds, binary",
            "select kinds, text",
            "select twice",
            "two phases",
            "warnings",
        )
    },
    "hostile/test_rogue.py::*[rows without end before the statement was written]": EARLY,
    "hostile/test_tls.py::test_an_old_version_would_be_spoken*": NO_FACE,
    "integration/test_authentication.py::test_cryptography_is_present_and_absent*": NO_FACE,
    "integration/test_executemany_errors.py::test_a_generator_that_uses_its_own_connection": ROWS,
    "integration/test_executemany_errors.py::test_ctrl_c_while_the_server_works": CTRL_C,
    "integration/test_executemany_errors.py::test_rows_done_where_the_connection_is_lost": ROWS,
    "integration/test_executemany_errors.py::test_rows_from_another_connection": ROWS,
    "integration/test_interruptions.py::*": CTRL_C,
    "integration/test_lost_connections.py::test_ctrl_c_*": CTRL_C,
    "integration/test_lost_connections.py::test_every_method_is_in_the_tables": NO_FACE,
    "integration/test_lost_connections.py::test_*interrupted_anywhere*": CTRL_C,
    "integration/test_lost_connections.py::test_*_threads_never_mix_answers*": THREADS,
    "integration/test_params_server.py::*[ANSI_QUOTES*": MODES,
    "integration/test_params_server.py::*[NO_BACKSLASH_ESCAPES*": MODES,
    "integration/test_session_options.py::test_a_status_callback_that_uses_the_connection": (
        "a callback is a plain function, which can wait for nothing in asyncio"
    ),
    "integration/test_sql_server.py::test_the_server_counts_the_same_placeholders[*S]": MODES,
    "integration/test_tls_matrix.py::test_no_pair_ends_in_plain_text_once_tls_was_asked_for": NO_FACE,
}

# Files that run over asyncio in any case: each kind of command, result and login once, and each hostile script. All
# others do where MARIADB_PY_FACES is "all", as `make test-faces` has it.
ALWAYS = (
    *("test_commit_outcome", "test_procedures", "test_result_cursors", "test_session_options", "test_tpc"),
    "test_rogue",
)


def face_of(nodeid: str) -> tuple[str, str]:
    """The id of a test without its face, and the face; "" for a test that has none."""
    found = re.fullmatch(r"(?:tests/)?(.+?)\[(sync|asyncio)(?:-(.*))?\]", nodeid, re.DOTALL)
    if found is None:
        return nodeid.partition("tests/")[2] or nodeid, ""
    name, face, rest = found.groups()
    return (name if rest is None else f"{name}[{rest}]"), face


def in_table(name: str) -> list[str]:
    """The keys of the table that speak of this test."""
    return [key for key, known in _PATTERNS.items() if known.fullmatch(name)]


def has(name: str, face: str) -> bool:
    """The test runs over this face."""
    if face != "asyncio":
        return True
    if os.environ.get("MARIADB_PY_FACES") != "all" and not any(f"/{file}.py:" in name for file in ALWAYS):
        return False
    return not in_table(name)


_PATTERNS = {key: re.compile(".*".join(map(re.escape, key.split("*"))), re.DOTALL) for key in SYNC}
