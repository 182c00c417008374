"""journal proof: the journal is the queue of its events, is chained, and cannot be rewritten

Autogenerate sees neither triggers nor partial indexes; this revision is written by hand.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

import kit.database

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# What Stripe told us. What became of it (state, attempts, last_error, applied_at, due_at) may change.
TOLD = "account, event_id, type, api_version, livemode, created, object_id, customer_id, payload, received_at, source"
KEPT = {"stripe_event": f" of {TOLD}", "journal_link": ""}
OPEN, PARKED = sa.text("state = 'new'"), sa.text("state = 'parked'")


def upgrade() -> None:
    op.add_column("stripe_event", sa.Column("due_at", kit.database.UTCDateTime(), nullable=True))
    op.execute("update stripe_event set due_at = received_at where state = 'new'")
    op.drop_index("ix_stripe_event_new", table_name="stripe_event")
    columns = ["customer_id", "object_id", "due_at"]
    op.create_index("ix_stripe_event_open", "stripe_event", columns, postgresql_where=OPEN, sqlite_where=OPEN)
    op.create_index("ix_stripe_event_parked", "stripe_event", ["received_at"], postgresql_where=PARKED, sqlite_where=PARKED)
    op.create_table(
        "journal_link",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("event_id", sa.String(100), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("chain", sa.String(64), nullable=False),
        sa.Column("received_at", kit.database.UTCDateTime(), nullable=False),
        sa.Column("sealed_at", kit.database.UTCDateTime(), nullable=False),
        sa.CheckConstraint("position > 0", name=op.f("ck_journal_link_position")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_journal_link")),
    )
    op.create_index("uq_journal_link_event", "journal_link", ["account", "event_id"], unique=True)
    _refuse_rewriting()


def _refuse_rewriting() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    if not sqlite:
        op.execute(
            "create function refuse_rewriting() returns trigger language plpgsql as $$ begin "
            "raise exception '% is a journal: what was told is not rewritten', tg_table_name; end $$"
        )
    for table, columns in KEPT.items():
        for verb, which in (("update", columns), ("delete", "")):
            act = (
                f"begin select raise(abort, '{table} is a journal: what was told is not rewritten'); end"
                if sqlite
                else "for each row execute function refuse_rewriting()"
            )
            op.execute(f"create trigger {table}_no_{verb} before {verb}{which} on {table} {act}")


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in KEPT:
        for verb in ("update", "delete"):
            op.execute(f"drop trigger {table}_no_{verb}" + ("" if sqlite else f" on {table}"))
    if not sqlite:
        op.execute("drop function refuse_rewriting()")
    op.drop_table("journal_link")
    for name in ("ix_stripe_event_parked", "ix_stripe_event_open"):
        op.drop_index(name, table_name="stripe_event")
    op.create_index("ix_stripe_event_new", "stripe_event", ["received_at"], postgresql_where=OPEN, sqlite_where=OPEN)
    op.drop_column("stripe_event", "due_at")
