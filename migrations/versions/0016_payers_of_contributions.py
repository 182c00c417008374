"""an index: whose contribution does this Customer pay

Revision ID: 0016
Revises: 0015
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_contribution_customer_id", "contribution", ["customer_id"])


def downgrade() -> None:
    op.drop_index("ix_contribution_customer_id", "contribution")
