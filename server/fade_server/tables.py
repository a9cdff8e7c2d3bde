"""Tables of the store. A change here needs a migration; a test compares the two.

Every floating-point value that may be non-finite is a pair: NULL, and its kind in
``steps.nonfinite`` (``{"loss": "nan"}``), because SQLite stores ``nan`` as NULL. The two
averages in ``schedules`` need no kind: there NULL is ``nan``. JSON columns hold non-finite
floats as the strings of the wire.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from fade_core.records import SCALARS

SCHEMA_HEAD = "0002"
"""Revision of the migration that makes these tables."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    }
)

# SQLite counts up by itself only in a column of type INTEGER.
Counter = BigInteger().with_variant(Integer, "sqlite")

runs = Table(
    "runs",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("project", String(256), nullable=False),
    Column("name", String(256), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("group_name", String(256)),
    Column("config", JSON(none_as_null=True), nullable=False),
    Column("scheduler", JSON(none_as_null=True), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("last_step", BigInteger),
    Column("step_count", BigInteger, nullable=False),
    # What a list of runs shows, kept here so that it never reads a history.
    Column("last", JSON(none_as_null=True), nullable=False),
    Column("metrics", JSON(none_as_null=True), nullable=False),
    Column("schedule", JSON(none_as_null=True), nullable=False),
    Column("override", JSON(none_as_null=True)),
    Column("override_version", Integer, nullable=False),
    # Counts every change that a reader can see.
    Column("revision", BigInteger, nullable=False),
    # First step that the trainer says it used the present override, or its release, for.
    Column("override_step", BigInteger),
    Index(None, "updated_at", "pk"),
    Index(None, "project", "updated_at"),
)

run_tags = Table(
    "run_tags",
    metadata,
    Column("run_pk", Integer, ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True),
    Column("tag", String(256), primary_key=True),
    Column("position", Integer, nullable=False),
    Index(None, "tag"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("run_pk", Integer, ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("key", String(64), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("scheduler", JSON(none_as_null=True), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("first_step", BigInteger),
    Column("last_step", BigInteger),
    # The schedule after the last record of this attempt; NULL before its first.
    Column("schedule", JSON(none_as_null=True)),
    Index(None, "run_pk", "key", unique=True),
)

steps = Table(
    "steps",
    metadata,
    Column("run_pk", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded_at", Double, nullable=False),
    Column("superseded", Boolean, nullable=False),
    *(Column(name, Double) for name in SCALARS),
    Column("nonfinite", JSON(none_as_null=True)),
    Column("vectors", JSON(none_as_null=True)),
    Column("pass_at_k", JSON(none_as_null=True)),
    Column("extra", JSON(none_as_null=True)),
    ForeignKeyConstraint(
        ["run_pk", "attempt"], ["attempts.run_pk", "attempts.ordinal"], ondelete="CASCADE"
    ),
    # Rows of a run lie together, so that a range of steps is one scan.
    sqlite_with_rowid=False,
)

schedules = Table(
    "schedules",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("run_pk", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    # computed: the scheduler's state; pinned and released: what a person did, for the record.
    Column("event", String(16), nullable=False),
    Column("recorded_at", Double, nullable=False),
    Column("superseded", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("alpha", Double, nullable=False),
    Column("delta", Double, nullable=False),
    Column("p_hat", Double, nullable=False),
    Column("h_hat", Double),
    Column("h_star", Double),
    Column("reason", Text, nullable=False),
    Column("source", String(16), nullable=False),
    ForeignKeyConstraint(
        ["run_pk", "attempt"], ["attempts.run_pk", "attempts.ordinal"], ondelete="CASCADE"
    ),
    Index(None, "run_pk", "step"),
)

weights = Table(
    "weights",
    metadata,
    Column("run_pk", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("prompts", Integer, nullable=False),
    Column("group_size", Integer, nullable=False),
    # Little-endian float32, row-major, prompts x group_size.
    Column("rewards", LargeBinary, nullable=False),
    Column("advantages", LargeBinary, nullable=False),
    # Not all groups of the batch.
    Column("sampled", Boolean, nullable=False),
    ForeignKeyConstraint(
        ["run_pk", "attempt", "step"],
        ["steps.run_pk", "steps.attempt", "steps.step"],
        ondelete="CASCADE",
    ),
)
