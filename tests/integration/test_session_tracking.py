"""What the server reports of its session, with every kind of report switched on."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.support.server import Connector


def test_every_tracker(connect: Connector) -> None:
    connection = connect()
    cursor = connection.cursor()
    cursor.execute(
        "SET session_track_schema=1, session_track_state_change=1, session_track_system_variables='*',"
        " session_track_transaction_info='CHARACTERISTICS'"
    )
    session = connection._core.session
    cursor.execute("SET time_zone='+03:00', sql_mode='ANSI'")
    assert session.variables["time_zone"] == "+03:00"
    assert session.variables["sql_mode"].startswith("REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES")
    cursor.execute("USE mysql")
    assert connection.database == "mysql"
    cursor.execute("SET TRANSACTION READ ONLY")
    cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    cursor.execute("SELECT COUNT(*) FROM mysql.help_topic")
    connection.rollback()
    cursor.execute("SET @a = 1, NAMES utf8mb4")
    cursor.execute("CREATE TEMPORARY TABLE test.tracked (n INT)")
    cursor.execute("INSERT INTO test.tracked VALUES (1)")
    connection.commit()
    connection.reset()
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)]
