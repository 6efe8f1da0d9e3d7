"""`connect()`, the way in, and all its keywords."""

from __future__ import annotations

from .connection import Connection
from .exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def connect(
    uri: str | None = None,
    *,
    connectionclass: type[Connection] = Connection,
    pool_name: str | None = None,
    **keywords: Any,
) -> Connection:
    """Connect to a server; with `pool_name`, borrow from the pool of that name, which is made if there is none.

    A keyword that is None counts as not given. Keywords win over the URI, this over the option file, and this over the
    environment.

    Args:
        uri: "mariadb://user:password@host:port/database?option=value", percent-encoded.
        connectionclass: class of the connection, a subclass of `Connection`.

        host: name or address; None or "localhost" without a port means the unix socket where one exists. Several,
            "a,b:3307,[::1]:3308", are tried in this order.
        port: TCP port; default 3306. With a port the connection is TCP.
        user, username: account name.
        password, passwd: password, str or bytes; or a function without parameters that returns one at each login.
        database, db: default database.
        unix_socket, socket: path of the server's socket.
        connect_timeout: seconds in which name lookup, connection and login must be done; default 10, 0: no bound.
        read_timeout: longest silence of the server in seconds; default None, none.
        write_timeout: longest time in seconds that a write may be stuck; default None, none.
        socket_timeout: both of these.
        connect_attrs: dict of further connection attributes, str to str.

        autocommit: commit each statement by itself; default False.
        init_command: statement to run after each login and reset.
        read_only: transactions of this session cannot write; default False.
        charset, character_encoding, character_set: utf8mb4 is the only one.
        client_flag: further flags of `constants.CLIENT`, such as MULTI_STATEMENTS or FOUND_ROWS.
        compress: compress what travels, with zlib, if the server can; default False.
        local_infile: allow LOAD DATA LOCAL INFILE, for the file that the statement names; default False.
        max_allowed_packet: bytes; a longer statement is refused before it is sent. Default: the server's, asked for
            when a statement is longer than 1 MiB.
        reconnect: initial value of `Connection.auto_reconnect`; default False.
        status_callback: function of (connection, dict), called after a statement for what the server reports of the
            session: {"server_status": flags}, {"schema": name}, {"state_change": "1"} or {variable: value}.
        plugin_dir: accepted, without effect.

        binary, dictionary, named_tuple: defaults for cursors; False.
        native_object: UUID, INET4 and INET6 columns become uuid.UUID and ipaddress objects; default False: str.
        zero_date: a date that Python does not have, such as 0000-00-00, is None (default); "str": its text; "raise":
            a DataError.
        converter: dict of `constants.FIELD_TYPE` to function; is given the value that the column would have.
        cache_prep_stmts, prep_stmt_cache_size: keep so many prepared statements; default True and 100.
        pipeline: prepare and execute in one round trip; default None: where the server is a MariaDB.

        default_file: path of an option file; "" means the usual ones. Default None: none is read.
        default_group: name, or names, of groups to read besides client, client-server and client-mariadb.
        environment: read MARIADB_HOST, MARIADB_TCP_PORT, MARIADB_USER, MARIADB_PASSWORD, MARIADB_DATABASE and
            MARIADB_UNIX_SOCKET; default False.

        pool_name: name of a pool.
        pool_size, pool_reset_session, pool_invalidation_interval: as for `ConnectionPool`.

    Raises:
        TypeError: a keyword is unknown (the nearest known one is named), or a value has the wrong type.
        ProgrammingError: a value is out of range.
        NotSupportedError: TLS was asked for, which this version does not have.
        OperationalError: the server cannot be reached in time, or refuses.
        PoolError: the pool has no free connection.
    """
    if not (isinstance(connectionclass, type) and issubclass(connectionclass, Connection)):
        raise ProgrammingError(f"connectionclass is Connection or a subclass, not {connectionclass!r}")
    if pool_name is not None:
        from .pool import borrow_by_name

        return borrow_by_name(pool_name, {"uri": uri, **keywords} if uri is not None else keywords)
    return connectionclass(uri, **keywords)
