"""what a worker last believed the time to be

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

import kit.database

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "timekeeping",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seen_at", kit.database.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timekeeping")),
    )


def downgrade() -> None:
    op.drop_table("timekeeping")
