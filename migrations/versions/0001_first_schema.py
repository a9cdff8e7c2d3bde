"""The first schema: runs, attempts, steps, schedules and raw weights.

Revision: 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out, not imported: this page of history must not change when the fields do.
SCALARS = (
    "accuracy",
    "reward_mean",
    "reward_std",
    "zero_variance_fraction",
    "all_solved_fraction",
    "none_solved_fraction",
    "entropy",
    "kl_k1",
    "kl_k3",
    "clip_fraction_high",
    "clip_fraction_low",
    "ratio_ess",
    "grad_norm",
    "loss",
    "learning_rate",
    "staleness",
    "adv_mean",
    "adv_std",
    "adv_min",
    "adv_max",
    "adv_kurtosis",
    "adv_top1_share",
    "adv_gini",
    "mass_success",
    "mass_failure",
    "prompt_ess",
    "response_length_mean",
    "response_length_p95",
    "truncated_fraction",
    "length_success",
    "length_failure",
    "train_infer_abs_logprob_diff",
    "train_infer_k3",
    "head_rank1_share",
    "head_stable_rank",
    "head_fraction",
    "alpha",
    "delta",
    "schedule_version",
)


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("project", sa.String(length=256), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("group_name", sa.String(length=256), nullable=True),
        sa.Column("config", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("scheduler", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("step_count", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("metrics", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("schedule", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("override", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("override_version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name="pk_runs"),
        sa.UniqueConstraint("id", name="uq_runs_id"),
    )
    op.create_index("ix_runs_project_updated_at", "runs", ["project", "updated_at"], unique=False)
    op.create_index("ix_runs_updated_at_pk", "runs", ["updated_at", "pk"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("scheduler", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("first_step", sa.BigInteger(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("schedule", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_pk"], ["runs.pk"], name="fk_attempts_run_pk_runs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_pk", "ordinal", name="pk_attempts"),
    )
    op.create_index("ix_attempts_run_pk_key", "attempts", ["run_pk", "key"], unique=True)
    op.create_table(
        "run_tags",
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("tag", sa.String(length=256), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_pk"], ["runs.pk"], name="fk_run_tags_run_pk_runs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_pk", "tag", name="pk_run_tags"),
    )
    op.create_index("ix_run_tags_tag", "run_tags", ["tag"], unique=False)
    op.create_table(
        "schedules",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("recorded_at", sa.Double(), nullable=False),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("alpha", sa.Double(), nullable=False),
        sa.Column("delta", sa.Double(), nullable=False),
        sa.Column("p_hat", sa.Double(), nullable=False),
        sa.Column("h_hat", sa.Double(), nullable=True),
        sa.Column("h_star", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_pk", "attempt"],
            ["attempts.run_pk", "attempts.ordinal"],
            name="fk_schedules_run_pk_attempt_attempts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
    )
    op.create_index("ix_schedules_run_pk_step", "schedules", ["run_pk", "step"], unique=False)
    op.create_table(
        "steps",
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.Double(), nullable=False),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=True) for name in SCALARS),
        sa.Column("nonfinite", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("vectors", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("pass_at_k", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_pk", "attempt"],
            ["attempts.run_pk", "attempts.ordinal"],
            name="fk_steps_run_pk_attempt_attempts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_pk", "attempt", "step", name="pk_steps"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "weights",
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("prompts", sa.Integer(), nullable=False),
        sa.Column("group_size", sa.Integer(), nullable=False),
        sa.Column("rewards", sa.LargeBinary(), nullable=False),
        sa.Column("advantages", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_pk", "attempt", "step"],
            ["steps.run_pk", "steps.attempt", "steps.step"],
            name="fk_weights_run_pk_attempt_step_steps",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_pk", "attempt", "step", name="pk_weights"),
    )


def downgrade() -> None:
    op.drop_table("weights")
    op.drop_table("steps")
    op.drop_index("ix_schedules_run_pk_step", table_name="schedules")
    op.drop_table("schedules")
    op.drop_index("ix_run_tags_tag", table_name="run_tags")
    op.drop_table("run_tags")
    op.drop_index("ix_attempts_run_pk_key", table_name="attempts")
    op.drop_table("attempts")
    op.drop_index("ix_runs_updated_at_pk", table_name="runs")
    op.drop_index("ix_runs_project_updated_at", table_name="runs")
    op.drop_table("runs")
