"""What the demo is asked to run, refused before anything starts where it cannot work."""

from dataclasses import dataclass
from pathlib import Path

from fade_core.errors import SettingError
from fade_core.kl_checks import check_coefficient

KL_NAMES = ("k1-in-reward", "k3-in-loss", "k3-in-reward", "k1-in-loss", "rho-k3")
"""The example's penalties, so that a wrong name is refused before anything starts."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        arms: Names that the example's script knows.
        seeds: Every arm is trained once with each.
        steps: Rollout batches an arm, or None for the example's own number.
        port: Where the service listens.
        folder: Holds the store, the spool, checkpoints and results.
        keep_serving: Whether to serve the dashboard until Ctrl-C afterwards.
        kl: Name of a KL penalty to the start, for every arm; None for none.
        beta: Its coefficient, or None for the example's own number.
    """

    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    steps: int | None
    port: int
    folder: Path
    keep_serving: bool
    kl: str | None = None
    beta: float | None = None

    def __post_init__(self) -> None:
        if self.beta is not None:
            check_coefficient("--beta", self.beta)
            if self.kl is None:
                raise SettingError(f"--beta needs --kl; choose one of {', '.join(KL_NAMES)}")
        if self.kl is not None and self.kl not in KL_NAMES:
            raise SettingError(f"unknown KL penalty {self.kl!r}; there are {', '.join(KL_NAMES)}")

    @property
    def server(self) -> str:
        """Base URL of the service."""
        return f"http://127.0.0.1:{self.port}"

    def label(self, arm: str) -> str:
        """Return an arm's name with that of the penalty, as the example's script writes it."""
        return arm if self.kl is None else f"{arm}+{self.kl}"
