"""Write the tables of ``kl.md`` from the data that the audit and the tests share.

Run from the repository: ``python docs/write_kl.py``.
"""

from pathlib import Path

from fade_core.kl_audit.examples import trainer_table
from fade_core.records import extras_table
from fade_core.torch.kl_report import configuration_table


def main() -> None:
    """Replace what stands between the markers of the page."""
    page = Path(__file__).with_name("kl.md")
    text = page.read_text(encoding="utf-8")
    tables = {
        "configurations": configuration_table(),
        "trainers": trainer_table(),
        "extras": extras_table(),
    }
    for name, table in tables.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = text.partition(start)
        text = before + start + table + "\n" + end + rest.partition(end)[2]
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
