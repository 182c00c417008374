"""an issue remembers every story that stood in its draft: what stood in none that went out comes in the next

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("newsletter_issue") as table:
        table.add_column(sa.Column("offered_ids", sa.JSON(), nullable=False, server_default="[]"))
    op.execute("update newsletter_issue set offered_ids = article_ids")


def downgrade() -> None:
    with op.batch_alter_table("newsletter_issue") as table:
        table.drop_column("offered_ids")
