"""Which trainers there is an adapter for, for which versions, and how that is known."""

from dataclasses import dataclass
from typing import Literal

Check = Literal["trained", "real functions", "recorded calls", "source read"]


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter.

    Attributes:
        trainer: Its trainer.
        module: Where it is.
        versions: The trainer's releases that it is for.
        check: ``trained``: the tests train with the real package. ``real functions``: they call
            the real package's functions, without training. ``recorded calls``: the package
            needs a GPU to be installed, and the tests repeat its calls as they were read.
            ``source read``: nothing was run.
        tried: The releases that this was done with.
    """

    trainer: str
    module: str
    versions: str
    check: Check
    tried: tuple[str, ...]


ADAPTERS = (
    Adapter("plain loop", "fade_client", "any", "trained", ()),
    Adapter(
        "TRL", "fade_client.trl", "0.19 to 1.16", "trained",
        ("0.19.1", "0.26.2", "1.0.0", "1.16.0"),
    ),
    Adapter("Unsloth", "fade_client.trl", "2026.10", "source read", ()),
    Adapter("verl", "fade_client.adapters.verl", "0.6 to 0.9", "real functions", ("0.9.1",)),
    Adapter("SkyRL", "fade_client.adapters.skyrl", "0.3", "real functions", ("0.3.0",)),
    Adapter("OpenRLHF", "fade_client.adapters.openrlhf", "0.11", "recorded calls", ("0.11.2",)),
    Adapter("slime", "fade_client.adapters.slime", "2026-08", "recorded calls", ()),
    Adapter("ms-swift", "fade_client.adapters.swift", "4.6", "recorded calls", ("4.6.0",)),
)  # fmt: skip
"""Every adapter."""
