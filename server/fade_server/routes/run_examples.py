"""Examples about lists of runs and their names."""

from typing import Any

Document = dict[str, Any]

CHANGE_IN: Document = {"name": "countdown 7B, the good one", "tags": ["countdown", "keep"]}

PROJECTS: Document = {
    "projects": [
        {"project": "countdown", "runs": 12, "open_alerts": {"critical": 1, "warning": 2}},
        {"project": "math", "runs": 3, "open_alerts": {"critical": 0, "warning": 0}},
    ]
}
