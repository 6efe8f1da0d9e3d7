"""What a connection knows about itself and its server, without asking: the same for every face."""

from __future__ import annotations

import warnings
from sys import is_finalizing
from weakref import ref

from mariadb_protocol import ProtocolError

from . import exceptions
from .core.failure import protocol_failure
from .core.security import describe
from .core.statements import CHARSET
from .core.tpc import Xid
from .exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from mariadb_protocol.messages import Greeting

    from .core.connection import ConnectionCore
    from .core.endpoint import Endpoint
    from .core.pool.slot import Slot
    from .io.tls import TLS

    class _Link(Protocol):
        """What a driver tells."""

        endpoint: Endpoint
        core: ConnectionCore

        @property
        def tls(self) -> TLS | None:
            """The encryption."""


class ConnectionFacts:
    """What all faces of a connection share; a face brings the link."""

    Warning = exceptions.Warning
    Error = exceptions.Error
    InterfaceError = exceptions.InterfaceError
    DatabaseError = exceptions.DatabaseError
    DataError = exceptions.DataError
    OperationalError = exceptions.OperationalError
    IntegrityError = exceptions.IntegrityError
    InternalError = exceptions.InternalError
    ProgrammingError = exceptions.ProgrammingError
    NotSupportedError = exceptions.NotSupportedError
    PoolError = exceptions.PoolError

    _link: Any = None
    # For a handle to a pool's connection: the pool, the slot that it came from, and how often that had been given out.
    _pool: Any = None
    _slot: Slot | None = None
    _lease = 0

    def _link_or_raise(self) -> _Link:
        """The driver's end, if the connection is open."""
        raise NotImplementedError

    def _observe(self, link: Any) -> None:
        """Let the status callback see this connection, as long as there is one."""
        callback = link.core.options.status_callback
        if callback is None:
            return
        reference = ref(self)

        def report(name: str, value: object) -> None:
            connection = reference()
            if connection is not None and connection._link is not None:
                callback(connection, {name: value})

        link.observer = report

    @property
    def _core(self) -> ConnectionCore:
        return self._link_or_raise().core

    @property
    def _greeting(self) -> Greeting:
        greeting = self._core.session.greeting
        if greeting is None:
            raise ProgrammingError("Invalid connection or not connected")
        return greeting

    @property
    def connection_id(self) -> int:
        """Id of the connection on the server."""
        return self._greeting.connection_id

    @property
    def thread_id(self) -> int:
        """The same as `connection_id`."""
        return self.connection_id

    @property
    def user(self) -> str | None:
        """Account name of the last login."""
        return self._core.user

    @property
    def host(self) -> str | None:
        """Host of the server; None on a unix socket."""
        return self._link_or_raise().endpoint.host

    @property
    def port(self) -> int:
        """TCP port; 0 on a unix socket."""
        return self._link_or_raise().endpoint.port

    @property
    def unix_socket(self) -> str | None:
        """Path of the unix socket; None over TCP."""
        return self._link_or_raise().endpoint.path

    @property
    def security(self) -> str:
        """In words, how this connection is protected: transport, how the server was verified, authentication."""
        tls = self._link_or_raise().tls
        return describe(self._core.session, f"{tls.version} ({tls.cipher})" if tls is not None else "")

    @property
    def tls_version(self) -> str | None:
        """Version of TLS, such as "TLSv1.3"; None without TLS."""
        tls = self._link_or_raise().tls
        return tls.version if tls is not None else None

    @property
    def tls_cipher(self) -> str | None:
        """OpenSSL's name of the cipher suite; None without TLS."""
        tls = self._link_or_raise().tls
        return tls.cipher if tls is not None else None

    @property
    def tls_peer_cert_info(self) -> dict[str, Any] | None:
        """The server's certificate: version, subject, issuer, fingerprint (of SHA-256, in hexadecimal), not_before and
        not_after (UTC); None without TLS."""
        self._link_or_raise()
        certificate = self._core.session.channel.certificate
        if not certificate:
            return None
        from .core.certificate import Certificate

        try:
            return Certificate(certificate).info()
        except ProtocolError as error:
            raise protocol_failure(error) from error

    @property
    def _tls(self) -> bool:
        """The connection is encrypted."""
        return self._link_or_raise().tls is not None

    @property
    def _tls_verify_status(self) -> int:
        """What is wrong with the server's certificate; nothing, or there would be no connection."""
        self._link_or_raise()
        return 0

    @property
    def server_name(self) -> str:
        """Host of the server; "localhost" on a unix socket."""
        return self.host or "localhost"

    @property
    def server_port(self) -> int:
        """The same as `port`."""
        return self.port

    @property
    def server_info(self) -> str:
        """Server version as the server words it."""
        return self._greeting.version

    @property
    def server_version(self) -> int:
        """Server version as major * 10000 + minor * 100 + patch."""
        return self._greeting.version_number

    @property
    def server_version_info(self) -> tuple[int, int, int]:
        """Server version as (major, minor, patch)."""
        return self._greeting.version_info

    def get_server_version(self) -> tuple[int, int, int]:
        """The same as `server_version_info`."""
        return self.server_version_info

    @property
    def server_mariadb(self) -> bool:
        """The server is a MariaDB."""
        return self._greeting.mariadb

    @property
    def server_status(self) -> int:
        """Server status flags of the last answer (`mariadb_protocol.constants.Status`)."""
        return self._core.session.status

    @property
    def server_capabilities(self) -> int:
        """Capability flags of the server, without MariaDB's extended ones."""
        return self._greeting.capabilities & 0xFFFFFFFF

    @property
    def extended_server_capabilities(self) -> int:
        """MariaDB's extended capability flags of the server, shifted down by 32."""
        return self._greeting.capabilities >> 32

    @property
    def client_capabilities(self) -> int:
        """Capability flags that both sides use, MariaDB's extended ones shifted up by 32."""
        return self._core.session.capabilities

    @property
    def warnings(self) -> int:
        """Number of warnings that the last statement left."""
        return self._core.session.warnings

    @property
    def character_set(self) -> str:
        """Character set of the connection: always utf8mb4."""
        return CHARSET

    character_set_name = character_set

    @property
    def collation(self) -> str:
        """Collation that the login asks for."""
        return "utf8mb4_general_ci"

    @property
    def _used(self) -> int:
        """How often the pool has given this connection out."""
        return 0 if self._slot is None else self._slot.used

    def xid(self, format_id: int, global_transaction_id: str, branch_qualifier: str) -> Xid:
        """An identifier for the methods below.

        Args:
            format_id: number of its format, at least 0.
            global_transaction_id, branch_qualifier: at most 64 bytes each, in UTF-8.
        """
        return Xid(format_id, global_transaction_id, branch_qualifier)

    @property
    def tpc_state(self) -> int:
        """One of `constants.TPC_STATE`: NONE, XID (begun) or PREPARE (prepared)."""
        return self._core.tpc.state

    def __del__(self) -> None:
        if self._link is None and self._slot is None:
            return
        link, slot, pool = self._link, self._slot, self._pool
        unclosed = "" if link is None or link.closed else f"unclosed {self!r}"
        if link is not None:
            link.drop()
        if pool is not None and slot is not None:
            if is_finalizing():  # what a thread still has then, nobody has forgotten
                return
            pool._lose(slot, self._lease)
            if unclosed and slot.code is not None:
                unclosed += f", borrowed at {slot.place}"
        if unclosed:
            # Last: where warnings are errors, nothing behind it is run.
            warnings.warn(unclosed, ResourceWarning, source=self, stacklevel=2)

    def __repr__(self) -> str:
        link = self._link
        where = "closed" if link is None or link.closed else f"{link.endpoint} id={self.connection_id}"
        return f"<mariadb_py.{type(self).__name__} {where} at {id(self):#x}>"


def as_xid(xid: Any) -> Xid:
    """The identifier, if it is one."""
    if not isinstance(xid, Xid):
        raise TypeError(f"a transaction is named by what xid() makes, not by a {type(xid).__name__}")
    return xid
