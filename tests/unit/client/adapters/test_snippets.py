"""The snippets of the pages whose trainers are not installed here: the code itself is run.

In place of a trainer stands what ``test_recorded_calls`` repeats of its calls. TRL's snippets
are run by ``tests/integration/trl/test_docs``, the plain loop's by ``test_trainer_docs``.
"""

import importlib
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

import fade_client
from fade_client.adapters import slime
from fade_client.adapters.verl.estimator import Estimator
from fade_client.adapters.verl.tracking import Backend
from tests.unit.client.adapters.test_recorded_calls import (
    FIRST,
    REWARDS,
    WEIGHTS,
    Maker,
    SwiftTrainer,
    experiences,
    samples,
)
from tests.unit.client.test_trainer_docs import snippets


@pytest.fixture(autouse=True)
def nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FADEWATCH_DIR", str(tmp_path))
    monkeypatch.setenv("FADEWATCH_SERVER", "http://127.0.0.1:9")


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Put a module, and the packages above it, where ``import`` finds them."""

    def put(name: str, **members: Any) -> ModuleType:
        packages = name.split(".")
        for count in range(1, len(packages)):
            package = ".".join(packages[:count])
            if package not in sys.modules:
                monkeypatch.setitem(sys.modules, package, ModuleType(package))
        made = ModuleType(name)
        made.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, made)
        return made

    return put


def run(page: str, mention: str, **names: Any) -> dict[str, Any]:
    """Run the one snippet that mentions this, with these names there; return all names."""
    (snippet,) = [one for one in snippets(page, "python") if mention in one]
    exec(compile(snippet, page, "exec"), names)
    return names


def recorded(directory: Path) -> list[dict[str, Any]]:
    (spool,) = directory.rglob("*.spool")
    return fade_client.read_run(spool)[1]


def test_skyrls_callback_steers_and_records(tmp_path: Path, module: Any) -> None:
    estimators: dict[str, Any] = {}

    class Registry:
        @staticmethod
        def list_available() -> list[str]:
            return list(estimators)

    class TrainingCallback:
        """SkyRL's base class, whose events are methods."""

    def register(name: str) -> Any:
        return lambda function: estimators.setdefault(name, function)

    module(
        "skyrl.backends.skyrl_train.utils.ppo_utils",
        AdvantageEstimatorRegistry=Registry, register_advantage_estimator=register,
    )  # fmt: skip
    module("skyrl.train.utils.callbacks", TrainingCallback=TrainingCallback)
    callbacks: list[Any] = []
    run("skyrl.md", "skyrl", trainer=SimpleNamespace(add_callback=callbacks.append))
    rewards, mask = torch.tensor(REWARDS).unsqueeze(1), torch.ones(8, 1)
    uids = ["a"] * 4 + ["b"] * 4
    weights, _ = estimators["fade"](token_level_rewards=rewards, response_mask=mask, index=uids)
    assert weights[:, 0].tolist() == pytest.approx(WEIGHTS)
    (callback,) = callbacks
    callback.on_log(None, SimpleNamespace(logs={"policy/policy_entropy": 0.5}), None)
    callback.on_train_end(None, None, None)
    (step,) = recorded(tmp_path)
    assert (step["entropy"], step["alpha"]) == (0.5, FIRST.alpha)


def test_openrlhfs_maker_is_wrapped(tmp_path: Path, module: Any) -> None:
    maker = type("RemoteExperienceMaker", (Maker,), {})
    module("openrlhf.trainer.ppo_utils.experience_maker", RemoteExperienceMaker=maker)
    controller = run("openrlhf.md", "openrlhf")["controller"]
    for one in maker("dr_grpo").compute_advantages_and_returns(experiences()):
        expected = torch.tensor([WEIGHTS[row] for row in one.index]) - Maker.KL
        assert one.advantages[:, 0].tolist() == pytest.approx(expected.tolist())
    controller.report({"entropy_loss": 0.7})
    controller.finish()
    (step,) = recorded(tmp_path)
    assert (step["entropy"], step["alpha"]) == (0.7, FIRST.alpha)


