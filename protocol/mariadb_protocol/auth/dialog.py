"""dialog: questions of the server and answers of the user, as PAM has them.

    server: kind, question; the lowest bit of kind marks the last question, the others are 2 for a password
    client: answer NUL

Source: MariaDB documentation, page "Authentication Plugin - PAM".
"""

from __future__ import annotations

from ..errors import SecurityError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .plugin import Attempt, Exchange

LAST = 1
PASSWORD = 2 << 1


def dialog(attempt: Attempt, challenge: bytes) -> Exchange:
    """Answer the first question for a password with the password, and the others as `Security.prompt` says.

    Raises:
        SecurityError: there is nobody to answer.
    """
    data = challenge
    unused = True  # the password
    while True:
        # A server that asks nothing waits for the password; MariaDB asks if there is none.
        kind = data[0] if data else PASSWORD
        if unused and kind & ~LAST == PASSWORD and (attempt.password or not data or attempt.security.prompt is None):
            unused = False
            answer = attempt.password
        else:
            answer = _ask(attempt, data[1:].rstrip(b"\0").decode("utf-8", "backslashreplace"), kind & ~LAST != PASSWORD)
        data = yield answer + b"\0"
        if kind & LAST:
            return


def _ask(attempt: Attempt, question: str, visible: bool) -> bytes:
    prompt = attempt.security.prompt
    if prompt is None:
        raise SecurityError(f"the server asks {question!r}, and there is no auth_prompt=... to answer that")
    answer = prompt(question, visible)
    if isinstance(answer, str):
        return answer.encode()
    if isinstance(answer, bytes):
        return answer
    raise TypeError(f"auth_prompt returned {type(answer).__name__}, not str or bytes")
