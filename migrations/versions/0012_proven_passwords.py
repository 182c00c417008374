"""an account has a password only after its address was proven; what was typed at sign-up waits with the link

A reader who never proved her address is signed out, and her password waits with her newest link, where it is of use to the
browser in which she typed it. Rows of memberships are derived anew where a gap begins, and not only where it is over.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

UNPROVEN = "select id from account where confirmed_at is null"
NEWEST = (
    "select max(other.created_at) from account_token other where other.account_id = account_token.account_id and other.purpose = 'verify'"
)


def upgrade() -> None:
    op.add_column("account_token", sa.Column("name", sa.String(length=200), nullable=False, server_default=""))
    op.add_column("account_token", sa.Column("password", sa.String(length=255), nullable=True))
    op.execute(
        "update account_token set password = (select account.password from account where account.id = account_token.account_id)"
        f" where purpose = 'verify' and account_id in ({UNPROVEN}) and created_at = ({NEWEST})"
    )
    op.execute(f"delete from login_session where account_id in ({UNPROVEN})")
    op.execute("update account set password = null where confirmed_at is null")
    with op.batch_alter_table("account") as batch:
        batch.create_check_constraint(op.f("ck_account_proven_password"), "password is null or confirmed_at is not null")
    op.execute("update membership set renew_at = access_until where renew_at > access_until")


def downgrade() -> None:
    with op.batch_alter_table("account") as batch:
        batch.drop_constraint(op.f("ck_account_proven_password"), type_="check")
    op.drop_column("account_token", "password")
    op.drop_column("account_token", "name")
