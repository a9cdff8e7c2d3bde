"""A signed JSON webhook: one POST to one checked address, no redirects."""

import hashlib
import hmac

import httpx

from fade_server.services.targets import TargetError, resolve

SIGNATURE = "X-Fadewatch-Signature"
TIMEOUT_S = 10.0
MAX_ANSWER = 300
"""Characters of a refusal that are kept."""


def sign(body: bytes, secret: str, at: int) -> str:
    """Return the signature header of a body.

    Args:
        body: As it is sent.
        secret: Of the sink.
        at: Seconds since the epoch; a receiver refuses what is old, so nothing can be replayed.

    >>> sign(b"{}", "secret", 1763700000)[:20]
    't=1763700000,v1=24c5'
    """
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={digest.hexdigest()}"


def post(url: str, body: bytes, signature: str, *, allow_private: bool) -> str | None:
    """Send a body, and return why it was not taken; None when it was.

    The name is looked up once, and the connection goes to the address that was checked.

    Args:
        url: ``http`` or ``https``.
        body: JSON.
        signature: From ``sign``.
        allow_private: Whether this machine and its networks may be sent to.
    """
    try:
        address = resolve(url, allow_private=allow_private)
    except TargetError as error:
        return str(error)
    target = httpx.URL(url)
    headers = {
        "Host": target.netloc.decode(),
        "Content-Type": "application/json",
        "User-Agent": "fadewatch",
        SIGNATURE: signature,
    }
    extensions = {"sni_hostname": target.host}  # the certificate is that of the name
    try:
        with httpx.Client(trust_env=False, timeout=TIMEOUT_S, follow_redirects=False) as client:
            answer = client.post(
                target.copy_with(host=address), content=body, headers=headers, extensions=extensions
            )
    except (httpx.HTTPError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    if answer.is_success:
        return None
    return f"answered {answer.status_code}: {answer.text[:MAX_ANSWER]}".rstrip(": ")
