"""executemany(unit_results=True): what became of each row, where the server tells."""

from __future__ import annotations

from itertools import product

import pytest

from mariadb_protocol.constants import Capability
from mariadb_py import NotSupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.support.server import Connector

TABLE = "CREATE TEMPORARY TABLE units (id INT AUTO_INCREMENT PRIMARY KEY, a INT)"


def test_each_row(connect: Connector) -> None:
    connection = connect()
    if not connection.client_capabilities & Capability.MARIADB_BULK_UNIT_RESULTS:
        pytest.skip(f"{connection.server_info} has no unit results, which came with 11.5; `make test-servers` has one")
    with connection.cursor() as cursor:
        cursor.execute(TABLE)
        cursor.executemany("INSERT INTO units (a) VALUES (?)", [(1,), (2,), (3,)], unit_results=True)
        assert cursor.fetchall() == [(1, 1), (2, 1), (3, 1)]
        cursor.executemany("UPDATE units SET a = ? WHERE a = ?", [(5, 1), (6, 99), (7, 3)], unit_results=True)
        assert [affected for _, affected in cursor.fetchall()] == [1, 0, 1]
        cursor.executemany("INSERT INTO units (a) VALUES (?)", ((n,) for n in range(20_000)), unit_results=True)
        rows = cursor.fetchall()
        assert (len(rows), {affected for _, affected in rows}) == (20_000, {1})
        ids = [number for number, _ in rows]
        assert ids == sorted(set(ids))


@pytest.mark.parametrize("returning", ["", " RETURNING id"])
def test_every_order_of_units_bulks_and_single_executions(connect: Connector, returning: str) -> None:
    """The server leaves out column definitions that it sent last, and so these differ from one to the other."""
    connection = connect()
    if not connection.client_capabilities & Capability.MARIADB_BULK_UNIT_RESULTS:
        pytest.skip(f"{connection.server_info} has no unit results, which came with 11.5; `make test-servers` has one")
    with connection.cursor() as cursor:
        cursor.execute(TABLE)
        for order in product(("units", "bulk", "single", "one"), repeat=4):
            sql = f"INSERT /* {' '.join(order)} */ INTO units (a) VALUES (?){returning}"
            for way in order:
                if way == "single":
                    cursor.execute(sql, (5,))
                else:
                    cursor.executemany(sql, [(5,)] * (1 if way == "one" else 2), unit_results=way == "units")
                count = 2 if way in ("units", "bulk") else 1
                if way == "units" and not returning:
                    assert [affected for _, affected in cursor.fetchall()] == [1, 1]
                elif returning:  # which goes before unit results
                    assert [len(row) for row in cursor.fetchall()] == [1] * count
                else:
                    assert cursor.rowcount == count


def test_a_server_without_them_says_so(connect: Connector) -> None:
    connection = connect()
    connection._core.session.capabilities &= ~Capability.MARIADB_BULK_UNIT_RESULTS
    with connection.cursor() as cursor:
        cursor.execute(TABLE)
        with pytest.raises(NotSupportedError, match=r"MariaDB 11\.5"):
            cursor.executemany("INSERT INTO units (a) VALUES (?)", [(1,)], unit_results=True)
        cursor.execute("SELECT COUNT(*) FROM units")
        assert cursor.fetchone() == (0,)
