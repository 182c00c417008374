"""restored backups: until when everything was told before, and that nothing is applied until that is known

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

import kit.database

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "restoration",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("restored_at", kit.database.UTCDateTime(), nullable=False),
        sa.Column("compared_at", kit.database.UTCDateTime(), nullable=True),
        sa.Column("told_until", kit.database.UTCDateTime(), nullable=True),
        sa.Column("walked_at", kit.database.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restoration")),
    )


def downgrade() -> None:
    op.drop_table("restoration")
