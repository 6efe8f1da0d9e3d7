"""The SQL scanner: finds the placeholders of a statement as the server's lexer would, and puts literals there.

No other code looks into SQL text. Knows quotes, comments and placeholders; knows no grammar and no session.
Source: MariaDB documentation, pages "Comment Syntax", "String Literals", "Identifier Names", "PREPARE Statement".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .binary import encode
from .errors import ParameterError
from .params import literal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from .binary import Encoded

    T = TypeVar("T")

_STOPS = rb"[?%'\"`#\-/*\\]"  # where something other than plain text may begin
_NAME = rb"%\(([^()]*)\)s"
_LINE_END = rb"[\n\0]"
_WORD = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_$") | frozenset(range(0x80, 0x100))
_DIGITS = frozenset(b"0123456789")
# A literal may touch these without becoming one word or one string with them.
_SEPARATORS = frozenset(b" \t\r\n,;()=<>+*")

# MariaDB does not run what MySQL 5.7 and later reserve for themselves by /*!50700 ... */.
_MYSQL_ONLY = range(50700, 100000)


class Style:
    """Placeholder styles of PEP 249."""

    QMARK = "qmark"
    FORMAT = "format"
    PYFORMAT = "pyformat"


class Statement:
    """A statement taken apart.

    Attributes:
        parts: the text around the placeholders, one part more than there are of these.
        style: one of `Style`; None without a placeholder.
        names: names of the placeholders, for style pyformat.
        prepared: the statement with `?` for each placeholder, as COM_STMT_PREPARE wants it.
    """

    __slots__ = ("_glue", "names", "parts", "prepared", "style")

    def __init__(self, parts: tuple[bytes, ...], style: str | None, names: tuple[str, ...]) -> None:
        self.parts = parts
        self.style = style
        self.names = names
        last = len(parts) - 1
        self._glue = [_apart(part, index > 0, index < last) for index, part in enumerate(parts)]
        self.prepared = b"?".join(self._glue)

    def interpolate(self, parameters: Any, no_backslash_escapes: bool, utf8: bool = False) -> bytes:
        """The statement with literals in the place of its placeholders.

        Args:
            parameters: a sequence, or for style pyformat a mapping. Ignored if there are no placeholders.
            no_backslash_escapes, utf8: as for `params.literal`.

        Raises:
            ParameterError: not of the kind that the style wants, too few or too many, or one that has no literal.
        """
        return self.fill_in(self.values(parameters), no_backslash_escapes, utf8)

    def fill_in(self, values: Sequence[Any], no_backslash_escapes: bool, utf8: bool = False) -> bytes:
        """As `interpolate`, for `values` that `values()` gave."""
        glue = self._glue
        if self.style is None:
            return glue[0]
        pieces = [b""] * (2 * len(glue) - 1)
        pieces[::2] = glue
        pieces[1::2] = self._each(lambda value: literal(value, no_backslash_escapes, utf8), values)
        return b"".join(pieces)

    def encode(self, values: Sequence[Any]) -> list[Encoded]:
        """`values`, which `values()` gave, for the binary protocol; errors as for `interpolate`."""
        return self._each(encode, values)

    def _each(self, make: Callable[[Any], T], values: Sequence[Any]) -> list[T]:
        made: list[T] = []
        try:
            for value in values:
                made.append(make(value))
        except ParameterError as error:
            which = repr(self.names[len(made)]) if self.names else len(made) + 1
            raise type(error)(f"parameter {which}: {error}") from None
        return made

    def values(self, parameters: Any) -> Sequence[Any]:
        """The parameters in the order of the placeholders.

        Args:
            parameters: a sequence, or for style pyformat a mapping. Ignored if there are no placeholders.

        Raises:
            ParameterError: not of the kind that the style wants, too few or too many.
        """
        if self.style is None:
            return ()
        if self.style == Style.PYFORMAT:
            if not isinstance(parameters, Mapping):
                raise ParameterError(f"placeholders %(name)s want a mapping, not {type(parameters).__name__}")
            missing = [name for name in self.names if name not in parameters]
            if missing:
                raise ParameterError(f"the parameters have no {missing[0]!r}, which the statement asks for")
            return [parameters[name] for name in self.names]
        if not isinstance(parameters, Sequence) or isinstance(parameters, (str, bytes, bytearray, memoryview)):
            raise ParameterError(f"placeholders ? and %s want a list or tuple, not {type(parameters).__name__}")
        values = tuple(parameters)  # what is counted is what is sent, whatever a subclass says of its length
        if len(values) != len(self.parts) - 1:
            raise ParameterError(f"the statement has {len(self.parts) - 1} placeholders, not {len(values)}")
        return values


def _apart(part: bytes, behind: bool, before: bool) -> bytes:
    """`part` with a space where it would grow together with the literal that it stands behind or before."""
    if behind and part and part[0] not in _SEPARATORS:
        part = b" " + part
    # No space behind `--`: it would make a comment of the literal.
    if before and part and part[-1] not in _SEPARATORS and not part.endswith(b"--"):
        part += b" "
    return part if part or not (behind and before) else b" "


def parse(
    statement: bytes,
    *,
    no_backslash_escapes: bool = False,
    ansi_quotes: bool = False,
    version: int = 0,
    mariadb: bool = True,
) -> Statement:
    """Find the placeholders of a statement: `?`, `%s` and `%d`, or `%(name)s`.

    Those in strings, quoted identifiers and comments are none; those in comments that the server executes are.

    Args:
        statement: SQL in UTF-8.
        no_backslash_escapes, ansi_quotes: the session's sql_mode has these.
        version: server version as major * 10000 + minor * 100 + patch; 0 if it is not known.
        mariadb: the server is a MariaDB.

    Raises:
        ParameterError: several placeholder styles, or a comment for certain versions and the version is not known.
    """
    return _Scanner(statement, no_backslash_escapes, ansi_quotes, version, mariadb).scan()


# Blanks, parentheses and comments, but for those that the server executes. In each place only one alternative fits, so
# that nothing is tried twice.
_IN_FRONT = (
    rb"(?:[\0-\x20(]|--(?=[\0-\x20]|\Z)[^\n]*(?:\n|\Z)|#[^\n]*(?:\n|\Z)|/\*(?!M?!)(?:[^*]|\*(?!/))*\*/)*([A-Za-z]+)"
)


def first_word(statement: bytes) -> bytes:
    """The word that a statement begins with, in capitals; b"" if there is none, or in a comment that is executed."""
    import re

    found = re.match(_IN_FRONT, statement)
    return found[1].upper() if found is not None else b""


_LOAD = (
    rb"\s*LOAD\s+(?:DATA|XML)\s+(?:(?:LOW_PRIORITY|CONCURRENT)\s+)?LOCAL\s+INFILE\s*"
    rb"(?:'((?:[^'\\]|''|\\.)*)'(?!')|\"((?:[^\"\\]|\"\"|\\.)*)\"(?!\"))"
)
_LOAD_ESCAPES = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a"}
_LOAD_ESCAPES.update({b"%": b"\\%", b"_": b"\\_"})  # as for LIKE: the backslash stays


def named_local_file(statement: bytes, no_backslash_escapes: bool) -> bytes | None:
    """The name of the file that a LOAD DATA or LOAD XML LOCAL INFILE statement offers; None for other statements."""
    import re

    found = re.match(_LOAD, statement, re.IGNORECASE | re.DOTALL)
    if found is None:
        return None
    mark, text = (b"'", found[1]) if found[1] is not None else (b'"', found[2])
    if no_backslash_escapes:
        return None if b"\\" in text else text.replace(mark * 2, mark)
    return re.sub(
        rb"\\(.)|" + mark * 2,
        lambda piece: mark if piece[1] is None else _LOAD_ESCAPES.get(piece[1], piece[1]),
        text,
        flags=re.DOTALL,
    )


# Words without which no statement changes the session in a way that session tracking does not report.
_UNTRACKED = (
    *(b"@", b":=", b"GET_LOCK", b"HANDLER", b"CALL", b"EXECUTE", b"LOCK", b"BEGIN NOT", b"TEMPORARY", b"TRANSACTION"),
    *(b"ROLE", b"LAST_INSERT_ID(", b"BACKUP"),
)
# What these functions give belongs to an earlier statement of the session.
_LOOKS_BACK = (b"LAST_INSERT_ID", b"FOUND_ROWS", b"ROW_COUNT")


def may_change_session(statement: bytes) -> bool:
    """The statement may leave something in the session that the server does not report; in doubt, it may."""
    upper = statement.upper().replace(b"LAST_INSERT_ID()", b"")
    return any(word in upper for word in _UNTRACKED)


# What a statement must not have, so that it is known to leave nothing behind: variables, a second statement, comments
# (they may hide something, or be executed), sequences, and what only FOUND_ROWS() tells.
_TELLTALE = (b"@", b":=", b";", b"/*", b"--", b"#", b"NEXTVAL", b"FOUND_ROWS")
_NEXT_VALUE = rb"\bNEXT\s+VALUE\b"
_PASSING = frozenset(b"SELECT WITH VALUES UPDATE DELETE SHOW EXPLAIN DESCRIBE DESC COMMIT ROLLBACK".split())
_IN_PASSING = (b"BEGIN", b"START TRANSACTION")
_LONGEST_KNOWN = 1 << 16  # bytes; to look through a longer one costs more than a reset
_CALLED = bytes(_WORD) + b'.`"'  # what a name, quoted or not, has directly before its parenthesis
_CLAUSES = frozenset(
    (
        b"ALL AND ANY AS BETWEEN BY CASE CROSS DISTINCT DIV ELSE EXCEPT EXISTS FROM HAVING IN INTERSECT INTERVAL "
        b"JOIN LEFT LIKE LIMIT MOD NOT OFFSET ON OR OVER PARTITION RIGHT SELECT SET SOME THEN UNION USING VALUES "
        b"WHEN WHERE XOR"
    ).split()
)
_FUNCTIONS = frozenset(
    (
        b"ABS ASCII AVG CAST CEIL CEILING CHAR_LENGTH COALESCE CONCAT CONCAT_WS CONNECTION_ID CONVERT COUNT CURDATE "
        b"CURRENT_DATE CURRENT_ROLE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURTIME DATABASE DATE DATEDIFF "
        b"DATE_ADD DATE_FORMAT DATE_SUB DAY DAYOFWEEK DAYOFYEAR DENSE_RANK EXP EXTRACT FIELD FIND_IN_SET "
        b"FIRST_VALUE FLOOR FORMAT FROM_UNIXTIME GREATEST GROUP_CONCAT HEX HOUR IF IFNULL INSTR ISNULL JSON_ARRAY "
        b"JSON_CONTAINS JSON_EXTRACT JSON_LENGTH JSON_OBJECT JSON_SET JSON_UNQUOTE JSON_VALUE LAG LAST_DAY "
        b"LAST_VALUE LCASE LEAD LEAST LENGTH LN LOCATE LOG LOWER LPAD LTRIM MAX MD5 MICROSECOND MIN MINUTE MONTH "
        b"NOW NTILE NULLIF PERCENT_RANK POSITION POW POWER QUARTER RANK REGEXP_REPLACE REPEAT REPLACE REVERSE ROUND "
        b"ROW_NUMBER RPAD RTRIM SECOND SHA1 SHA2 SIGN SLEEP SQRT STD STR_TO_DATE SUBSTR SUBSTRING SUBSTRING_INDEX "
        b"SUM SYSDATE TIME TIMESTAMP TIMESTAMPADD TIMESTAMPDIFF TO_DAYS TRIM TRUNCATE UCASE UNHEX UNIX_TIMESTAMP "
        b"UPPER USER UTC_DATE UTC_TIME UTC_TIMESTAMP UUID VARIANCE VERSION WEEK WEEKDAY YEAR"
    ).split()
)


def leaves_nothing(statement: bytes) -> bool:
    """The statement is known to leave nothing in the session but what the server reports, or rolls back.

    As far as its text can tell: what a view, a trigger or a column's default calls is not seen.
    """
    import re

    if len(statement) > _LONGEST_KNOWN:
        return False
    upper = statement.upper().strip()
    if upper.endswith(b";"):
        upper = upper[:-1].rstrip()
    if upper.endswith(b"RELEASE"):  # of a COMMIT or ROLLBACK: the server closes the connection
        return False
    if any(mark in upper for mark in _TELLTALE) or re.search(_NEXT_VALUE, upper) is not None:
        return False
    if first_word(upper) not in _PASSING and not upper.startswith(_IN_PASSING):
        return False
    return all(map(_passes, upper.split(b"(")[:-1]))


def _passes(front: bytes) -> bool:
    """What stands before a parenthesis calls nothing, or a function that leaves nothing."""
    close = front.rstrip()
    before = close.rstrip(_CALLED)
    name = close[len(before) :]
    if before.rstrip().endswith(b"."):  # a stored function, whose database may stand apart
        return not name
    # A blank in between makes a stored function of most names.
    return not name or name in _CLAUSES or (name in _FUNCTIONS and len(close) == len(front))


def looks_back(statement: bytes) -> bool:
    """The statement may ask for what an earlier one of the session has left."""
    upper = statement.upper()
    return any(word in upper for word in _LOOKS_BACK)


class _Scanner:
    """One pass over a statement. Methods that are named after a character return where to go on behind it."""

    __slots__ = (
        *("_ansi_quotes", "_backslash", "_executed", "_from", "_line_end", "_mariadb", "_name", "_stop", "_version"),
        *("names", "parts", "styles", "text"),
    )

    def __init__(self, text: bytes, no_backslash_escapes: bool, ansi_quotes: bool, version: int, mariadb: bool) -> None:
        import re  # here: a program without parameters does without it

        self._stop = re.compile(_STOPS).search
        self._name = re.compile(_NAME).match
        self._line_end = re.compile(_LINE_END).search
        self.text = text
        self._backslash = not no_backslash_escapes
        self._ansi_quotes = ansi_quotes
        self._version = version
        self._mariadb = mariadb
        self._executed = False  # inside of a comment that the server executes
        self._from = 0  # where the present part begins
        self.parts: list[bytes] = []
        self.names: list[str] = []
        self.styles: list[str] = []

    def scan(self) -> Statement:
        search = self._stop
        text = self.text
        found = search(text)
        while found is not None:
            position = found.start()
            found = search(text, _AT[text[position]](self, position))
        self.parts.append(text[self._from :])
        return Statement(tuple(self.parts), self.styles[0] if self.styles else None, tuple(self.names))

    def _placeholder(self, start: int, stop: int, style: str) -> int:
        if self.styles and self.styles[0] != style:
            raise ParameterError(f"Mixing different parameter styles is not supported: {self.styles[0]} and {style}")
        self.styles = [style]
        self.parts.append(self.text[self._from : start])
        self._from = stop
        return stop

    def _word_at(self, position: int) -> bool:
        """A letter, digit or the like follows: as for the server, no placeholder stands directly before one."""
        return position < len(self.text) and self.text[position] in _WORD

    def question_mark(self, at: int) -> int:
        return at + 1 if self._word_at(at + 1) else self._placeholder(at, at + 1, Style.QMARK)

    def percent(self, at: int) -> int:
        text = self.text
        following = text[at + 1 : at + 2]
        if following == b"%":
            return at + 2
        if following in (b"s", b"d"):
            return at + 2 if self._word_at(at + 2) else self._placeholder(at, at + 2, Style.FORMAT)
        if following == b"(":
            name = self._name(text, at)
            if name is not None and not self._word_at(name.end()):
                self.names.append(name[1].decode("utf-8", "surrogateescape"))
                return self._placeholder(at, name.end(), Style.PYFORMAT)
        return at + 1

    def quote(self, at: int) -> int:
        return self._quoted(at, self._backslash)

    def double_quote(self, at: int) -> int:
        return self._quoted(at, self._backslash and not self._ansi_quotes)

    def backtick(self, at: int) -> int:
        return self._quoted(at, False)

    def _quoted(self, at: int, backslash: bool) -> int:
        """Behind the closing quote. A doubled one needs no care: it closes one string and opens the next."""
        text = self.text
        mark = text[at : at + 1]
        position = at + 1
        end = text.find(mark, position)
        while backslash and end >= 0:
            escape = text.find(b"\\", position, end)
            if escape < 0:
                break
            position = escape + 2
            if position > end:
                end = text.find(mark, position)
        return end + 1 if end >= 0 else len(text)

    def backslash(self, at: int) -> int:
        return at + 2

    def hash_sign(self, at: int) -> int:
        return self._end_of_line(at)

    def minus(self, at: int) -> int:
        text = self.text
        if text[at + 1 : at + 2] != b"-":
            return at + 1
        # Only white space, a control character or the end makes two of them a comment: 5--1 is 6.
        following = text[at + 2 : at + 3]
        return self._end_of_line(at) if following <= b" " or following == b"\x7f" else at + 1

    def _end_of_line(self, at: int) -> int:
        end = self._line_end(self.text, at)
        return end.start() if end is not None else len(self.text)

    def star(self, at: int) -> int:
        if self._executed and self.text[at + 1 : at + 2] == b"/":
            self._executed = False
            return at + 2
        return at + 1

    def slash(self, at: int) -> int:
        text = self.text
        if text[at + 1 : at + 2] != b"*":
            return at + 1
        for_mariadb = self._mariadb and text.startswith(b"M!", at + 2)
        if not for_mariadb and not text.startswith(b"!", at + 2):
            return self._end_of_comment(at + 2, 0)
        start = at + (4 if for_mariadb else 3)
        stop = start
        while stop < min(start + 6, len(text)) and text[stop] in _DIGITS:
            stop += 1
        if stop - start < 5:
            self._executed = True
            return start
        if self._runs(int(text[start:stop]), for_mariadb):
            self._executed = True
            return stop
        return self._end_of_comment(stop, 1)

    def _runs(self, wanted: int, for_mariadb: bool) -> bool:
        """The server executes a comment for this version."""
        if not self._version:
            raise ParameterError(f"a comment for version {wanted}, and the server's version is not known")
        if self._mariadb and not for_mariadb and wanted in _MYSQL_ONLY:
            return False
        return wanted <= self._version

    def _end_of_comment(self, position: int, nested: int) -> int:
        """Behind the end of a comment in which comments may be nested so deep."""
        text = self.text
        end = text.find(b"*/", position)
        while nested and end >= 0:
            inner = text.find(b"/*", position, end + 1)  # `/*/` opens one, and its `*/` is none
            if inner < 0:
                break
            position = self._end_of_comment(inner + 2, nested - 1)
            end = text.find(b"*/", position)
        return end + 2 if end >= 0 else len(text)


_AT = {
    ord("?"): _Scanner.question_mark,
    ord("%"): _Scanner.percent,
    ord("'"): _Scanner.quote,
    ord('"'): _Scanner.double_quote,
    ord("`"): _Scanner.backtick,
    ord("\\"): _Scanner.backslash,
    ord("#"): _Scanner.hash_sign,
    ord("-"): _Scanner.minus,
    ord("/"): _Scanner.slash,
    ord("*"): _Scanner.star,
}
