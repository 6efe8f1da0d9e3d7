"""What a command generator yields to its driver, and what it is resumed with.

* `bytes`: write them (none if empty), then resume with at least one received byte, or with `b""` at end of stream.
* `Send`: write its bytes and resume at once with whatever has arrived, or with `None`.
* `StartTLS`: write its bytes, switch to TLS, enter what was found into it, and resume with `None`. Nothing may have
  been received beyond what the generator was given.
* `Interrupt`: go on as if its error had struck while an answer was waited for: cancel, and resume with the answer as it
  is then, or raise the error.

One yield per round trip. A generator that does not end by `return` has broken its session for good.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Optional, TypeVar, Union

    T = TypeVar("T")
    Event = Union[bytes, "Send", "StartTLS", "Interrupt"]
    # A command whose answer is a T.
    Command = Generator[Event, Optional[bytes], T]


class Send:
    """Bytes to write without waiting for an answer."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class StartTLS:
    """Bytes that ask the server for TLS, and what the driver found out about the server then.

    Attributes:
        data: the request.
        verified: one of `security.Verified`.
        certificate: the server's certificate in DER.
    """

    __slots__ = ("certificate", "data", "verified")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.verified = ""
        self.certificate = b""


class Interrupt:
    """Ctrl-C has struck in the generator, at a time when the server was working.

    Attributes:
        error: the exception.
    """

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error
