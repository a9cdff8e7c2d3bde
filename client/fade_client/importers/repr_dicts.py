"""Flat Python dicts in the text of a console: what ``print(logs)`` leaves there."""

import re
from collections.abc import Iterator

from fade_client.importers.numbers import number

# The closing brace is optional, so that an unclosed dict is consumed and looked at only once.
_DICT = re.compile(r"""\{((?:[^{}'"]|'[^'\n]*+'|"[^"\n]*+")*+)(\})?""")
_PAIR = re.compile(
    r"""(?:'([^']+)'|"([^"]+)")\s*:\s*(?:'([^']*)'|"([^"]*)"|([^,'"\[\]{}()]+(?:\([^()]*\))?))"""
)


def dicts_in(text: str) -> Iterator[dict[str, float] | None]:
    """Yield the numbers of each flat dict in a text; None for a dict that is not closed.

    >>> list(dicts_in("10%|# | {'loss': '-0.08', 'kl': nan, 'name': 'a'} {'x': 1"))
    [{'loss': -0.08, 'kl': nan}, None]
    """
    for found in _DICT.finditer(text):
        body, closed = found.groups()
        if not closed:
            if ":" in body:
                yield None
            continue
        values: dict[str, float] = {}
        for single, double, *forms in _PAIR.findall(body):
            amount = number("".join(forms))
            if amount is not None:
                values[single or double] = amount
        if values:
            yield values
