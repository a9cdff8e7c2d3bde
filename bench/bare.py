"""The limit on this machine: a bare endpoint that does one batched insert, and nothing else.

    python bench/bare.py DATABASE_URL PORT

It takes the same body, JSON in columns, and stores the same numbers with the same engine, tables
of its own and one transaction a batch. It checks nothing, knows no runs, no duplicates, no
attempts and no schedule, and answers only how many steps came.
"""

import base64
import sys
from typing import Annotated

import orjson
import uvicorn
from fastapi import Depends, FastAPI, Request
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
)

from fade_core.records import SCALARS
from fade_server.queries.engine import Store

metadata = MetaData()
bare_steps = Table(
    "bare_steps",
    metadata,
    Column("run", String(64), primary_key=True),
    Column("step", BigInteger, primary_key=True),
    *(Column(name, Double) for name in SCALARS),
    Column("extra", JSON),
)
bare_weights = Table(
    "bare_weights",
    metadata,
    Column("run", String(64), primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("rewards", LargeBinary),
    Column("advantages", LargeBinary),
)


async def _body(request: Request) -> bytes:
    return await request.body()


def bare_app(url: str) -> FastAPI:
    """Return the application on an empty database."""
    store = Store(url)
    metadata.create_all(store.engine)
    app = FastAPI()

    @app.post("/runs/{run}/steps")
    def add(run: str, body: Annotated[bytes, Depends(_body)]) -> dict[str, int]:
        batch = orjson.loads(body)
        names, extra = list(batch["columns"]), list(batch["extra"])
        rows = [
            {"run": run, "step": step, "extra": dict(zip(extra, own, strict=True))}
            | dict(zip(names, values, strict=True))
            for step, values, own in zip(
                batch["steps"],
                zip(*batch["columns"].values(), strict=True),
                zip(*batch["extra"].values(), strict=True),
                strict=True,
            )
        ]
        weights = [
            {
                "run": run,
                "step": one["step"],
                "rewards": base64.b64decode(one["rewards"]),
                "advantages": base64.b64decode(one["advantages"]),
            }
            for one in batch.get("weights", ())
        ]
        with store.write() as session:
            session.execute(insert(bare_steps), rows)
            if weights:
                session.execute(insert(bare_weights), weights)
        return {"accepted": len(rows)}

    return app


if __name__ == "__main__":
    uvicorn.run(bare_app(sys.argv[1]), port=int(sys.argv[2]), log_level="warning")
