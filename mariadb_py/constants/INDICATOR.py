"""Stand-ins for values in the rows of `Cursor.executemany()`: NULL, the column's default, leave the column as it is,
leave out the row.
"""

from __future__ import annotations

from mariadb_protocol.indicator import DEFAULT, IGNORE, IGNORE_ROW, NULL, MrdbIndicator

__all__ = ["DEFAULT", "IGNORE", "IGNORE_ROW", "NULL", "MrdbIndicator"]
