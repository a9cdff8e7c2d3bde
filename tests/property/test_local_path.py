"""A login leads nowhere but to this site, whatever it was asked for."""

from urllib.parse import urljoin, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from fade_server.security import local_path

HERE = "http://watch.example/login"
PIECES = st.sampled_from(["/", "\\", "//", "http:", "evil.example", "\t", "\n", "@", "?", "#", "a"])


def as_a_browser_reads(address: str) -> str:
    """Drop what browsers drop, and take a backslash for a slash, as the WHATWG standard says."""
    kept = "".join(letter for letter in address.strip() if letter not in "\t\r\n")
    return kept.replace("\\", "/")


@given(st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=8).map("".join)))
def test_a_login_stays_on_its_site(wanted: str) -> None:
    led = urljoin(HERE, as_a_browser_reads(local_path(wanted)))
    assert urlsplit(led).netloc == "watch.example"
    assert urlsplit(led).scheme == "http"
