"""contributions: dedication, consent, doubts and disputes

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

import kit.database

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NEW = ("dedication_kind", "dedication", "consented_at", "withdrawn_at", "approved_at", "approved_by", "held")


def upgrade() -> None:
    with op.batch_alter_table("contribution") as batch:
        batch.add_column(sa.Column("dedication_kind", sa.String(length=6), nullable=False, server_default=""))
        batch.add_column(sa.Column("dedication", sa.String(length=200), nullable=False, server_default=""))
        batch.add_column(sa.Column("consented_at", kit.database.UTCDateTime(), nullable=True))
        batch.add_column(sa.Column("withdrawn_at", kit.database.UTCDateTime(), nullable=True))
        batch.add_column(sa.Column("approved_at", kit.database.UTCDateTime(), nullable=True))
        batch.add_column(sa.Column("approved_by", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("held", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.create_check_constraint(op.f("ck_contribution_dedication_kind"), "dedication_kind in ('', 'memory', 'honour')")
        batch.create_foreign_key(op.f("fk_contribution_approved_by_account"), "account", ["approved_by"], ["id"])
        batch.create_index("ix_contribution_consented_at", ["consented_at"], unique=False)
    op.create_table(
        "stripe_dispute",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("charge_id", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("inquiry", sa.Boolean(), nullable=False),
        sa.Column("due_by", kit.database.UTCDateTime(), nullable=True),
        sa.Column("created_at", kit.database.UTCDateTime(), nullable=False),
        sa.Column("fetched_at", kit.database.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_dispute")),
    )
    op.create_index("ix_stripe_dispute_charge_id", "stripe_dispute", ["charge_id"])
    op.create_index("ix_stripe_dispute_status", "stripe_dispute", ["status"])
    op.create_table(
        "charge_risk",
        sa.Column("charge_id", sa.String(length=100), nullable=False),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.Column("review_id", sa.String(length=100), nullable=True),
        sa.Column("review_state", sa.String(length=6), nullable=False),
        sa.Column("review_reason", sa.String(length=60), nullable=False),
        sa.Column("warning_id", sa.String(length=100), nullable=True),
        sa.Column("warning_type", sa.String(length=60), nullable=False),
        sa.Column("warning_actionable", sa.Boolean(), nullable=False),
        sa.Column("warning_at", kit.database.UTCDateTime(), nullable=True),
        sa.Column("fraud", sa.Boolean(), nullable=False),
        sa.Column("doubt", sa.String(length=10), nullable=False),
        sa.Column("fetched_at", kit.database.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("charge_id", name=op.f("pk_charge_risk")),
    )
    op.create_index("ix_charge_risk_doubt", "charge_risk", ["doubt"])
    op.create_table(
        "charge_decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("charge_id", sa.String(length=100), nullable=False),
        sa.Column("verdict", sa.String(length=12), nullable=False),
        sa.Column("contribution_id", sa.Integer(), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=False),
        sa.Column("decided_at", kit.database.UTCDateTime(), nullable=False),
        sa.CheckConstraint("verdict in ('contribution', 'account', 'elsewhere', 'good')", name=op.f("ck_charge_decision_verdict")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_charge_decision_account_id_account")),
        sa.ForeignKeyConstraint(["contribution_id"], ["contribution.id"], name=op.f("fk_charge_decision_contribution_id_contribution")),
        sa.ForeignKeyConstraint(["decided_by"], ["account.id"], name=op.f("fk_charge_decision_decided_by_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge_decision")),
    )
    op.create_index("ix_charge_decision_charge_id", "charge_decision", ["charge_id"])


def downgrade() -> None:
    op.drop_table("charge_decision")
    op.drop_table("charge_risk")
    op.drop_table("stripe_dispute")
    with op.batch_alter_table("contribution") as batch:
        batch.drop_index("ix_contribution_consented_at")
        batch.drop_constraint(op.f("fk_contribution_approved_by_account"), type_="foreignkey")
        batch.drop_constraint(op.f("ck_contribution_dedication_kind"), type_="check")
        for name in NEW:
            batch.drop_column(name)
