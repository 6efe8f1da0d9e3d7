"""T11. A connection that is lost gives its place back and says where it was borrowed; one that is kept says so, too."""

from __future__ import annotations

import gc
import time
import warnings
from typing import TYPE_CHECKING

import mariadb_py
from mariadb_py import ConnectionPool, PoolTimeout
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, main, prove, together, value, wait_until

if TYPE_CHECKING:
    from typing import Any

    from mariadb_py.testing import TempServer

LEAK_TIMEOUT = 0.2  # seconds


def program(form: Form) -> str:
    rounds = form.pick(200, 10)
    with temp_server() as server:
        for options in ({}, {"acquire_timeout": 5.0}):
            _dropped(server, rounds, options)
        late = _kept(form, server)
        _timeout(server)
    return (
        f"{2 * rounds} dropped connections came back, each with a warning that names file:line; a kept one was "
        f"reported after {late:.2f} s (leak_timeout {LEAK_TIMEOUT:g}); a timeout names the holders"
    )


def _line(function: Any, text: str) -> str:
    """file:line of the line of a function that ends so."""
    import inspect

    lines, first = inspect.getsourcelines(function)
    (number,) = (number for number, line in enumerate(lines) if line.rstrip().endswith(text))
    return f"{inspect.getsourcefile(function)}:{first + number}"


def _dropped(server: TempServer, rounds: int, options: dict[str, Any]) -> None:
    place = _line(_drop, "get_connection()")
    with ConnectionPool(pool_name="t11", pool_size=2, **options, **server.connect_args) as pool:
        for number in range(rounds):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                _drop(pool, in_a_cycle=bool(number % 2))
                gc.collect()
            texts = [str(warning.message) for warning in caught if warning.category is ResourceWarning]
            prove(len(texts) == 1 and place in texts[0], f"the warnings are {texts}, and should name {place}")
            connections = [pool.get_connection() for _ in range(2)]
            ids = {value(connection, "SELECT CONNECTION_ID()") for connection in connections}
            prove(len(ids) == 2, "two borrowers have the same connection")
            for connection in connections:
                connection.close()
        figures = pool.stats()
    prove(figures["discards"]["leak"] == rounds, f"{rounds} were dropped, and this is known: {figures['discards']}")
    prove((figures["idle"], figures["active"]) == (2, 0), f"a slot is lost: {figures}")


def _drop(pool: ConnectionPool, in_a_cycle: bool) -> None:
    connection = pool.get_connection()
    if in_a_cycle:
        keeper: list[object] = [connection]
        keeper.append(keeper)


def _kept(form: Form, server: TempServer) -> float:
    """A borrower who keeps it for too long is reported, once; after how many seconds."""
    told: list[tuple[float, str, dict[str, Any]]] = []
    place = _line(_kept, "# kept")

    def note(event: str, details: dict[str, Any]) -> None:
        if event == "leak":
            told.append((time.monotonic(), event, details))

    options = {"pool_size": 2, "leak_timeout": LEAK_TIMEOUT, "on_event": note, **server.connect_args}
    with ConnectionPool(pool_name="t11", **options) as pool:
        began = time.monotonic()
        connection = pool.get_connection()  # kept
        wait_until(lambda: told, "the leak is not told", form.bound(LEAK_TIMEOUT + 1.0))
        time.sleep(2 * LEAK_TIMEOUT)
        prove(value(connection, "SELECT 1") == 1, "a connection that was reported cannot be used any more")
        prove(pool.stats()["leaks"] == 1, "it is not counted")
        connection.close()
    prove(len(told) == 1 and told[0][2]["place"] == place, f"told is {told}, and should be {place}, once")
    return told[0][0] - began


def _timeout(server: TempServer) -> None:
    place = _line(_timeout, "# held")
    with ConnectionPool(pool_name="t11", pool_size=2, acquire_timeout=0.2, **server.connect_args) as pool:
        held = [
            pool.get_connection()  # held
            for _ in range(2)
        ]
        (error,) = together(1, lambda _: _error(pool))
        prove(isinstance(error, PoolTimeout), f"who finds none gets {error!r}")
        places = [holder[2] for holder in error.holders]
        prove(places == [place] * 2, f"the holders are {places}, and should be {place}, twice")
        prove(place in str(error) and "active=2" in str(error), f"the text does not name them: {error}")
        prove("this very thread" in str(_error(pool)), "who waits for himself is not told so")
        for connection in held:
            connection.close()


def _error(pool: ConnectionPool) -> Any:
    try:
        pool.get_connection()
    except mariadb_py.Error as error:
        return error
    return None


if __name__ == "__main__":
    main(program)
