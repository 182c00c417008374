"""reconciliation: events whose mails were sent already, mails that are not sent again

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATES = ("'queued', 'sending', 'sent', 'refused'", "'queued', 'sending', 'sent', 'refused', 'skipped'")

PARTIAL = (
    ("ix_membership_renew_at", "membership", "renew_at", "renew_at is not null"),
    ("ix_checkout_intent_unheard", "checkout_intent", "created_at", "state in ('new', 'unknown')"),
    ("ix_refund_intent_unheard", "refund_intent", "created_at", "state in ('new', 'unknown')"),
)


def _states(allowed: str) -> None:
    with op.batch_alter_table("outbox_mail") as batch:
        batch.drop_constraint(op.f("ck_outbox_mail_state"), type_="check")
        batch.create_check_constraint(op.f("ck_outbox_mail_state"), f"state in ({allowed})")


def upgrade() -> None:
    # A plain column: rebuilding the table would lose the triggers that keep what Stripe told.
    op.add_column("stripe_event", sa.Column("quiet", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("reconcile_run", sa.Column("differs", sa.Boolean(), nullable=False, server_default=sa.false()))
    _states(STATES[1])
    op.create_index("ix_ledger_entry_subscription_id", "ledger_entry", ["subscription_id"])
    for name, table, column, where in PARTIAL:
        op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    op.execute("delete from outbox_mail where state = 'skipped'")
    for name, table, _column, _where in PARTIAL:
        op.drop_index(name, table_name=table)
    op.drop_index("ix_ledger_entry_subscription_id", table_name="ledger_entry")
    _states(STATES[0])
    op.drop_column("reconcile_run", "differs")
    op.drop_column("stripe_event", "quiet")
