"""``fadewatch demo``: a real policy trained by real reinforcement learning, watched live."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    arm: Annotated[
        list[str] | None,
        typer.Option(
            help="Arm to train; repeat for several. Default: grpo and fade. "
            "Further ones: reinforce, power2, asym0.5, any advantage method's id, "
            "or a loss of its own: ppo, apa, awr.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Train every arm with seeds 0 to N-1.")] = 1,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Rollout batches an arm; default: the example's.")
    ] = None,
    kl: Annotated[
        str | None,
        typer.Option(
            help="KL penalty to the start, for every arm: k1-in-reward, k3-in-loss, "
            "k3-in-reward, k1-in-loss or rho-k3. Default: none.",
            show_default=False,
        ),
    ] = None,
    beta: Annotated[
        float | None, typer.Option(help="Its coefficient; default: 0.1.", show_default=False)
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the service.")] = 8765,
    folder: Annotated[Path, typer.Option(help="Where the store, spool and results go.")] = Path(
        "fadewatch-demo"
    ),
    exit_: Annotated[bool, typer.Option("--exit", help="End when the training has ended.")] = False,
) -> None:
    """Train a small policy on Countdown with two advantages and watch both runs live.

    Starts the service on the embedded store, warms one policy up by supervised learning,
    trains it once per arm with PPO-clipped policy gradient, streams every step through the
    hook, and prints what came out. The `fade` arm is steered: the scheduler's alpha and delta
    are the ones it trains with.

        fadewatch demo
        fadewatch demo --seeds 3 --exit
        fadewatch demo --arm grpo --arm fade --arm reinforce
        fadewatch demo --arm grpo --kl k3-in-reward --beta 0.3
    """
    from fade_core.errors import SettingError  # noqa: PLC0415
    from fadewatch.demo import run  # noqa: PLC0415
    from fadewatch.demo_plan import Plan  # noqa: PLC0415

    try:
        plan = Plan(
            arms=tuple(arm or ("grpo", "fade")),
            seeds=tuple(range(seeds)),
            steps=steps,
            port=port,
            folder=folder,
            keep_serving=not exit_,
            kl=kl,
            beta=beta,
        )
    except SettingError as problem:
        raise typer.BadParameter(str(problem)) from problem
    raise typer.Exit(run(plan))
