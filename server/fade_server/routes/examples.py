"""One example of each body and answer; a test sends every one of them."""

from typing import Any

Document = dict[str, Any]

SCHEDULE: Document = {
    "version": 2,
    "step": 2,
    "alpha": 1.4776083849452122,
    "delta": 1.0,
    "p_hat": 0.50376,
    "h_hat": 0.9198000000000001,
    "h_star": 0.46,
    "reason": "solve rate 0.504 gives alpha 1.48; "
    "entropy 0.920 at or above target 0.460, so delta is neutral",
    "source": "fade",
}

OVERRIDE_IN: Document = {"delta": 0.8, "reason": "entropy falls too fast"}

OVERRIDE: Document = {
    "alpha": None,
    "delta": 0.8,
    "reason": "entropy falls too fast",
    "by": "anna",
    "at": 1763700000.0,
    "expires_at": 1763703600.0,
    "revert_on": "critical",
}

RUN_IN: Document = {
    "run_id": "countdown-7b-3",
    "attempt_key": "a1",
    "name": "countdown 7B, third try",
    "mode": "control",
    "config": {"model": "7b", "group_size": 16, "learning_rate": 1e-6},
    "tags": ["countdown"],
    "group": "baselines",
    "scheduler": {"alpha_max": 3.0},
}

STEPS_IN: Document = {
    "attempt": 1,
    "steps": [0, 1],
    "times": [1763700000.0, 1763700060.5],
    "columns": {
        "accuracy": [0.625, 0.5655],
        "entropy": [0.92, 0.91],
        "grad_norm": [0.31, None],
        "loss": [0.02, "NaN"],
    },
    "vectors": {"difficulty_histogram": [[0.1] * 10, None]},
    "pass_at_k": {"16": [0.75, 0.8125]},
    "extra": {"tokens_per_second": [11250.0, 11300.0]},
    "weights": [
        {
            "step": 0,
            "prompts": 1,
            "group_size": 2,
            "rewards": "AACAPwAAAAA=",
            "advantages": "AAAAPwAAAL8=",
            "sampled": True,
        }
    ],
    "override_applied": {"version": 1, "step": 1},
}

RUN: Document = {
    "id": "countdown-7b-3",
    "project": "countdown",
    "name": "countdown 7B, third try",
    "mode": "control",
    "status": "running",
    "group": "baselines",
    "tags": ["countdown"],
    "config": {"model": "7b", "group_size": 16, "learning_rate": 1e-6},
    "scheduler": {
        "alpha_max": 3.0,
        "delta_min": 0.3,
        "ema_weight_new": 0.02,
        "p_hat_initial": 0.5,
        "h_initial": None,
        "h_star": None,
        "entropy_scale": 1.0,
    },
    "created_at": 1763700000.0,
    "updated_at": 1763700061.0,
    "attempt": 1,
    "last_step": 1,
    "step_count": 2,
    "last": {"accuracy": 0.5655, "entropy": 0.91, "grad_norm": 0.31, "loss": "NaN"},
    "metrics": ["accuracy", "entropy", "grad_norm", "loss", "pass_at_k/16"],
    "schedule": SCHEDULE,
    "override": None,
    "override_version": 0,
    "override_step": None,
    "health": "healthy",
    "headline": "Nothing found; 5 of 20 detectors could check this run.",
    "alert_version": 0,
    "open_alerts": {"critical": 0, "warning": 0},
}

OPENED: Document = {
    "run": RUN,
    "attempt": 1,
    "schedule": SCHEDULE,
    "override": None,
    "override_version": 0,
}

ACCEPTED: Document = {
    "accepted": 2,
    "duplicates": 0,
    "last_step": 1,
    "schedule": SCHEDULE,
    "override": None,
    "override_version": 0,
}

RUNS: Document = {"runs": [RUN], "next_cursor": None}

TRAIL: Document = {"schedules": [SCHEDULE], "next_cursor": None}

FINISH_IN: Document = {"attempt": 1, "status": "finished"}

SERIES: Document = {
    "run": "countdown-7b-3",
    "attempt": 1,
    "last_step": 1,
    "series": {
        "accuracy": {"step": [0, 1], "value": [0.625, 0.5655]},
        "loss": {"step": [0, 1], "value": [0.02, "NaN"]},
    },
}

WEIGHTS: Document = {
    "step": 0,
    "prompts": 1,
    "group_size": 2,
    "sampled": True,
    "rewards": [[1.0, 0.0]],
    "advantages": [[0.5, -0.5]],
}

HEALTH: Document = {"status": "ok"}

PROBLEM: Document = {
    "type": "urn:fadewatch:problem:invalid-input",
    "title": "Invalid input",
    "status": 422,
    "detail": 'columns.acuracy: is not a field of a step record; did you mean "accuracy"?',
    "request_id": "3f0c2a9d5b6e7f18",
    "errors": [
        {
            "field": "columns.acuracy",
            "message": 'is not a field of a step record; did you mean "accuracy"?',
            "got": None,
        }
    ],
}
