"""What a column holds beyond its FIELD_TYPE, as in `Cursor.metadata["ext_type_or_format"]`."""

from __future__ import annotations

NONE = 0
JSON = 1
UUID = 2
INET4 = 3
INET6 = 4
POINT = 5
MULTIPOINT = 6
LINESTRING = 7
MULTILINESTRING = 8
POLYGON = 9
MULTIPOLYGON = 10
GEOMETRYCOLLECTION = 11
