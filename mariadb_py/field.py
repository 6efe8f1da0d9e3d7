"""The names of a column's type and flags, for people to read."""

from __future__ import annotations

from mariadb_protocol.constants import FieldFlag, FieldType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_TYPES = {number: name for name, number in vars(FieldType).items() if name.isupper()}
# The names of Connector/Python 1.1, which are not those of constants.FIELD_FLAG throughout; by ascending bit.
_FLAGS = (
    (FieldFlag.NOT_NULL, "NOT_NULL"),
    (FieldFlag.PRIMARY_KEY, "PRIMARY_KEY"),
    (FieldFlag.UNIQUE_KEY, "UNIQUE_KEY"),
    (FieldFlag.MULTIPLE_KEY, "PART_KEY"),
    (FieldFlag.BLOB, "BLOB"),
    (FieldFlag.UNSIGNED, "UNSIGNED"),
    (FieldFlag.ZEROFILL, "ZEROFILL"),
    (FieldFlag.BINARY, "BINARY"),
    (FieldFlag.ENUM, "ENUM"),  # 1.1 says NUMERIC, which is the name of another flag
    (FieldFlag.AUTO_INCREMENT, "AUTO_INCREMENT"),
    (FieldFlag.TIMESTAMP, "TIMESTAMP"),
    (FieldFlag.SET, "SET"),
    (FieldFlag.NO_DEFAULT, "NO_DEFAULT"),
    (FieldFlag.ON_UPDATE_NOW, "UPDATE_TIMESTAMP"),
    (FieldFlag.NUMERIC, "NUMERIC"),
)


class fieldinfo:
    """Tells what an item of `Cursor.description` is: `fieldinfo().type(cursor.description[0])`."""

    def type(self, description: Sequence[Any]) -> str | None:
        """Name of the column's type as in `constants.FIELD_TYPE`, "VAR_STRING"; None for a number without a name.

        Args:
            description: one column's item of `Cursor.description`.
        """
        return _TYPES.get(description[1])

    def flag(self, description: Sequence[Any]) -> str:
        """Names of the column's flags, "NOT_NULL | PRIMARY_KEY"; an empty string if it has none.

        Args:
            description: one column's item of `Cursor.description`.
        """
        return " | ".join(name for flag, name in _FLAGS if description[7] & flag)
