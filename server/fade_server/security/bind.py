"""Which addresses are of this machine only, and which may be listened on."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from fade_core.errors import SettingError


def check_bind(host: str, has_key: bool) -> None:
    """Refuse to serve the network without a key.

    Args:
        host: Address to listen on.
        has_key: Whether there is a key with which the service can be managed.

    Raises:
        SettingError: The address is not of this machine only, and there is no key.
    """
    if not has_key and not is_loopback(host):
        raise SettingError(
            f"host {host} can be reached from other machines, and no key is set; make one with "
            "fadewatch keys create NAME --scope admin, set FADEWATCH_API_KEY to a secret of at "
            "least 8 characters, or listen on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Return whether a name or address is of this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("[::1]"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def host_of(authority: str) -> str:
    """Return the host of a ``Host`` header, without the port; empty when it has none."""
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""
