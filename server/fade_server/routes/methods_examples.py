"""Examples about advantage functions and KL penalties."""

from typing import Any

Document = dict[str, Any]

WHAT_IF: Document = {
    "run": "countdown-7b-3",
    "steps": [0, 1],
    "complete": True,
    "sampled": True,
    "recorded": {"mass_success": [0.25, 0.24], "mass_failure": [0.25, 0.19]},
    "methods": {
        "grpo": {"mass_success": [0.25, 0.24], "mass_failure": [0.25, 0.24]},
        "power:alpha=2": {"mass_success": [0.125, 0.13], "mass_failure": [0.125, 0.13]},
    },
}

AUDIT: Document = {
    "run": "countdown-7b-3",
    "kl": {"trainer": "trl", "verdict": "biased", "reason": "k3 in the loss, without the ratio"},
    "advantage": {
        "method": "grpo",
        "params": {},
        "relation": "equals",
        "verdict": "equals grpo",
        "nearest": {"method": "grpo", "params": {}, "factor": 1.0, "distance": 0.0},
        "group_size": 2,
        "steps": [0],
        "sampled": True,
        "mass_success": 0.25,
        "mass_failure": 0.25,
        "sign_ratio": 1.0,
        "curve": {
            "solve_rate": [0.0, 0.5, 1.0],
            "mass_success": [0.0, 0.125, 0.0],
            "mass_failure": [0.0, 0.125, 0.0],
        },
    },
}
