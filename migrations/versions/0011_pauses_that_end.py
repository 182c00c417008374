"""pauses that end: who began a pause, and a look-up by the day on which it ends

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not filled in: every look tells it, and the renewal that a pause skips makes us look before the pause is over.
    op.add_column("stripe_subscription", sa.Column("pause_by", sa.String(length=20), nullable=True))
    op.create_index("ix_stripe_subscription_resumes_at", "stripe_subscription", ["resumes_at"])


def downgrade() -> None:
    op.drop_index("ix_stripe_subscription_resumes_at", table_name="stripe_subscription")
    op.drop_column("stripe_subscription", "pause_by")
