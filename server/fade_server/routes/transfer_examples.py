"""Examples of exports and imports."""

from typing import Any

from fade_server.routes.examples import RUN

Document = dict[str, Any]

CSV = """\
step,time,accuracy,loss,pass_at_k/16,extra/tokens_per_second
0,1763700000.0,0.625,0.02,0.75,11250.0
1,1763700060.5,0.5655,NaN,,11300.0
"""

JSONL = """\
{"step":0,"time":1763700000.0,"accuracy":0.625,"pass_at_k":{"16":0.75},"extra":{}}
{"step":1,"time":1763700060.5,"loss":"NaN","pass_at_k":{},"extra":{"tokens_per_second":11300.0}}
"""

LOG = """\
{"step": 1, "reward": 0.31, "entropy": 0.92, "my_metric": 3.0}
{"step": 2, "reward": 0.35, "entropy": 0.90, "my_metric": 4.0}
the job was preempted
"""

IMPORTED: Document = {
    "runs": [
        {
            "run": RUN
            | {"id": "import-5f0b8a1c2d3e4f5061728394", "status": "finished", "mode": "observe"},
            "created": True,
            "accepted": 2,
            "duplicates": 0,
            "format": "jsonl",
            "recognised": {"reward_mean": "reward", "entropy": "entropy"},
            "unknown_keys": {"my_metric": 2},
            "skipped": {"line that is no JSON object": 1},
            "warnings": [],
        }
    ]
}
