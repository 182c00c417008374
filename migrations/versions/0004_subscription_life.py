"""subscription life

Trials, plan changes that wait, pauses: what the mirror, the plans and the intents must hold of them.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from kit.database import UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COLUMNS = (
    ("mrr_720", sa.BigInteger()),
    ("pause_behavior", sa.String(length=20)),
    ("resumes_at", UTCDateTime()),
    ("schedule_id", sa.String(length=100)),
    ("next_plan_key", sa.String(length=60)),
    ("next_at", UTCDateTime()),
    ("update_expires_at", UTCDateTime()),
)


def upgrade() -> None:
    op.add_column("membership_source", sa.Column("trial_end", UTCDateTime(), nullable=True))
    op.add_column("plan", sa.Column("trial_days", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("checkout_intent", sa.Column("trial_days", sa.Integer(), nullable=True))
    op.add_column("checkout_intent", sa.Column("trial_end", UTCDateTime(), nullable=True))
    op.add_column("stripe_subscription", sa.Column("quantity", sa.Integer(), nullable=False, server_default="1"))
    for name, kind in COLUMNS:
        op.add_column("stripe_subscription", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    for name, _ in reversed(COLUMNS):
        op.drop_column("stripe_subscription", name)
    op.drop_column("stripe_subscription", "quantity")
    op.drop_column("checkout_intent", "trial_end")
    op.drop_column("checkout_intent", "trial_days")
    op.drop_column("plan", "trial_days")
    op.drop_column("membership_source", "trial_end")