@pytest.fixture
def slime_ends() -> Iterator[None]:
    yield
    slime.finish()


@pytest.mark.usefixtures("slime_ends")
def test_slime_finds_both_functions_by_their_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (command,) = snippets("slime.md", "bash")
    paths = dict(zip(*[iter(shlex.split(command))] * 2, strict=True))
    monkeypatch.setenv("FADEWATCH_PROJECT", "countdown")
    monkeypatch.setenv("FADEWATCH_MODE", "control")
    args = SimpleNamespace(n_samples_per_prompt=4, normalize_advantages=False)
    weigh = _loaded(paths["--custom-reward-post-process-path"])
    raw, weights = weigh(args, samples())
    assert (raw, weights) == (REWARDS, pytest.approx(WEIGHTS))
    note = _loaded(paths["--custom-rollout-log-function-path"])
    assert note(0, args, samples(), {"rollout/truncated_ratio": 0.25}, 1.0) is False
    slime.finish()
    (step,) = recorded(tmp_path)
    assert (step["truncated_fraction"], step["alpha"]) == (0.25, FIRST.alpha)


def _loaded(path: str) -> Any:
    name, _, function = path.rpartition(".")
    return getattr(importlib.import_module(name), function)


class AttachableSwiftTrainer(SwiftTrainer):
    """With what attaching to it takes; trains for one step."""

    def __init__(self, output: Path) -> None:
        super().__init__()
        self.args.output_dir, self.args.run_name = str(output), None
        self.args.to_sanitized_dict = dict
        self.accelerator.is_main_process = True
        self.state = SimpleNamespace(stateful_callbacks={}, log_history=[], global_step=1)
        self.callbacks: list[Any] = []
        self.add_callback = self.callbacks.append

    def _calculate_rewards(self) -> None:
        """TRL's, which ms-swift's trainer inherits."""

    def _generate_and_score_completions(self) -> None:
        """Likewise."""

    def train(self) -> list[float]:
        control = SimpleNamespace(should_log=False, should_save=False, should_training_stop=False)
        event = (self.args, self.state, control)
        for callback in self.callbacks:
            callback.on_train_begin(*event)
        used: list[float] = self._compute_advantages(
            [], torch.tensor(REWARDS).unsqueeze(1), []
        ).tolist()
        for callback in self.callbacks:
            callback.on_step_end(*event)
            callback.on_train_end(*event)
        return used


@pytest.mark.filterwarnings("default")
def test_ms_swifts_trainer_is_attached_to(tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="ms-swift's trainer is built on TRL's")
    trainer = AttachableSwiftTrainer(tmp_path)
    run("swift.md", "swift", trainer=trainer)
    assert trainer.train() == pytest.approx(WEIGHTS)
    (step,) = recorded(tmp_path)
    assert (step["entropy"], step["alpha"]) == (0.8, FIRST.alpha)


def test_verls_options_open_a_run_that_steers(tmp_path: Path) -> None:
    (command,) = snippets("verl.md", "bash")
    config: dict[str, Any] = {}
    # As Hydra reads a command line: a path of keys, and a value in YAML.
    for option in [word for word in shlex.split(command.replace("\\\n", " ")) if "=" in word]:
        path, _, value = option.lstrip("+").partition("=")
        *sections, key = path.split(".")
        section = config
        for name in sections:
            section = section.setdefault(name, {})
        section[key] = yaml.safe_load(value)
    assert config["algorithm"]["adv_estimator"] in config["trainer"]["logger"]
    config["fadewatch"]["server"] = "http://127.0.0.1:9"
    estimator = Estimator()
    backend = Backend(estimator, "countdown", "grpo", config)
    rewards, mask = torch.tensor(REWARDS).unsqueeze(1), torch.ones(8, 1)
    weights, _ = estimator(rewards, mask, index=["a"] * 4 + ["b"] * 4, config={})
    assert weights[:, 0].tolist() == pytest.approx(WEIGHTS)
    backend.log({"actor/entropy": 0.6}, step=1)
    backend.finish()
    (step,) = recorded(tmp_path)
    assert (step["entropy"], step["alpha"]) == (0.6, FIRST.alpha)
