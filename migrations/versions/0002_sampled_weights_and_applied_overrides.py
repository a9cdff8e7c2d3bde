"""Say which raw weights are a sample, and at which step an override took effect.

Revision: 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Weights stored before this were sent without saying so.
    op.add_column(
        "weights", sa.Column("sampled", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("runs", sa.Column("override_step", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("runs", "override_step")
    op.drop_column("weights", "sampled")
