"""outgoing calls

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

import kit.database

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OPEN = sa.text("state in ('new', 'unknown', 'given_up')")


def upgrade() -> None:
    op.create_table(
        "outgoing_call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("subject_id", sa.String(length=100), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("object_id", sa.String(length=255), nullable=False),
        sa.Column("error_code", sa.String(length=100), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("settled_by", sa.Integer(), nullable=True),
        sa.Column("created_at", kit.database.UTCDateTime(), nullable=False),
        sa.Column("asked_at", kit.database.UTCDateTime(), nullable=False),
        sa.Column("answered_at", kit.database.UTCDateTime(), nullable=True),
        sa.CheckConstraint("state in ('new', 'done', 'refused', 'unknown', 'given_up')", name=op.f("ck_outgoing_call_state")),
        sa.ForeignKeyConstraint(["settled_by"], ["account.id"], name=op.f("fk_outgoing_call_settled_by_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_call")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_outgoing_call_idempotency_key")),
    )
    op.create_index("ix_outgoing_call_open", "outgoing_call", ["asked_at"], postgresql_where=_OPEN, sqlite_where=_OPEN)
    op.create_index("ix_outgoing_call_subject_id", "outgoing_call", ["subject_id"])
    op.create_index("ix_outgoing_call_created_at", "outgoing_call", ["created_at"])


def downgrade() -> None:
    op.drop_table("outgoing_call")
