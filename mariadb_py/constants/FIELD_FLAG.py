"""Flags of a column, the eighth item of its description.

Source: MariaDB documentation, page "Result Set Packets", section "Field detail flag".
"""

from __future__ import annotations

from mariadb_protocol.constants import FieldFlag as _F

NOT_NULL = _F.NOT_NULL
PRIMARY_KEY = _F.PRIMARY_KEY
UNIQUE_KEY = _F.UNIQUE_KEY
MULTIPLE_KEY = _F.MULTIPLE_KEY
BLOB = _F.BLOB
UNSIGNED = _F.UNSIGNED
ZEROFILL = _F.ZEROFILL
BINARY = _F.BINARY
ENUM = _F.ENUM
AUTO_INCREMENT = _F.AUTO_INCREMENT
TIMESTAMP = _F.TIMESTAMP
SET = _F.SET
NO_DEFAULT = _F.NO_DEFAULT
ON_UPDATE_NOW = _F.ON_UPDATE_NOW
PART_OF_KEY = _F.PART_KEY
NUMERIC = _F.NUMERIC
GROUP = 32768  # the server's own name for the bit that is NUMERIC in a client
UNIQUE = 65536
