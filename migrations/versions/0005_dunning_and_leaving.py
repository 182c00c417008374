"""dunning and leaving

Grace that the editor sets; the card and the open invoice of a Subscription; why people left.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from kit.database import UTCDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = (
    ("payment_method_id", sa.String(length=100)),
    ("card_brand", sa.String(length=20)),
    ("card_last4", sa.String(length=4)),
    ("card_expires_at", UTCDateTime()),
    ("invoice_id", sa.String(length=100)),
    ("invoice_status", sa.String(length=20)),
    ("invoice_amount", sa.BigInteger()),
    ("invoice_url", sa.String(length=2000)),
    ("next_amount", sa.BigInteger()),
    ("discount_ends_at", UTCDateTime()),
    ("action_invoice_id", sa.String(length=100)),
)
INDEXED = ("trial_end", "period_end", "card_expires_at")


def upgrade() -> None:
    op.create_table(
        "grace_term",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("set_by", sa.String(length=320), nullable=False),
        sa.Column("set_at", UTCDateTime(), nullable=False),
        sa.CheckConstraint("days between 0 and 60", name=op.f("ck_grace_term_days")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grace_term")),
    )
    op.create_table(
        "cancellation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.String(length=100), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("cause", sa.String(length=12), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("offers_shown", sa.JSON(), nullable=False),
        sa.Column("offer_accepted", sa.String(length=20), nullable=True),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("by", sa.String(length=320), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("ends_at", UTCDateTime(), nullable=True),
        sa.Column("undone_at", UTCDateTime(), nullable=True),
        sa.CheckConstraint("outcome in ('ended', 'kept')", name=op.f("ck_cancellation_outcome")),
        sa.CheckConstraint("source in ('page', 'portal', 'staff')", name=op.f("ck_cancellation_source")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_cancellation_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cancellation")),
        sa.UniqueConstraint("subscription_id", "at", name=op.f("uq_cancellation_subscription_id_at")),
    )
    op.create_index("ix_cancellation_account_id", "cancellation", ["account_id", "at"])
    for name, kind in COLUMNS:
        op.add_column("stripe_subscription", sa.Column(name, kind, nullable=True))
    for name in INDEXED:
        op.create_index(f"ix_stripe_subscription_{name}", "stripe_subscription", [name])
    op.add_column("stripe_customer", sa.Column("payment_method_id", sa.String(length=100), nullable=True))


def downgrade() -> None:
    op.drop_column("stripe_customer", "payment_method_id")
    for name in INDEXED:
        op.drop_index(f"ix_stripe_subscription_{name}", table_name="stripe_subscription")
    for name, _ in reversed(COLUMNS):
        op.drop_column("stripe_subscription", name)
    op.drop_table("cancellation")
    op.drop_table("grace_term")
