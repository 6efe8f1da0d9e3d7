"""T20. The pool's core against a model: what it decides is carried out in any order, with any outcome, and late.

    python -m tests.chaos.core_model [--steps 1000000] [--short]

`Shell` stands for threads that stop between any two decisions: connections are still being opened, checks are not
done, borrowers have taken a slot and not come further, or have put one back and not looked whether somebody waits.
Behind each step all that has to be true is looked at; at last everything comes to an end, and no place may be missing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from mariadb_py.core.pool.actions import Answer, Check, Close, Open, Tell
from mariadb_py.core.pool.core import PoolCore
from mariadb_py.core.pool.options import PoolOptions
from mariadb_py.core.pool.slot import ALWAYS, NEVER, Refusal, Request, Slot, SlotState
from tests.mariadb_py.core.pool.cores import examined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from mariadb_py.core.pool.actions import Action

    Choose = Callable[[Sequence[Any]], Any]

MOST = 6  # connections
PAUSES = (0.0, 0.0001, 0.02, 0.3, 0.6, 1.5, 12.0, 70.0)
TIMEOUTS = (None, None, 0.0, 0.01, 0.5, 5.0, 60.0)
ERRORS = ("error", "dead", "reset", "evicted")
EXAMPLE = 60  # steps of one example
CHOICES: Mapping[str, Sequence[Any]] = {
    "acquire_timeout": (0.0, 30.0),
    "order": ("fifo", "lifo"),
    "max_waiting": (0, 0, 3),
    "max_lifetime": (0.0, 40.0, 300.0),
    "max_idle_time": (0.0, 10.0),
    "keepalive": (0.0, 5.0),
    "leak_timeout": (0.0, 2.0),
    "connect_concurrency": (1, 2, 6),
    "max_backoff": (0.2, 5.0),
}


class Ordered(dict[Slot, None]):
    """A set that is gone through in the order in which it was filled, so that each run is like the last."""

    def add(self, slot: Slot) -> None:
        self[slot] = None

    def discard(self, slot: Slot) -> None:
        self.pop(slot, None)


class Shell:
    """Everything around a core, stopped wherever it can be.

    Args:
        choose: one of several, anew each time.
        random: for the core.
    """

    def __init__(self, choose: Choose, random: Callable[[], float]) -> None:
        self.choose = choose
        self.now = 1000.0
        most = choose(range(1, MOST + 1))
        sizes = {"max_size": most, "min_size": choose(range(most + 1))}
        chosen = {name: choose(values) for name, values in CHOICES.items()}
        self.options = PoolOptions({**sizes, **chosen}, service=True)
        self.options.background = choose((True, True, False))
        self.core = PoolCore(self.options, random)
        self.queue: list[Request] = []  # as it should be
        self.ready: list[Request] = []
        self.opening: list[Slot] = []
        self.checking: list[Slot] = []
        self.taken: list[tuple[Slot, int]] = []  # without the lock, and nothing else has been done yet
        self.given: dict[Slot, Request] = {}  # by way of a request; not looked at yet
        self.leases: dict[Slot, int] = {}
        self.swept: set[Slot] = set()  # given up, while they were taken
        self.looks = 0  # of those who have put a slot back, and will see whether all is easy
        self.connections: Counter[int] = Counter()  # how often each was closed
        self.most = most  # as long as there were more, they may be left
        self.decided = False  # at this time
        self.core._slots = Ordered()  # type: ignore[assignment]
        self._proceed, self.core._proceed = self.core._proceed, self.decide  # type: ignore[method-assign]
        self.perform(self.core.start(self.now))

    # Carrying out

    def decide(self, now: float) -> list[Action]:
        self.decided = True
        return self._proceed(now)

    def perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            getattr(self, "do_" + type(action).__name__.lower())(action)

    def do_answer(self, action: Answer) -> None:
        request = action.request
        assert (request.slot is not None) + bool(request.refusal) + request.ready == 1
        if request in self.ready:
            self.ready.remove(request)
            assert request.slot is None
            return
        if request in self.queue:
            assert request is self.queue[0] or request.refusal, "served before somebody who came earlier"
            self.queue.remove(request)
        if request.slot is not None:
            assert request.slot.state == SlotState.LEASED
            assert request.slot not in self.given
            assert request.slot not in self.leases
            self.given[request.slot] = request

    def do_open(self, action: Open) -> None:
        slot = action.slot
        assert slot.state == SlotState.OPENING
        assert slot.connection is None
        assert slot not in self.opening
        slot.thread = 1  # there is one who does it
        self.opening.append(slot)

    def do_check(self, action: Check) -> None:
        assert action.slot not in self.checking
        self.checking.append(action.slot)

    def do_close(self, action: Close) -> None:
        self.connections[action.connection] += 1
        assert self.connections[action.connection] == 1, f"closed again as {action.reason}"
        for slot, _ in self.taken:
            if slot.connection == action.connection:
                self.swept.add(slot)

    def do_tell(self, action: Tell) -> None:
        assert action.slot.state == SlotState.LEASED
        assert self.now - action.slot.seen >= self.options.leak_timeout > 0

    # Steps: borrowing

    def step_arrive(self) -> None:
        self.arrive(self.choose(TIMEOUTS))

    def arrive(self, timeout: float | None) -> Request:
        request = Request(self.now, None if timeout is None else self.now + timeout)
        waiting = len(self.queue)
        if timeout is not None:
            self.queue.append(request)  # and is first in it if there is one for him
        self.perform(self.core.acquire(request, self.now))
        if request.refusal == Refusal.QUEUE_FULL:
            assert waiting >= self.options.max_waiting > 0
        if timeout is None:
            assert request.slot is not None or request.refusal or self.opening[-1].request is request
        return request

    def step_take(self) -> None:
        slot = self.core.take(self.now)
        assert slot is None or self.core.easy
        if slot is not None:
            self.taken.append((slot, slot.used))

    def step_taken(self) -> None:
        if not self.taken:
            return
        slot, lease = self.taken.pop(self.choose(range(len(self.taken))))
        slot.state = SlotState.LEASED
        assert slot.used == lease
        if slot in self.swept or not self.choose((True, True, False)):
            timeout = self.choose(TIMEOUTS)
            request = Request(self.now, None if timeout is None else self.now + timeout)
            slot.request = request
            self.bury(slot, request)
        else:
            self.leases[slot] = slot.used

    def step_given(self) -> None:
        if not self.given:
            return
        slot = self.choose(list(self.given))
        request = self.given.pop(slot)
        if self.choose((True, True, True, False)):
            self.leases[slot] = slot.used
        else:
            self.bury(slot, request)

    def step_hand_back(self) -> None:
        """Somebody who was given one is gone, and has not touched it."""
        if self.given:
            slot = self.choose(list(self.given))
            del self.given[slot]
            self.perform(self.core.hand_back(slot, self.now))

    def step_exchange(self) -> None:
        """Somebody finds that the reset of what he was given is not answered."""
        if not self.given:
            return
        slot = self.choose(list(self.given))
        request = self.given.pop(slot)
        idle = tuple(self.core._idle)
        actions = self.core.exchange(slot, request, lambda other: self.choose((True, True, False)), self.now)
        assert request.slot is slot or request.slot in idle
        self.given[request.slot] = request
        self.perform(actions)

    def bury(self, slot: Slot, request: Request) -> None:
        """The connection that somebody was given is dead."""
        if request.deadline is not None and not self.core.closed:
            own = slot in self.core.slots
            self.queue.insert(0 if own else len(self.queue), request)
        self.perform(self.core.dead(slot, request, self.choose(("dead", "ping", "reset")), self.now))

    def step_withdraw(self) -> None:
        if self.queue or self.ready:
            self.withdraw(self.choose(self.queue + self.ready), self.core.withdraw, Refusal.TIMEOUT)

    def step_interrupt(self) -> None:
        inline = [slot.request for slot in self.opening if slot.request is not None]
        requests = self.queue + self.ready + inline + list(self.given.values())
        if requests:
            request = self.choose(requests)
            self.opening = [slot for slot in self.opening if slot.request is not request]
            self.given = {slot: other for slot, other in self.given.items() if other is not request}
            self.withdraw(request, self.core.cancel)

    def withdraw(self, request: Request, decide: Callable[..., list[Action]], *arguments: Any) -> None:
        self.perform(decide(request, *arguments, self.now))
        assert request not in self.queue
        assert request not in self.ready

    def step_answered_already(self) -> None:
        for request in self.given.values():
            assert self.core.withdraw(request, Refusal.TIMEOUT, self.now) == []

    # Steps: returning

    def step_put(self) -> None:
        if not self.leases:
            return
        slot = self.choose(list(self.leases))
        del self.leases[slot]
        if self.core.put(slot, self.now):
            self.looks += 1
        else:
            self.perform(self.core.release(slot, "", self.now))

    def step_look(self) -> None:
        if self.looks:
            self.looks -= 1
            if not self.core.easy:
                self.perform(self.core.attend(self.now))

    def step_release(self) -> None:
        if self.leases:
            slot = self.choose(list(self.leases))
            del self.leases[slot]
            self.perform(self.core.release(slot, self.choose(ERRORS), self.now))

    def step_lose(self) -> None:
        if self.leases:
            slot = self.choose(list(self.leases))
            del self.leases[slot]
            self.perform(self.core.lost(slot, self.now))

    # Steps: in the background

    def step_opened(self) -> None:
        if self.opening:
            slot = self.opening.pop(self.choose(range(len(self.opening))))
            self.connections[len(self.connections)] = 0
            request = slot.request
            if request is not None and request.deadline is not None:
                self.queue.insert(0, request)
            self.perform(self.core.opened(slot, len(self.connections) - 1, self.now))

    def step_failed(self) -> None:
        if not self.opening:
            return
        slot = self.opening.pop(self.choose(range(len(self.opening))))
        fatal = self.choose((False, False, False, True))
        error = OSError("it failed")
        self.perform(self.core.failed(slot, error, fatal, self.now))
        assert not (fatal and (self.queue or self.ready)), "somebody still waits for what will never come"

    def step_forgo(self) -> None:
        slots = self.checking + [slot for slot in self.opening if slot.request is None]
        if slots:
            slot = self.choose(slots)
            (self.checking if slot in self.checking else self.opening).remove(slot)
            self.core.forgo(slot)
            self.tick()  # the keeper is woken

    def step_checked(self) -> None:
        if self.checking:
            slot = self.checking.pop(self.choose(range(len(self.checking))))
            self.perform(self.core.checked(slot, self.choose((True, True, False)), self.now))

    def step_examine(self) -> None:
        slots = examined(self.core)
        self.checking += slots
        self.decided = self.decided and not slots

    def step_wait(self) -> None:
        pause = self.choose(PAUSES)
        self.now += pause
        self.decided = self.decided and not pause

    def step_tick(self) -> None:
        due = self.core.due(self.now)
        assert due is None or due >= self.now
        if self.core._wanted():
            assert due is not None
            assert due <= max(self.core._retry_at, self.now)
        self.tick()

    def tick(self) -> None:
        self.perform(self.core.tick(self.now))
        late = [request for request in self.queue + self.ready if (request.deadline or NEVER) <= self.now]
        assert not late, "somebody has no answer at his deadline"
        assert self.core.due(self.now) != self.now or self.looks, "there is no end to it"

    def step_use(self) -> None:
        """What happens most: somebody waits, and somebody comes further."""
        self.step_tick()
        for step in (self.step_opened, self.step_given, self.step_taken, self.step_checked, self.step_look):
            step()

    # Steps: the pool as a whole

    def step_await_ready(self) -> None:
        request = Request(self.now, self.now + self.choose(TIMEOUTS[2:]))
        self.ready.append(request)
        self.perform(self.core.await_ready(request, self.now))

    def step_grow(self) -> None:
        action = self.core.grow()
        assert (action is None) == (self.core.closed or self.core.size > self.options.max_size or not self.room(action))
        if action is not None:
            self.do_open(action)

    def room(self, action: Open | None) -> int:
        return self.options.max_size - self.core.size + (action is not None)

    def step_drain(self) -> None:
        self.perform(self.core.drain(self.now))
        assert not any(slot.retire_at > ALWAYS for slot in self.core.slots if slot.connection is not None)

    def step_resize(self) -> None:
        most = self.choose(range(1, MOST + 1))
        background = self.options.background
        self.options = self.options.changed(max_size=most, min_size=self.choose(range(most + 1)))
        self.options.background = background
        self.most = max(self.most, most)
        self.perform(self.core.resize(self.options, self.now))

    def step_suspend(self) -> None:
        self.core.suspend(self.choose((True, False)))

    def step_resume(self) -> None:
        self.perform(self.core.resume(self.now))

    def step_close(self) -> None:
        if self.choose((True, False, False, False, False)):
            self.perform(self.core.close(self.now))
            assert not self.queue
            assert not self.ready

    # What has to be true

    def look(self) -> None:
        """Behind each step."""
        core = self.core
        self.look_at_places()
        self.most = max(self.options.max_size, min(self.most, core.size))
        assert core.size <= self.most
        assert sum(slot.retire_at > ALWAYS for slot in core.slots) <= self.options.max_size
        assert list(core._waiters) == self.queue, "the queue is not in order"
        assert core._ready == self.ready
        if self.options.max_waiting == 0:
            assert core.stats.counters["queue_full"] == 0
        assert core.easy == (not (self.queue or core.suspended or core.closed))
        if self.queue and not core.suspended and not self.looks:
            assert not core.idle, "somebody waits, and a connection is idle"
        background = sum(slot.request is None for slot in self.opening)
        assert core.connecting == background
        if self.queue and self.decided and not core.idle and core._retry_at <= self.now:
            enough = min(len(self.queue), self.options.connect_concurrency, background + self.room(None))
            assert background >= enough, "somebody waits, and there is room"
        self.look_at_figures()

    def look_at_places(self) -> None:
        """Each slot is in one place, and each connection has one owner."""
        core = self.core
        places = [
            *((slot, SlotState.OPENING) for slot in self.opening),
            *((slot, SlotState.CHECKING) for slot in self.checking),
            *((slot, SlotState.IDLE) for slot in core._idle),
            *((slot, SlotState.IDLE) for slot, _ in self.taken if slot not in self.swept),
            *((slot, SlotState.LEASED) for slot in (*self.given, *self.leases)),
        ]
        assert len(places) == len(core.slots)
        assert {slot for slot, _ in places} == set(core.slots)
        assert all(slot.state == state for slot, state in places)
        owned = [slot.connection for slot in core.slots if slot.state != SlotState.OPENING]
        alive = sorted(number for number, closed in self.connections.items() if not closed)
        assert sorted(owned) == alive, "a connection is lost, or has two owners"

    def look_at_figures(self) -> None:
        core = self.core
        figures = core.figures
        assert figures["idle"] + figures["active"] + figures["connecting"] <= figures["size"] == core.size
        assert figures["active"] == len(self.given) + len(self.leases)
        assert figures["connecting"] == len(self.opening)
        assert figures["waiting"] == len(self.queue)
        assert figures["connects"] == len(self.connections)
        assert sum(figures["discards"].values()) == sum(self.connections.values())
        assert figures["wait"]["count"] == figures["borrows"] >= figures["hold"]["count"]
        assert all(count > 0 for name in ("wait", "hold") for count in figures[name]["buckets"].values())

    # The end

    def finish(self) -> None:
        """Everybody comes to an end; then all places are there, and can be had; then nothing is left."""
        self.choose = lambda things: things[0]
        if self.core.suspended:
            self.step_resume()
        for _ in range(10_000):
            busy = (self.queue, self.ready, self.opening, self.checking, self.taken, self.given, self.leases)
            if not any(busy) and not self.looks:
                break
            self.now += 0.25
            for step in (self.step_use, self.step_put, self.step_look):
                step()
                self.look()
        else:
            raise AssertionError("it comes to no end")
        if not self.core.closed:
            self.have_all()
            self.perform(self.core.close(self.now))
        while self.opening:  # for what was retired when it was put back
            self.step_opened()
        self.perform(self.core.tick(self.now))
        assert self.core.size == 0
        assert all(count == 1 for count in self.connections.values())
        assert self.core.due(self.now) is None

    def have_all(self) -> None:
        most = self.options.max_size
        requests = [self.arrive(None) for _ in range(most)]
        while self.opening:
            self.step_opened()
        assert not any(request.refusal for request in requests), "a place is missing"
        assert self.arrive(None).refusal == Refusal.EXHAUSTED
        assert len(self.given) == self.core.size == most
        while self.given:
            self.step_given()
        while self.leases:
            self.step_put()
            self.step_look()


# Each step as often as it is taken, compared with others.
STEPS = (
    *("arrive", "put", "opened", "wait") * 6,
    *("take", "taken", "given") * 5,
    *("look",) * 4,
    *("tick", "checked", "use") * 3,
    *("failed", "release", "resume") * 2,
    *(
        "exchange",
        "hand_back",
        "withdraw",
        "interrupt",
        "answered_already",
        "lose",
        "forgo",
        "examine",
        "await_ready",
        "grow",
    ),
    *("drain", "resize", "suspend", "close"),
)


class Machine(RuleBasedStateMachine):
    """Takes steps, and remembers those that show what is wrong."""

    taken = 0  # by all of them

    @initialize(data=st.data(), seed=st.integers(0, 1 << 30))
    def begin(self, data: st.DataObject, seed: int) -> None:
        self.shell = Shell(lambda things: data.draw(st.sampled_from(things)), Random(seed).random)
        self.shell.look()

    @rule(data=st.data(), name=st.sampled_from(STEPS))
    def step(self, data: st.DataObject, name: str) -> None:
        self.shell.choose = lambda things: data.draw(st.sampled_from(things))
        getattr(self.shell, "step_" + name)()
        self.shell.look()
        Machine.taken += 1

    def teardown(self) -> None:
        if hasattr(self, "shell"):
            self.shell.finish()


def check(examples: int) -> int:
    """Let hypothesis try that many examples; how many steps these were."""
    Machine.taken = 0
    rules = settings(
        max_examples=examples,
        stateful_step_count=EXAMPLE,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Machine, settings=rules)
    return Machine.taken


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--short", action="store_true", help="5000 steps")
    arguments = parser.parse_args()
    wanted = 5_000 if arguments.short else arguments.steps
    began = time.monotonic()
    steps = 0
    while steps < wanted:
        steps += check(min(max((wanted - steps) // EXAMPLE, 1), 2_000))
        print(f"core_model: {steps} steps, {time.monotonic() - began:.1f} s", flush=True)
    print(f"core_model: {steps} steps: each invariant held behind each of them ({time.monotonic() - began:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
