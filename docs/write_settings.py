"""Write the table of ``settings.md`` from the docstrings of the settings' class.

Run from the repository: ``python docs/write_settings.py``.
"""

from pathlib import Path
from types import UnionType
from typing import Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from fade_server.settings import Settings

PAGE = Path(__file__).with_name("settings.md")
WORDS = {
    "str": "text", "int": "whole number", "float": "number", "bool": "true or false",
    "SecretStr": "secret", "Path": "path",
}  # fmt: skip
START, END = "<!-- settings -->\n", "<!-- /settings -->"


def table() -> str:
    """Return every setting as a row: name, variable, default, what it takes and what it does."""
    head = "| setting | variable | default | takes | what it does |\n|---|---|---|---|---|\n"
    rows = (_row(name, field) for name, field in Settings.model_fields.items())
    return head + "".join(rows)


def page() -> str:
    """Return the page with the table of now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    return before + START + table() + END + rest.partition(END)[2]


def _row(name: str, field: FieldInfo) -> str:
    default = "none" if field.default is None else f"`{field.default}`"
    text = " ".join((field.description or "").replace("``", "`").split())
    cells = (f"`{name}`", f"`FADEWATCH_{name.upper()}`", default, _takes(field), text)
    return f"| {' | '.join(cells)} |\n"


def _takes(field: FieldInfo) -> str:
    annotation = field.annotation
    several = get_origin(annotation) in (Union, UnionType)
    kinds = get_args(annotation) if several else (annotation,)
    names = [_kind(kind) for kind in kinds if kind is not type(None)]
    bounds = [
        f"{sign} {getattr(limit, name)}"
        for limit in field.metadata
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("min_length", "length ≥"))
        if hasattr(limit, name)
    ]
    return ", ".join([" or ".join(names), *bounds])


def _kind(kind: object) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(kind))
    name = getattr(kind, "__name__", str(kind))
    return WORDS.get(name, name)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
