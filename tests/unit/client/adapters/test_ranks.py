"""What ranks agree on, with two real gloo processes."""

import json
import os
import subprocess
import sys

from fade_client.adapters import ranks
from tests.helpers import free_port

RANK = """
import json, sys, torch.distributed as dist
from fade_client.adapters import ranks
rank, port = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", world_size=2, rank=rank)
mine = [1.0 + rank, 4.0]
print(json.dumps([ranks.world_size(), ranks.share(mine), ranks.total(mine)]))
dist.destroy_process_group()
"""


def test_a_single_process_agrees_with_itself() -> None:
    assert ranks.world_size() == 1
    assert ranks.share([1, 2.5]) == [1.0, 2.5]
    assert ranks.total([3]) == [3.0]


def test_two_ranks_share_the_first_ones_pair_and_sum_their_parts() -> None:
    port = str(free_port())
    both = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, rank, port],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        )
        for rank in ("0", "1")
    ]
    answers = [process.communicate(timeout=120)[0] for process in both]
    assert [json.loads(answer) for answer in answers] == [[2, [1.0, 4.0], [3.0, 8.0]]] * 2
