"""Where a login may lead."""


def local_path(wanted: str) -> str:
    r"""Return a path of this site as it is, and anything else as the first page.

    Browsers drop tabs and line ends from addresses and take a backslash for a slash, so a path
    with any of them may lead elsewhere.

    >>> local_path("/runs/a?compare=b"), local_path("//evil.example"), local_path("/\t/evil.a")
    ('/runs/a?compare=b', '/', '/')
    """
    inside = wanted.startswith("/") and not wanted.startswith("//")
    return wanted if inside and wanted.isprintable() and "\\" not in wanted else "/"
