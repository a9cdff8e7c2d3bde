"""``docs/kl.md`` says what the audit and the enumeration say."""

import re

import pytest

from fade_core.kl_audit.examples import trainer_table
from fade_core.kl_audit.rules import RULES
from fade_core.records import extras_table
from fade_core.torch.kl_report import configuration_table
from tests.helpers import ROOT

PAGE = ROOT / "docs" / "kl.md"


def section(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- /{name} -->", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("configurations", configuration_table),
        ("trainers", trainer_table),
        ("extras", extras_table),
    ],
)
def test_the_page_shows_the_data(name: str, table: object) -> None:
    assert callable(table)
    assert section(name) == table()


def test_the_page_names_every_rule() -> None:
    text = PAGE.read_text()
    assert [rule.id for rule in RULES if f"`{rule.id}`" not in text] == []
