"""Where the service may send to: addresses of the internet, unless private ones are allowed."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from fade_core.errors import FadeError


class TargetError(FadeError, ValueError):
    """The address may not be sent to, or cannot be found."""


def refused(address: str) -> bool:
    """Return whether an IP address is not one of the public internet.

    >>> [refused(one) for one in ("127.0.0.1", "10.0.0.8", "169.254.169.254", "::ffff:10.0.0.1")]
    [True, True, True, True]
    >>> refused("93.184.216.34")
    False
    """
    parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
        if inner is not None and not inner.is_global:
            return True
    return not parsed.is_global or parsed.is_multicast


def resolve(url: str, *, allow_private: bool) -> str:
    """Return the IP address to connect to for a URL, checked.

    Every address that the name has must be allowed: a name that mixes public and private ones
    is an attempt to get in.

    Args:
        url: ``http`` or ``https``.
        allow_private: Whether this machine and its networks may be sent to.

    Raises:
        TargetError: The URL is no such URL, its name has no address, or one that is refused.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise TargetError(f"must be a URL, {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise TargetError("must be a URL that starts with https:// or http://")
    try:
        found = socket.getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TargetError(f"the name {host} has no address") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    wrong = [] if allow_private else [one for one in addresses if refused(one)]
    if wrong:
        raise TargetError(
            f"{host} is at {wrong[0]}, which is not an address of the internet; set "
            "FADEWATCH_ALLOW_PRIVATE_TARGETS=true to send to your own network"
        )
    return addresses[0]
