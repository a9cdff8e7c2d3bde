"""The hook in a TRL trainer: watches every rollout batch, and replaces its advantages.

TRL has no place for other advantages, so two methods of the trainer object are wrapped:
``_calculate_rewards``, whose result is gathered over the ranks, and
``_generate_and_score_completions``, whose output carries the advantages. Both have kept their
signatures from TRL 0.19 on, and everything between them stays TRL's.

Shapes: ``P`` prompts, ``G`` rollouts of each; ``N = P G``, all ranks together.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from time import sleep
from typing import Any, ClassVar

import fade_client
from fade_client.adapters import ranks
from fade_client.adapters.coverage import Coverage
from fade_client.adapters.session import Session
from fade_client.adapters.signals import TRL, Vocabulary
from fade_client.adapters.trl.metrics import MetricTap, micro_steps
from fade_client.adapters.trl.rewards import Rewards
from fade_client.alerts import Orders
from fade_client.errors import ConfigError, StateError
from fade_client.run import Run
from fade_core.errors import RewardError

log = logging.getLogger("fade_client")

STEERS = ("control", "local")

PAUSE_S = 0.5
"""How often a training that waits for an alert to be acknowledged looks again."""

_ONLY_LOGGED = ("loss", "grad_norm", "learning_rate")

ELSEWHERE = "asked for by an alert; the log of rank 0 says which"


@dataclass
class Attachment:
    """A trainer and the run that watches it. Made by ``fade_client.trl.attach``.

    1. In ``observe`` and ``recommend`` the training is the same to the last bit.
    2. In ``control`` and ``local`` every rank uses rank 0's pair, latched once a rollout batch.
    3. One record a rollout batch, made on rank 0, before the next pair is read.
    4. What cannot be recorded is said once, and the training goes on.

    Attributes:
        trainer: The trainer.
        vocabulary: The trainer's metrics.
        audited: Id of the reader of its KL settings.
        opening: Arguments of ``fade_client.init``.
        accuracy: Column of the accuracy reward, or None.
        coverage: Which signals arrive, and what to switch on for the others.
        run: The run of the training in progress, or None before and after it.
        used: (alpha, delta) of the batch in progress, or None where TRL's own advantages hold.
    """

    vocabulary: ClassVar[Vocabulary] = TRL
    audited: ClassVar[str] = "trl"
    trainer: Any
    opening: dict[str, Any]
    accuracy: int | None
    coverage: Coverage
    run: Run | None = None
    used: tuple[float, float] | None = None
    _session: Session | None = None
    _tap: MetricTap | None = None
    _captured: Any = None
    _rank: int = 0
    _ranks: int = 1
    _device: Any = "cpu"
    _micro_steps: int = 1
    _batches: int = 0
    _read_at: int = -1
    _orders: Orders | None = None
    _said: set[str] = field(default_factory=set)

    @property
    def steers(self) -> bool:
        """Whether the trainer's advantages are replaced."""
        return self.opening["mode"] in STEERS

    def train_began(self, saved: Mapping[str, Any] | None) -> None:
        """Open the run, or the next attempt of the run whose state the checkpoint holds."""
        # Still open where transformers starts again by itself, with a smaller batch.
        self.train_ended("failed")
        wanted = self.opening["run_id"]
        resumes = saved is not None and wanted in (None, saved.get("run_id"))
        run_id = saved["run_id"] if saved is not None and resumes else wanted
        self.run = fade_client.init(**(self.opening | {"run_id": run_id}))
        self._session, self._tap = Session(self.run), MetricTap(self.trainer, self.vocabulary)
        # What an earlier training in this process left in TRL's lists is of no batch.
        self._tap.sweep()
        self._batches = 0
        self._micro_steps = micro_steps(self.trainer)
        accelerator = self.trainer.accelerator
        self._rank, self._device = accelerator.process_index, accelerator.device
        self._ranks = ranks.world_size()
        if saved is not None and resumes:
            try:
                self.run.load_state_dict(dict(saved))
            except StateError as error:
                self._warn("state", "the schedule starts anew: %s", error)
        elif saved is not None:
            self._warn("run_id", "the checkpoint is of another run; the schedule starts anew")
        log.info("fadewatch watches %s", self.coverage.report())

    def step_ended(self, *, will_log: bool) -> None:
        """Read what TRL measured; record the batch if it is done and no log follows."""
        self._read()
        if not will_log:
            self._record_if_complete()

    def logged(self, logs: Mapping[str, Any]) -> None:
        """Take what only the log has, and record the batch if it is done."""
        if self._session is None or "loss" not in logs:
            return
        own = {self.vocabulary.fields[key]: logs[key] for key in _ONLY_LOGGED if key in logs}
        self._guarded(self._session.add, own)
        self._record_if_complete()

    def train_ended(self, status: str = "finished") -> None:
        """Record the last batch and end the run, if one is open.

        Args:
            status: ``finished``, or ``failed`` where an exception ended the training.
        """
        self._read()
        if self._session is not None:
            self._session.finish(status)
        self.run = self._session = self._tap = self.used = None

    def state(self) -> dict[str, Any] | None:
        """Return the run's state as of the last complete batch.

        A batch in progress is not in it: a resumed trainer generates it anew.
        """
        return None if self.run is None else self.run.state_dict()

    def rewards_calculated(self, per_function_NF: Any) -> None:
        """Keep the gathered rewards of the batch in progress."""
        # Not copied: no TRL from 0.19 to 1.16 changes them afterwards.
        self._captured = per_function_NF

    def generate(self, generate: Callable[[Any], Any], inputs: Any) -> Any:
        """Run TRL's generation and scoring, and see to the advantages of its output."""
        if self.run is None or not self.trainer.model.training:
            return generate(inputs)
        pair = self.latch(self.run)
        self._captured = None
        output = generate(inputs)
        if self._captured is None or not isinstance(output, Mapping):
            raise ConfigError(
                f"{type(self.trainer).__name__} does not score as TRL's GRPOTrainer does, so it "
                "cannot be watched by fade_client.trl; see fade_client.adapters for the others"
            )
        self.score(Rewards.of(
            self._captured, self.trainer.reward_weights, self.trainer.num_generations,
            self.accuracy,
        ), output, pair)  # fmt: skip
        return output

    def latch(self, run: Run) -> tuple[float, float]:
        """Record the batch before, and return rank 0's pair for this one, on every rank."""
        # Where a step takes several batches, TRL has measured since the last one ended.
        if self.trainer._step != self._read_at:
            self._read()
        if self._session is not None:
            self._guarded(self._session.begin)
        if self.opening.get("on_alert") is not None:
            self._orders = self._agreed_orders(run)
        alpha, delta, version = run.pair()
        if self.steers and self._ranks > 1:
            # On every rank, whatever happened before: a rank that skips it would stall the others.
            alpha, delta, _ = ranks.share((alpha, delta, float(version)), self._device)
        return alpha, delta

    def take_orders(self) -> Orders | None:
        """Return what the alerts ask of the training, once; the same on every rank."""
        orders, self._orders = self._orders, None
        return orders

    def _agreed_orders(self, run: Run) -> Orders:
        checkpoint = stop = ""
        while True:
            orders = run.orders()
            numbers = (bool(orders.checkpoint), bool(orders.stop), bool(orders.pause))
            # In step on every rank, in a pause too: none may wait for another for long.
            saves, ends, waits = ranks.share(numbers, self._device)
            checkpoint = checkpoint or orders.checkpoint or (ELSEWHERE if saves else "")
            stop = stop or orders.stop or (ELSEWHERE if ends else "")
            if stop or not waits:
                return Orders(checkpoint=checkpoint, stop=stop)
            if orders.pause:
                self._warn(orders.pause, "paused until it is acknowledged: %s", orders.pause)
            sleep(PAUSE_S)

    def score(self, rewards: Rewards, output: Any, pair: tuple[float, float]) -> None:
        """See to the advantages of a scored batch, and note it.

        Raises:
            RewardError: It is the first, the run steers, and it has no solve rates.
        """
        self.used = pair if self.steers and self._is_usable(rewards) else None
        self._batches += 1
        if self.used is None:
            advantages_N = self.own_advantages(rewards, output)
        else:
            replacement = output["advantages"].new_tensor(rewards.fade(*self.used))
            advantages_N = replacement.tolist()
            self.place(output, replacement, advantages_N)
        self._show(pair, advantages_N)
        self._guarded(self._note, rewards, advantages_N)

    def _is_usable(self, rewards: Rewards) -> bool:
        problem = rewards.problem
        if problem is None:
            return True
        if self._batches == 0:
            mode = self.opening["mode"]
            raise RewardError(f"mode={mode!r} needs a solve rate; {problem}")
        self._warn("fallback", "TRL's own advantages are used where FADE has none: %s", problem)
        return False

    def place(self, output: Any, replacement: Any, advantages_N: list[float]) -> None:
        """Put the advantages where the trainer takes them from: this rank's part.

        Args:
            output: What the trainer's scoring returned.
            replacement: ``[N]``, a tensor like the trainer's own.
            advantages_N: The same as numbers.
        """
        count = output["advantages"].numel()
        if count == len(advantages_N):
            output["advantages"] = replacement
        else:
            output["advantages"] = replacement[self._rank * count : (self._rank + 1) * count]
        logged = self._logged_advantages()
        if logged is not None:
            # The completions table must show what was used.
            count = min(len(logged), len(advantages_N))
            for _ in range(count):
                logged.pop()
            logged.extend(advantages_N[len(advantages_N) - count :])

    def own_advantages(self, rewards: Rewards, output: Any) -> list[float] | None:
        """Return the trainer's own advantages of the whole batch, or None."""
        count, logged = len(rewards.totals), self._logged_advantages()
        if logged is not None and len(logged) >= count:
            return list(logged)[-count:]
        local: list[float] = output["advantages"].tolist()
        return local if len(local) == count else None

    def _logged_advantages(self) -> Any | None:
        logs = getattr(self.trainer, "_logs", None) or getattr(self.trainer, "_textual_logs", None)
        # A dict nearly always; to ask an abstract class takes longer.
        if type(logs) is dict or isinstance(logs, Mapping):
            return logs.get("advantages")
        return None

    def _show(self, pair: tuple[float, float], advantages_N: list[float] | None) -> None:
        # On every rank, so that the ranks' metrics keep the same keys.
        alpha, delta = pair
        if self.steers:
            shown = "fade/alpha", "fade/delta"
            if self.used is None:
                alpha = delta = 1.0
        else:
            shown = "fade/recommended_alpha", "fade/recommended_delta"
        metrics = self.trainer._metrics["train"]
        for key, number in zip(shown, (alpha, delta), strict=True):
            metrics[key].append(number)
        if advantages_N:
            metrics["fade/adv_abs_mean"].append(sum(map(abs, advantages_N)) / len(advantages_N))

    def _note(self, rewards: Rewards, advantages_N: list[float] | None) -> None:
        fields = rewards.fields()
        if self.steers and self.used is None:
            fields |= dict.fromkeys(("alpha", "delta", "schedule_version"))
        arrays = (None, None) if advantages_N is None else rewards.arrays(advantages_N)
        if self._session is not None:
            self._session.weigh(*arrays, **fields)

    def _read(self) -> None:
        tap = self._tap
        if tap is None:
            return
        self._read_at = self.trainer._step
        self._guarded(self._sweep, tap)
        if len(tap.unknown) > len(self.coverage.unknown):
            self.coverage = replace(self.coverage, unknown=tuple(tap.unknown))
            log.info("unknown to fadewatch, kept as extra series: %s", ", ".join(tap.unknown))

    def _sweep(self, tap: MetricTap) -> None:
        if self._session is not None:
            self._session.add(tap.sweep())

    def _record_if_complete(self) -> None:
        if self._session is not None and self.trainer._step % self._micro_steps == 0:
            self._guarded(self._session.flush)

    def _guarded(self, act: Callable[..., None], *arguments: Any) -> None:
        try:
            act(*arguments)
        except Exception as error:  # noqa: BLE001 - promise 4
            self._warn(f"record {type(error).__name__}", "a batch is not recorded: %r", error)

    def _warn(self, key: str, message: str, *args: object) -> None:
        if key not in self._said:
            self._said.add(key)
            log.warning(message, *args)
