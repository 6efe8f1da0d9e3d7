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
        query_timeout: seconds in which each statement must have ended, see `Cursor.execute()`; default None, no bound.
        cancel_grace: seconds in which a statement that a timeout or Ctrl-C cancels must be over on the server, so that
            the connection can be used again; default 2. 0: it is closed at once.
        connect_attrs: dict of further connection attributes, str to str.

        ssl, use_ssl, ssl_enforce, tls_enforce: encrypt, or fail; a dict {"ca": ...} stands for ssl_ca=... and so on; an
            `ssl.SSLContext` is used as it is. Every other option of TLS means ssl=True as well. Default: no TLS. See
            docs/security.md.
        ssl_verify_cert, ssl_verify_server_cert, tls_verify_peer: True: the certificate must be of a trusted authority
            and for this host, or the server must prove that it knows the password (MariaDB 11.4). False: any server
            will do. Default None: verified if `ssl_ca` or a fingerprint is given, or the server proves to know the
            password; else a SecurityWarning.
        ssl_ca, tls_ca, ssl_capath, tls_capath: file, folder of trusted authorities; default: those of the system, where
            they count.
        ssl_cert, tls_cert, ssl_key, tls_key: files of the client's certificate and its key.
        ssl_passphrase, tls_passphrase: what the key is encrypted by.
        ssl_crl, tls_crl, ssl_crlpath, tls_crlpath: file, folder of revoked certificates.
        ssl_cipher, tls_cipher: OpenSSL's cipher list for TLS 1.2.
        tls_version: "TLSv1.2", "TLSv1.3" or both with a comma; default both.
        tls_peer_fp, tls_fp, ssl_fp: SHA-256 fingerprint of the server's certificate in hexadecimal, or several; decides
            alone.
        tls_peer_fp_list, tls_fp_list, tls_fplist, ssl_fp_list, ssl_fplist: file of such, one a line.
        auth_plugins, restricted_auth: names of the authentication plugins that may be used; default: those that show no
            password to a stranger. mysql_clear_password and mysql_old_password are used only if they are named here.
        auth_prompt: function (question, visible) that answers what the server's PAM asks beyond the password.
        auth_gssapi: function (service name, mechanism) that returns a function from the server's token (None at first)
            to ours, for GSSAPI.
        server_public_key: file of the server's RSA key in PEM, or the key, to encrypt passwords by.
        allow_public_key_retrieval: take that key from the server over plain TCP, though anybody might have sent it;
            default False.
        permit_redirect: follow the server's redirect_url once, at the login; default None: if the server is verified.
        limits: dict of bounds on what a server can make us hold, see `mariadb_protocol.constants.Limits`.

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
        pool_size and the other options of a pool: as for `ConnectionPool`, when it is made.

    Raises:
        TypeError: a keyword is unknown (the nearest known one is named), or a value has the wrong type.
        ProgrammingError: a value is out of range.
        OperationalError: the server cannot be reached in time, or refuses; TLS or the login cannot be had as demanded.
        PoolError: the pool has no free connection.
    """
    if not (isinstance(connectionclass, type) and issubclass(connectionclass, Connection)):
        raise ProgrammingError(f"connectionclass is Connection or a subclass, not {connectionclass!r}")
    if pool_name is not None:
        from .pool import borrow_by_name

        return borrow_by_name(pool_name, {"uri": uri, **keywords} if uri is not None else keywords)
    return connectionclass(uri, **keywords)
