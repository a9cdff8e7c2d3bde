"""A real collapse, step by step: the service warns while there is still something to save.

``tests/data/reinforce.jsonl`` is what the demo's ``reinforce`` arm, seed 0, sent on 2026-11-21: all
its step records, numbers to five digits.
"""

import json

import pytest

from tests.helpers import ROOT
from tests.integration.server.alarms import alerts, send
from tests.integration.server.api import Api

RECORDS = [
    json.loads(line) for line in (ROOT / "tests/data/reinforce.jsonl").read_text().splitlines()
]


def half_kept_until() -> int:
    """Return the last measured step at which pass@64 has lost less than half of what it loses."""
    measured = [(r["step"], r["pass_at_k"]["64"]) for r in RECORDS if "pass_at_k" in r]
    half = (measured[0][1] + min(value for _, value in measured)) / 2
    lost = next(place for place, (_, value) in enumerate(measured) if value <= half)
    return int(measured[lost - 1][0])


@pytest.mark.slow
def test_the_collapse_of_reinforce_is_told_before_half_of_the_loss(api: Api) -> None:
    api.open_run("reinforce")
    last = half_kept_until()
    assert last == 40
    for record in RECORDS[:last]:
        send(api, "reinforce", [record])
        firing = [one for one in alerts(api, "reinforce") if one["state"] == "firing"]
        if any(one["severity"] != "info" for one in firing):
            break
    (alert,) = firing
    assert alert["last_step"] < last
    assert (alert["detector"], alert["variant"]) == ("sign_imbalance", "entropy")
    assert alert["proposal"]["delta"] <= 1.0
    assert api.run("reinforce")["health"] == "warning"
