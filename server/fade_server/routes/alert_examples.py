"""One example of each body and answer about alerts."""

from typing import Any

from fade_server.routes.examples import OVERRIDE, OVERRIDE_IN, SCHEDULE

Document = dict[str, Any]

ALERT: Document = {
    "id": 1,
    "run": "countdown-7b-3",
    "project": "countdown",
    "detector": "non_finite",
    "severity": "critical",
    "state": "firing",
    "onset_step": 1,
    "first_step": 1,
    "last_step": 3,
    "resolved_step": None,
    "headline": "critical: non_finite from step 1. A value is not finite.",
    "cause": "A value is not finite.",
    "effect": "One is noise; several mean that the numbers overflow, and the weights may be lost "
    "already.",
    "variant": "loss",
    "evidence": {"loss": 1.0, "recent_records": 2.71, "window": [1, 3]},
    "advice": ["Lower the learning rate, clip gradients, use bf16 rather than fp16."],
    "proposal": {"alpha": 1.5, "delta": 0.8, "mass_success": 0.2, "mass_failure": 0.25},
    "created_at": 1763700061.0,
    "updated_at": 1763700181.0,
    "fired_at": 1763700121.0,
    "acknowledged_at": None,
    "acknowledged_by": None,
    "note": None,
    "silenced": False,
    "version": 2,
}

ACK_IN: Document = {"note": "restarted from step 0 with bf16"}

ACKNOWLEDGED: Document = ALERT | {
    "state": "acknowledged",
    "acknowledged_at": 1763700300.0,
    "acknowledged_by": "anna",
    "note": "restarted from step 0 with bf16",
    "version": 3,
}

ALERTS: Document = {"alerts": [ALERT], "next_cursor": None}

SILENCE_IN: Document = {
    "project": "countdown",
    "detector": "length_pathology",
    "duration_s": 7200.0,
    "reason": "we lengthen the answers on purpose",
}

SILENCE: Document = {
    "id": 1,
    "project": "countdown",
    "run": None,
    "detector": "length_pathology",
    "until": 1763707200.0,
    "reason": "we lengthen the answers on purpose",
    "by": "anna",
    "created_at": 1763700000.0,
}

SILENCES: Document = {"silences": [SILENCE]}

DIAGNOSIS: Document = {
    "run": "countdown-7b-3",
    "steps": 4,
    "attempt": 1,
    "step": 3,
    "health": "critical",
    "headline": ALERT["headline"],
    "paragraph": "A value is not finite. It began about step 1 and was reported at step 1.",
    "coverage": [
        {"detector": "non_finite", "status": "checked", "reason": ""},
        {"detector": "staleness", "status": "not_checked", "reason": "not checked: needs "
         "staleness or ratio_ess"},
    ],
    "findings": [
        {
            "detector": "non_finite",
            "severity": "critical",
            "onset_step": 1,
            "first_alert_step": 1,
            "resolved_step": None,
            "evidence": {"loss": 1.0, "recent_records": 2.71, "window": [1, 3]},
            "advice": {
                "variant": "loss",
                "cause": "A value is not finite.",
                "effect": ALERT["effect"],
                "do": ALERT["advice"],
                "schedule": None,
            },
        }
    ],
    "forecast": {"floor": 0.09, "step": 410.0, "earliest": 350.0, "latest": None, "fit": 0.8},
    "law": {"a": 0.2, "b": 1.1, "ceiling": 0.9, "fit": 0.93},
    "alerts": [ALERT],
}  # fmt: skip

LIVE: Document = {
    "schedule": SCHEDULE,
    "override": None,
    "override_version": 0,
    "override_step": None,
    "alert_version": 0,
    "alerts": [],
}

PIN_IN: Document = OVERRIDE_IN | {"duration_s": 3600.0, "revert_on": "critical"}

PINNED: Document = LIVE | {
    "schedule": SCHEDULE
    | {
        "delta": 0.8,
        "reason": "delta 0.8 pinned by anna: entropy falls too fast",
        "source": "override",
    },
    "override": OVERRIDE,
    "override_version": 1,
}

PREVIEW_IN: Document = {"alpha": 2.0, "delta": 0.8}

PREVIEW: Document = PREVIEW_IN | {
    "batches": [
        {
            "step": 0,
            "mass_success": 0.25,
            "mass_failure": 0.25,
            "sign_ratio": 1.0,
            "new_mass_success": 0.125,
            "new_mass_failure": 0.15625,
            "new_sign_ratio": 0.8,
        }
    ]
}

CHANGES: Document = {
    "changes": [
        {
            "at": 1763700120.0,
            "event": "pinned",
            "step": 7,
            "alpha": 1.0,
            "delta": 0.8,
            "source": "override",
            "reason": "delta 0.8 pinned by anna: entropy falls too fast",
        }
    ],
    "next_cursor": None,
}
