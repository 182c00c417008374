"""committed rate: what a subscription will cost a month when the discounts that run out have run out; monthly contributions by their time

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

INDEX, TABLE = "ix_stripe_subscription_purpose", "stripe_subscription"


def upgrade() -> None:
    # Not filled in: every look tells it, and until then a subscription counts with its current rate.
    op.add_column(TABLE, sa.Column("committed_720", sa.BigInteger(), nullable=True))
    op.create_index(INDEX, TABLE, ["purpose", "started_at"])


def downgrade() -> None:
    op.drop_index(INDEX, table_name=TABLE)
    op.drop_column(TABLE, "committed_720")
