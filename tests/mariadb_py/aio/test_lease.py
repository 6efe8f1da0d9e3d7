"""`async with pool.connection()`, and what a pool makes of a session behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mariadb_py import ProgrammingError
from tests.mariadb_py.aio.test_pool import pooled
from tests.support.aio import ask, runs, works

if TYPE_CHECKING:
    from mariadb_py.testing import TempServer


COMMITS = "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Com_commit'"


@runs
async def test_a_block_that_changed_nothing_sends_no_commit(server: TempServer) -> None:
    async with pooled(server, pool_size=1, pool_reset_connection=False, autocommit=True) as pool:
        async with pool.connection() as connection:
            assert await works(connection)
        async with pool.connection() as connection:
            assert await ask(connection, COMMITS) == "0"


@runs
async def test_rows_that_nobody_fetched_are_no_obstacle(server: TempServer) -> None:
    async with pooled(server, pool_size=1, autocommit=False) as pool:
        async with pool.connection() as connection:
            number = connection.connection_id
            await connection.cursor(buffered=False).execute("SELECT seq FROM seq_1_to_5")
        async with pool.connection() as connection:
            assert connection.connection_id == number


@runs
async def test_each_block_needs_its_own(server: TempServer) -> None:
    async with pooled(server, pool_size=2) as pool:
        lease = pool.connection()
        async with lease as connection:
            with pytest.raises(
                ProgrammingError, match=r"^this block has been entered already: call connection\(\) for"
            ):
                await lease.__aenter__()
            assert await works(connection)
        async with lease as connection:
            assert await works(connection)


@runs
async def test_a_reset_that_is_not_needed_is_spared(server: TempServer) -> None:
    async with pooled(server, pool_size=1, pool_reset_connection="auto", autocommit=True) as pool:
        for statements, expected in (
            (("SELECT 1",), (1, 0)),  # the first one switches tracking on
            (("SELECT 1", "SELECT 2"), (1, 1)),
            (("SET @a = 1",), (2, 1)),
            (("SELECT 1/0", "SELECT 1"), (3, 1)),
            (("SELECT 3",), (3, 2)),
        ):
            async with pool.connection() as connection:
                for statement in statements:
                    await ask(connection, statement)
            figures = pool.stats()
            assert (figures["resets"], figures["resets_skipped"]) == expected, statements
