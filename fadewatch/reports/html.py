"""A diagnosis as one self-contained HTML file: nothing is loaded, nothing runs."""

from collections.abc import Sequence
from html import escape
from typing import Any

from fadewatch.reports.charts import charts_of, draw, spans_of
from fadewatch.reports.checkup import Checkup

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6676;--line:#d5dbe3;--plot:#2563a8;
--info:#5b6676;--warning:#b7791f;--critical:#b3261e;--ground:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b4;--line:#39424f;
--plot:#7ab3f0;--warning:#e0b050;--critical:#f2877f;--ground:#14181e}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);
max-width:1180px;margin:0 auto;padding:24px}
h1{font-size:22px;margin:0}h2{font-size:16px;margin:28px 0 8px}
.headline{font-size:17px;margin:8px 0}.soft{color:var(--soft)}
article{border-left:4px solid var(--line);padding:2px 0 2px 14px;margin:14px 0}
article.info{border-color:var(--info)}article.warning{border-color:var(--warning)}
article.critical{border-color:var(--critical)}
table{border-collapse:collapse;font-size:13px}td,th{padding:2px 14px 2px 0;text-align:left;
vertical-align:top}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(340px,1fr));gap:14px}
figure{margin:0}figcaption{font-size:13px;color:var(--soft)}svg{width:100%;height:auto}
polyline{fill:none;stroke:var(--plot);stroke-width:1.3;stroke-linejoin:round}
.axis{fill:none;stroke:var(--line)}svg text{font-size:11px;fill:var(--soft)}
rect.info{fill:var(--info);opacity:.08}rect.warning{fill:var(--warning);opacity:.07}
rect.critical{fill:var(--critical);opacity:.07}
.alert{stroke:var(--critical);stroke-dasharray:3 3}.broken{fill:var(--critical)}
"""


def html_report(checkups: Sequence[Checkup]) -> str:
    """Return the file: a section for each run."""
    title = checkups[0].report["run"] if len(checkups) == 1 else f"{len(checkups)} runs"
    sections = "\n".join(_section(checkup) for checkup in checkups)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Fadewatch: {escape(str(title))}</title><style>{_STYLE}</style></head>"
        f"<body>\n{sections}\n</body></html>\n"
    )


def _section(checkup: Checkup) -> str:
    report = checkup.report
    charts = charts_of(checkup.run)
    last = charts[0].steps[1] if charts else 0
    spans = spans_of(report["findings"], last)
    drawn = "".join(draw(chart, spans) for chart in charts)
    findings = "".join(_finding(finding) for finding in report["findings"])
    return (
        f"<section><h1>{escape(str(report['run']))}</h1>"
        f'<p class="soft">{escape(str(report["format"]))}, {report["steps"]} steps</p>'
        f'<p class="headline">{escape(report["headline"])}</p>'
        f"<p>{escape(checkup.paragraph)}</p>"
        f"{findings}"
        f'<h2>Signals</h2><div class="charts">{drawn}</div>'
        f"<h2>What was checked</h2>{_coverage(report['coverage'])}"
        f"<h2>The log</h2>{_log(checkup)}</section>"
    )


def _finding(finding: dict[str, Any]) -> str:
    advice = finding["advice"]
    resolved = finding["resolved_step"]
    until = "still open" if resolved is None else f"over at step {resolved}"
    evidence = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(_short(value))}</td></tr>"
        for name, value in finding["evidence"].items()
    )
    actions = "".join(f"<li>{escape(action)}</li>" for action in advice["do"])
    schedule = ", ".join(f"{k} {_short(v)}" for k, v in (advice["schedule"] or {}).items())
    proposed = f"<p>Proposed schedule: {escape(schedule)}</p>" if schedule else ""
    return (
        f'<article class="{escape(finding["severity"])}"><strong>{escape(finding["severity"])}: '
        f"{escape(finding['detector'])}</strong> "
        f'<span class="soft">began about step {finding["onset_step"]}, first alert at step '
        f"{finding['first_alert_step']}, {until}</span>"
        f"<p>{escape(advice['cause'])} {escape(advice['effect'])}</p><ul>{actions}</ul>"
        f"{proposed}<table>{evidence}</table></article>"
    )


def _coverage(coverage: Sequence[dict[str, Any]]) -> str:
    cells = (
        (each["detector"], each["status"].replace("_", " "), each["reason"]) for each in coverage
    )
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in cells
    )
    return f"<table><tr><th>detector</th><th>state</th><th></th></tr>{rows}</table>"


def _log(checkup: Checkup) -> str:
    run = checkup.run
    rows = [(name, f"from {key}") for name, key in sorted(run.recognised.items())]
    rows += [(key, f"no canonical name, in {n} rows") for key, n in run.unknown_keys.items()]
    rows += [("left out", f"{n} x {reason}") for reason, n in sorted(run.skipped.items())]
    rows += [("note", warning) for warning in run.warnings]
    cells = "".join(f"<tr><td>{escape(a)}</td><td>{escape(b)}</td></tr>" for a, b in rows)
    return f"<table>{cells}</table>"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
