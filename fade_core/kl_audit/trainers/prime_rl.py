"""prime-rl. Read: the snapshot of August 2026."""

from fade_core.kl_audit.config import Config, Version
from fade_core.kl_audit.setup import Confidence, Setup


def read(config: Config, version: Version | None) -> Setup:
    """Read ``[trainer.loss] kl_tau``: a penalty on the distance to the inference policy."""
    tau = config.number("loss.kl_tau", "kl_tau", default=1e-3)
    anchor = "kl_tau weighs the squared log-ratio to the inference policy that sampled"
    return Setup(
        trainer="prime-rl",
        source="src/prime_rl/trainer/rl/loss.py, docs/algorithms.md",
        confidence=Confidence.CODE if version is None else Confidence.NEIGHBOUR,
        off="kl_tau is 0, and there is no reference penalty" if tau == 0 else None,
        not_reference=anchor if tau != 0 else None,
    )
