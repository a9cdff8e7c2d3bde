"""``docs/security.md`` names a test for every promise; each of them is there."""

import re

from tests.helpers import ROOT

PAGE = (ROOT / "docs/security.md").read_text("utf-8")
TESTS = {path.as_posix(): path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")}


def test_every_test_that_the_page_names_is_there() -> None:
    table = PAGE.partition("| promise | test |")[2].partition("\n## ")[0]
    named = re.findall(r"`([a-z_]{18,})`", table)
    assert len(named) > 15
    defined = "\n".join(TESTS.values())
    assert [name for name in named if f"def test_{name}(" not in defined] == []
    files = re.findall(r"`([a-z_/]+\.py)`", table)
    assert [name for name in files if not any(path.endswith(name) for path in TESTS)] == []
