"""Write the levels of detail anew: their blocks have 64 buckets now.

Revision: 0004.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The service writes them from the rows when it starts.
    op.execute("DELETE FROM levels")


def downgrade() -> None:
    op.execute("DELETE FROM levels")
