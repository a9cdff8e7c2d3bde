"""What-if and audit of a run, on the raw weights that it sent."""

import base64
from typing import Any

import numpy as np
import pytest

from fade_core.advantages import advantages
from fade_core.gradient_mass import batch_mass
from fade_server.services import methods
from tests.integration.server.api import Api

PROMPTS, GROUP = 16, 4


def rewards_of(step: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    generator = np.random.default_rng(step)
    return (generator.uniform(size=(PROMPTS, GROUP)) < 0.4).astype(np.float64)


def weights_of(step: int, method: str, **params: float) -> dict[str, Any]:
    rewards = rewards_of(step)
    arrays = {"rewards": rewards, "advantages": advantages(rewards, method, **params)}
    packed = {
        name: base64.b64encode(array.astype("<f4").tobytes()).decode()
        for name, array in arrays.items()
    }
    return {"step": step, "prompts": PROMPTS, "group_size": GROUP} | packed


@pytest.fixture(scope="module")
def run(api: Api) -> str:
    """A run of 40 steps that used power with alpha 2, and sent raw weights of every other step."""
    api.open_run("weighted", config={"kl_audit": {"verdict": "biased", "reason": "k3 in loss"}})
    api.send(
        "weighted", list(range(40)),
        columns={"accuracy": [0.4] * 40, "alpha": [1.5] * 40, "delta": [0.75] * 40},
        weights=[weights_of(step, "power", alpha=2.0) for step in range(0, 40, 2)],
    )  # fmt: skip
    return "weighted"


def what_if(api: Api, run: str, **query: Any) -> dict[str, Any]:
    answer = api.get(f"/runs/{run}/whatif", params=query)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_other_methods_are_computed_on_the_recorded_rewards(api: Api, run: str) -> None:
    query = {"advantage": "fade,grpo,power:alpha=3", "from": 4, "to": 9}
    found = what_if(api, run, **query)
    assert (found["steps"], found["complete"], found["sampled"]) == ([4, 6, 8], True, False)
    used = {"fade": {"alpha": 1.5, "delta": 0.75}, "grpo": {}, "power:alpha=3": {"alpha": 3.0}}
    assert list(found["methods"]) == list(used)
    for label, params in used.items():
        for index, step in enumerate(found["steps"]):
            rewards = rewards_of(step)
            weights = advantages(rewards, label.partition(":")[0], **params)
            expected = batch_mass(rewards, weights)
            masses = found["methods"][label]
            assert masses["mass_success"][index] == pytest.approx(expected.success, abs=1e-12)
            assert masses["mass_failure"][index] == pytest.approx(expected.failure, abs=1e-12)
    own = batch_mass(rewards_of(4), advantages(rewards_of(4), "power", alpha=2.0))
    assert found["recorded"]["mass_success"][0] == pytest.approx(own.success, rel=1e-6)


def test_of_many_steps_some_are_taken_evenly_and_named(api: Api, run: str) -> None:
    found = what_if(api, run, advantage="grpo", limit=5)
    assert found["complete"] is False
    assert found["steps"] == [0, 10, 20, 30]
    assert len(found["methods"]["grpo"]["mass_success"]) == 4
    assert what_if(api, run, advantage="grpo", limit=20)["complete"] is True


def test_large_batches_use_fewer_steps(api: Api, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "MAX_VALUES", 3 * PROMPTS * GROUP)
    found = what_if(api, run, advantage="grpo")
    assert (found["steps"], found["complete"]) == ([0, 2, 4], False)


def test_steps_of_an_attempt_that_was_replaced_are_not_used(api: Api) -> None:
    api.open_run("rewound")
    api.send("rewound", [0, 1, 2], columns={"accuracy": [0.4] * 3},
             weights=[weights_of(step, "grpo") for step in range(3)])  # fmt: skip
    api.open_run("rewound", "a2")
    api.send("rewound", [1], attempt=2, columns={"accuracy": [0.4]},
             weights=[weights_of(1, "maxrl")])  # fmt: skip
    found = what_if(api, "rewound", advantage="grpo")
    assert found["steps"] == [0, 1]
    own = batch_mass(rewards_of(1), advantages(rewards_of(1), "maxrl"))
    assert found["recorded"]["mass_success"][1] == pytest.approx(own.success, rel=1e-6)


@pytest.mark.parametrize(
    "advantage", ["fad", "fade:alpha=2", "power:alpha=x", "grpo:beta=1", ",", ",".join(
        f"power:alpha={n}" for n in range(9)
    )],
)  # fmt: skip
def test_a_method_that_cannot_be_is_refused_by_name(api: Api, run: str, advantage: str) -> None:
    answer = api.get(f"/runs/{run}/whatif", params={"advantage": advantage})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "advantage"


def test_a_run_without_raw_weights_has_nothing_to_try(api: Api) -> None:
    api.open_run("bare")
    api.send("bare", [0], columns={"accuracy": [0.5]})
    assert what_if(api, "bare")["steps"] == []
    assert api.get("/runs/bare/audit").json() == {"run": "bare", "kl": None, "advantage": None}


def test_an_audit_names_the_method_that_the_weights_came_from(api: Api, run: str) -> None:
    found = api.get(f"/runs/{run}/audit").json()
    assert found["kl"] == {"verdict": "biased", "reason": "k3 in loss"}
    advantage = found["advantage"]
    assert (advantage["method"], advantage["relation"]) == ("power", "equals")
    assert advantage["params"]["alpha"] == pytest.approx(2.0, abs=1e-4)
    assert advantage["group_size"] == GROUP
    assert all(step >= 29 for step in advantage["steps"]), "the newest quarter"
    ratio = advantage["mass_success"] / advantage["mass_failure"]
    assert advantage["sign_ratio"] == pytest.approx(ratio)
    assert len(advantage["curve"]["solve_rate"]) == len(advantage["curve"]["mass_success"])
