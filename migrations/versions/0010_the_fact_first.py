"""the ledger's unique index begins with the fact, so that SQLite does not take it for looking through a whole account

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NAME, TABLE = "uq_ledger_entry_fact", "ledger_entry"


def upgrade() -> None:
    op.drop_index(NAME, table_name=TABLE)
    op.create_index(NAME, TABLE, ["source_id", "kind", "stripe_account"], unique=True)


def downgrade() -> None:
    op.drop_index(NAME, table_name=TABLE)
    op.create_index(NAME, TABLE, ["stripe_account", "source_id", "kind"], unique=True)
