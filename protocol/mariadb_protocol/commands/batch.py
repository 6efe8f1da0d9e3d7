"""Several commands in one write, each of which is answered by one packet; the answers are read later.

    client: command, command, ...
    server: OK | ERR for each, in their order

A command behind one that fails is run all the same. Not every server and proxy that speaks the protocol takes a command
before it has answered the last one. Source: MariaDB documentation, page "0-Packet".
"""

from __future__ import annotations

from ..constants import Status
from ..errors import RemoteProtocolError
from ..events import Send
from ..framing import unasked
from ..messages import OkPacket
from ..session import Session, State, command
from .utility import read_outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..events import Command
    from .utility import Outcome


@command("send_batch")
def send_batch(session: Session, requests: Sequence[tuple[int, bytes]]) -> Command[None]:
    """Send commands, and do not wait; `read_batch` reads the answers.

    Args:
        session: a session in state READY.
        requests: code and argument of each, one at least; none may have a result set, or ask for a file.
    """
    stream = session.stream
    parts, ids = [], []
    for code, argument in requests:
        parts.append(stream.command(bytes((code,)), argument))
        ids.append(stream.ids())
    # Before anything arrives: the ids count on from what has been taken in.
    stream.expect(ids[0])
    session.unanswered = ids
    stream.feed_early((yield Send(b"".join(parts))))
    session.after = State.BATCH_SENT


@command("read_batch")
def read_batch(session: Session) -> Command[list[Outcome]]:
    """The answers to the commands of `send_batch`."""
    stream = session.stream
    outcomes: list[Outcome] = []
    for ids in session.unanswered:
        if outcomes:
            stream.expect(ids)
        outcome = read_outcome(session, (yield from stream.read()))
        if isinstance(outcome, OkPacket) and outcome.status & Status.MORE_RESULTS_EXISTS:
            raise RemoteProtocolError("another result follows where one packet was to come")
        outcomes.append(outcome)
    session.unanswered.clear()
    if stream.unread():
        raise unasked(stream.data[stream.pos :])
    return outcomes
