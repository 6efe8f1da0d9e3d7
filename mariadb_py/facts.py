"""What a connection knows about itself and its server, without asking: the same for every face."""

from __future__ import annotations

from mariadb_protocol import ProtocolError

from .core.failure import protocol_failure
from .core.security import describe
from .core.statements import CHARSET
from .exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from mariadb_protocol.messages import Greeting

    from .core.connection import ConnectionCore
    from .core.endpoint import Endpoint
    from .io.tls import TLS

    class _Link(Protocol):
        """What a driver tells."""

        endpoint: Endpoint

        @property
        def tls(self) -> TLS | None:
            """The encryption."""


class ConnectionFacts:
    """The facts; a face brings the two members that they are read from."""

    @property
    def _core(self) -> ConnectionCore:
        """The state of the connection."""
        raise NotImplementedError

    def _link_or_raise(self) -> _Link:
        """The driver's end, if the connection is open."""
        raise NotImplementedError

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
