"""The server of a channel."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The server of a channel.

    is_public   it is the service's own for all its customers, and none that a URL of ours names
    """

    host: str
    port: int
    is_tls: bool
    is_public: bool = False

    @property
    def url(self) -> str:
        """The address, with its port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.is_tls else 'http'}://{host}:{self.port}"
