"""The headers of every answer."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Set on every answer that does not set them itself."""

API_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Set on answers of the API too, which are data and never a page."""

HTTPS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}
"""Set where the request came over TLS."""


def headers_for(path: str, scheme: str) -> dict[str, str]:
    """Return the headers of an answer.

    Args:
        path: Of the request.
        scheme: ``http`` or ``https``.
    """
    api = API_HEADERS if path.startswith("/api/") else {}
    return HEADERS | api | (HTTPS_HEADERS if scheme in ("https", "wss") else {})
