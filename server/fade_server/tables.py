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

SCHEMA_HEAD = "0005"
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
    # Of the diagnosis: unknown, healthy, warning or critical, and its headline.
    Column("health", String(16), nullable=False, server_default="unknown"),
    Column("headline", Text, nullable=False, server_default=""),
    # Counts every change of the run's alerts, health or headline.
    Column("alert_version", Integer, nullable=False, server_default="0"),
    # When the override ends by itself; NULL: when somebody releases it.
    Column("override_until", Double),
    # Counts how often rows changed that blocks of levels may hold; in between, none does.
    Column("level_drops", Integer, nullable=False, server_default="0"),
    Index(None, "updated_at", "pk"),
    Index(None, "project", "updated_at"),
    Index(None, "override_until"),
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

watches = Table(
    "watches",
    metadata,
    Column("run_pk", Integer, ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True),
    # The newest record that the detectors have read.
    Column("attempt", Integer, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("state", JSON(none_as_null=True), nullable=False),
    Column("ledger", JSON(none_as_null=True), nullable=False),
    Column("updated_at", Double, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("run_pk", Integer, ForeignKey("runs.pk", ondelete="CASCADE"), nullable=False),
    Column("detector", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    # pending, firing, acknowledged or resolved.
    Column("state", String(16), nullable=False),
    Column("onset_step", BigInteger, nullable=False),
    Column("first_step", BigInteger, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("resolved_step", BigInteger),
    # The rest of its state: highest severity, records with and, in a row, without the finding.
    Column("peak", String(16), nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("quiet", Integer, nullable=False),
    # The newest finding: evidence, cause, advice, proposal.
    Column("finding", JSON(none_as_null=True), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("fired_at", Double),
    Column("acknowledged_at", Double),
    Column("acknowledged_by", String(256)),
    Column("note", Text),
    # When it last rose to critical: a silence from before that does not cover it.
    Column("critical_at", Double),
    # When people were told of it, at its present severity.
    Column("notified_at", Double),
    # The run's alert_version at the newest change.
    Column("version", Integer, nullable=False),
    Index(None, "run_pk", "state"),
    Index(None, "state", "updated_at"),
)

silences = Table(
    "silences",
    metadata,
    Column("id", Counter, primary_key=True),
    # NULL matches every project, run or detector.
    Column("project", String(256)),
    Column("run_pk", Integer, ForeignKey("runs.pk", ondelete="CASCADE")),
    Column("detector", String(64)),
    Column("until", Double, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", String(256), nullable=False),
    Column("created_at", Double, nullable=False),
)

sinks = Table(
    "sinks",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    # apprise or webhook.
    Column("kind", String(16), nullable=False),
    # Holds the credentials of the service it names; shown to nobody again.
    Column("url", Text, nullable=False),
    # Signs the webhook's body; NULL for apprise.
    Column("secret", Text),
    Column("project", String(256)),
    Column("severity", String(16), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("sink_id", Counter, ForeignKey("sinks.id", ondelete="CASCADE"), nullable=False),
    Column("run_pk", Integer, ForeignKey("runs.pk", ondelete="CASCADE")),
    # firing, escalated, resolved or test.
    Column("event", String(16), nullable=False),
    Column("message", JSON(none_as_null=True), nullable=False),
    # due, sent or failed.
    Column("status", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("sent_at", Double),
    Column("error", Text),
    Index(None, "status", "due_at"),
)

keys = Table(
    "keys",
    metadata,
    # The public half of the key, by which people and logs name it.
    Column("id", String(32), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("hash", String(128), nullable=False),
    Column("scopes", JSON(none_as_null=True), nullable=False),
    # NULL: every project.
    Column("project", String(256)),
    Column("created_at", Double, nullable=False),
    Column("created_by", String(256), nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    Column("used_at", Double),
)

secrets = Table(
    "secrets",
    metadata,
    # session_signing: where there is no file beside the database to keep it in.
    Column("name", String(64), primary_key=True),
    Column("value", String(128), nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("at", Double, nullable=False),
    Column("by", String(256), nullable=False),
    # Such as key.created, sink.deleted, silence.created, run.deleted.
    Column("action", String(64), nullable=False),
    Column("target", String(256), nullable=False),
    Column("detail", JSON(none_as_null=True), nullable=False),
    Index(None, "at"),
)

levels = Table(
    "levels",
    metadata,
    Column("run_pk", Integer, ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True),
    # Level n has buckets of 16**n steps; a block is 64 buckets, written once it is full.
    Column("level", Integer, primary_key=True, autoincrement=False),
    # A metric, or nothing for the row that says that the block was written.
    Column("metric", String(300), primary_key=True),
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    # Little-endian float64: the steps that are kept, then their values.
    Column("data", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

retention = Table(
    "retention",
    metadata,
    Column("project", String(256), primary_key=True),
    # Days without news after which the runs' raw weights, and the runs, are deleted; NULL: never.
    Column("weights_days", Double),
    Column("runs_days", Double),
)
