"""What the programs of this folder share. Each proves one thing about the pool, against a server of its own:

    python -m tests.chaos.NAME [--short]

It prints its figures and ends with 0, or prints the fact that is against it and ends with 1. The short form is for the
test suite: less of everything, and deadlines of five times the length.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
import threading
import time
from typing import TYPE_CHECKING

import mariadb_py

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

SLACK = 5  # times as long as a deadline may everything take in the short form
PATIENCE = 60.0  # seconds; only there so that a failure is not a hang
LIMIT = 600.0  # seconds until a program that hangs says where, and ends


class Failed(Exception):
    """What the program is to prove is not so."""


def prove(fact: object, text: str) -> None:
    """Go on if `fact` is true."""
    if not fact:
        raise Failed(text)


class Form:
    """The long or the short form of a program."""

    def __init__(self, short: bool) -> None:
        self.short = short

    def pick(self, long: T, short: T) -> T:
        """One value or the other."""
        return short if self.short else long

    def bound(self, seconds: float) -> float:
        """A deadline."""
        return seconds * SLACK if self.short else seconds


def main(program: Callable[[Form], str], limit: float = LIMIT) -> None:
    """Command line of a program without arguments of its own; ends the process."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--short", action="store_true", help="less of everything, and more patience")
    sys.exit(status(program, Form(parser.parse_args().short), limit))


def status(program: Callable[[Form], str], form: Form, limit: float) -> int:
    """Run a program, print what comes of it, and return the exit status."""
    faulthandler.dump_traceback_later(limit, exit=True)
    name = sys.argv[0].rpartition("/")[2].partition(".")[0]
    began = time.monotonic()
    try:
        text = program(form)
    except Failed as error:
        print(f"{name}: FAILED: {error}", flush=True)
        return 1
    finally:
        faulthandler.cancel_dump_traceback_later()
    print(f"{name}: {text} ({time.monotonic() - began:.1f} s)", flush=True)
    return 0


def together(count: int, work: Callable[[int], T], patience: float = PATIENCE) -> list[T]:
    """Let threads do the same at the same time; what each returned.

    Args:
        count: how many threads.
        work: called with the number of the thread.
        patience: seconds behind which a thread that has not ended hangs.

    Raises:
        Failed: a thread hangs.
        BaseException: what the first that failed has raised.
    """
    results: list[Any] = [None] * count
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            results[number] = work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + patience
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    if errors:
        raise errors[0]
    hung = sum(thread.is_alive() for thread in threads)
    prove(not hung, f"{hung} of {count} threads hang")
    return results


def wait_until(condition: Callable[[], object], text: str, patience: float = PATIENCE) -> float:
    """Wait for something; how long it took.

    Raises:
        Failed: it did not happen within `patience` seconds, `text` says what.
    """
    began = time.monotonic()
    while not condition():
        prove(time.monotonic() < began + patience, f"{text} within {patience:g} s")
        time.sleep(0.002)
    return time.monotonic() - began


def fetch(connection: mariadb_py.Connection, sql: str, data: Any = None) -> list[Any]:
    """All rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, data)
        return list(cursor.fetchall())


def value(connection: mariadb_py.Connection, sql: str, data: Any = None) -> Any:
    """The first column of the first row."""
    return fetch(connection, sql, data)[0][0]


def execute(connection: mariadb_py.Connection, *statements: str) -> None:
    """Run statements that return nothing."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def errno(call: Callable[[], object]) -> int:
    """The number of the error that a call raises; 0 if it raises none."""
    try:
        call()
    except mariadb_py.Error as error:
        return error.errno
    return 0


def kill(administrator: mariadb_py.Connection, *victims: int) -> None:
    """End connections, and wait until the server has closed them."""
    for victim in victims:
        if errno(lambda victim=victim: administrator.kill(victim)) not in (0, 1094):  # gone already
            raise Failed(f"connection {victim} cannot be killed")
    query = "SELECT COUNT(*) FROM information_schema.processlist WHERE id IN (" + ",".join(map(str, victims)) + ")"
    wait_until(lambda: value(administrator, query) == 0, "the killed connections were not gone")
