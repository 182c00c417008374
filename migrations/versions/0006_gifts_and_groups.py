"""gifts and groups

Gift subscriptions; Subscriptions for several readers and their seats; an intent may ask for a gift, and for seats.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from kit.database import UTCDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("checkout_intent") as batch:
        batch.add_column(sa.Column("seats", sa.Integer(), nullable=False, server_default="1"))
        batch.drop_constraint(op.f("ck_checkout_intent_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_checkout_intent_kind"), "kind in ('subscribe', 'contribute', 'gift')")
    _gift()
    op.create_table(
        "reader_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.String(length=100), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_reader_group_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reader_group")),
        sa.UniqueConstraint("subscription_id", name=op.f("uq_reader_group_subscription_id")),
    )
    op.create_index("ix_reader_group_account_id", "reader_group", ["account_id"])
    op.create_table(
        "seat",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_key", sa.String(length=320), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.Column("invited_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("claimed_at", UTCDateTime(), nullable=True),
        sa.Column("placed_at", UTCDateTime(), nullable=True),
        sa.Column("displaced_at", UTCDateTime(), nullable=True),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.CheckConstraint("(claimed_at is null) = (account_id is null)", name=op.f("ck_seat_claimed")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_seat_account_id_account")),
        sa.ForeignKeyConstraint(["group_id"], ["reader_group.id"], name=op.f("fk_seat_group_id_reader_group")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seat")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_seat_token_hash")),
    )
    op.create_index("ix_seat_account_id", "seat", ["account_id"])
    op.create_index("ix_seat_group_id", "seat", ["group_id"])


def _gift() -> None:
    op.create_table(
        "gift",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=28), nullable=False),
        sa.Column("intent_id", sa.String(length=40), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_key", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("recipient_email", sa.String(length=320), nullable=False),
        sa.Column("recipient_email_key", sa.String(length=320), nullable=False),
        sa.Column("recipient_name", sa.String(length=100), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=False),
        sa.Column("plan_key", sa.String(length=60), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("deliver_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("delivered_at", UTCDateTime(), nullable=True),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.Column("redeemed_at", UTCDateTime(), nullable=True),
        sa.Column("redeemed_by", sa.Integer(), nullable=True),
        sa.Column("access_from", UTCDateTime(), nullable=True),
        sa.Column("access_until", UTCDateTime(), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("customer_id", sa.String(length=100), nullable=True),
        sa.Column("payment_intent_id", sa.String(length=100), nullable=True),
        sa.Column("charge_id", sa.String(length=100), nullable=True),
        sa.Column("paid_at", UTCDateTime(), nullable=True),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.Column("voided_at", UTCDateTime(), nullable=True),
        sa.Column("void_cause", sa.String(length=12), nullable=True),
        sa.CheckConstraint("(redeemed_at is null) = (redeemed_by is null)", name=op.f("ck_gift_redeemed")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_gift_amount")),
        sa.CheckConstraint("months > 0", name=op.f("ck_gift_months")),
        sa.CheckConstraint("refunded >= 0", name=op.f("ck_gift_refunded")),
        sa.CheckConstraint("status in ('pending', 'paid', 'failed', 'canceled', 'void')", name=op.f("ck_gift_status")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_gift_account_id_account")),
        sa.ForeignKeyConstraint(["intent_id"], ["checkout_intent.id"], name=op.f("fk_gift_intent_id_checkout_intent")),
        sa.ForeignKeyConstraint(["redeemed_by"], ["account.id"], name=op.f("fk_gift_redeemed_by_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gift")),
        sa.UniqueConstraint("code", name=op.f("uq_gift_code")),
        sa.UniqueConstraint("intent_id", name=op.f("uq_gift_intent_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_gift_public_id")),
    )
    for name in ("account_id", "charge_id", "email_key", "redeemed_by"):
        op.create_index(f"ix_gift_{name}", "gift", [name])
    op.create_index("ix_gift_due", "gift", ["status", "delivered_at", "deliver_at"])


def downgrade() -> None:
    op.drop_table("seat")
    op.drop_table("reader_group")
    op.drop_table("gift")
    op.execute("delete from checkout_intent where kind = 'gift'")
    with op.batch_alter_table("checkout_intent") as batch:
        batch.drop_constraint(op.f("ck_checkout_intent_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_checkout_intent_kind"), "kind in ('subscribe', 'contribute')")
        batch.drop_column("seats")
