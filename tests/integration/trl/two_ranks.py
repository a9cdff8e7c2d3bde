"""One rank of a distributed training; says what it used. Run by ``test_ranks``."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch

import fade_client
import fade_client.trl
from fade_client.alerts import Alert
from fade_client.endpoints import Reply
from tests.integration.trl.helpers import GROUP_TIMEOUT_S, trainer


def main(output: Path, mode: Any, *, alerted: bool, dies: int | None = None) -> None:
    torch.set_num_threads(1)
    rank = int(os.environ["RANK"])
    # Rank 1 would decide otherwise, and must not get to decide.
    scheduler = fade_client.SchedulerConfig(ema_weight_new=0.4, alpha_max=3.0 - rank)
    steered = trainer(
        output, per_device_train_batch_size=4, steps_per_generation=1, max_steps=5, use_cpu=True,
        ddp_timeout=GROUP_TIMEOUT_S,
    )  # fmt: skip
    attachment = fade_client.trl.attach(
        steered, project="p", mode=mode, dir=output / "spool", scheduler=scheduler,
        server="http://127.0.0.1:9", on_alert="stop",
    )  # fmt: skip
    alert = Reply(alert_version=1, alerts=(Alert(1, severity="critical"),))
    used: list[Any] = []
    generate = steered._generate_and_score_completions

    def spy(inputs: Any) -> Any:
        if rank == dies and len(used) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        batch = generate(inputs)
        if alerted and rank == 0 and len(used) == 1 and attachment.run:
            attachment.run.receive(alert)
        used.append({"pair": attachment.used, "local": batch["advantages"].tolist()})
        return batch

    steered._generate_and_score_completions = spy
    steered.train()
    (output / f"rank{rank}.json").write_text(json.dumps(used))
    # Or gloo's threads may still hold tensors when the interpreter ends: it aborts, now and then.
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    victim = [rank for rank in (0, 1) if f"dies={rank}" in sys.argv]
    main(
        Path(sys.argv[1]), sys.argv[2], alerted="alerted" in sys.argv, dies=next(iter(victim), None)
    )
