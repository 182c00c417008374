"""the ledger takes new rows only

Autogenerate sees no triggers; this revision is written by hand.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("ledger_entry",)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in TABLES:
            for verb in ("update", "delete"):
                # The link to an account may be filled in later (a guest claims her history); the fact itself may not change.
                when = " of source_id, kind, amount, currency, occurred_at, recorded_at" if verb == "update" else ""
                op.execute(
                    f"create trigger {table}_no_{verb} before {verb}{when} on {table} "
                    f"begin select raise(abort, '{table} is append-only: book a correction as a new row'); end"
                )
        return
    op.execute(
        "create function refuse_change() returns trigger language plpgsql as $$ begin "
        "raise exception '% is append-only: book a correction as a new row', tg_table_name; end $$"
    )
    for table in TABLES:
        op.execute(
            f"create trigger {table}_no_update before update of source_id, kind, amount, currency, occurred_at, recorded_at "
            f"on {table} for each row execute function refuse_change()"
        )
        op.execute(f"create trigger {table}_no_delete before delete on {table} for each row execute function refuse_change()")


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in TABLES:
        for verb in ("update", "delete"):
            op.execute(f"drop trigger {table}_no_{verb}" + ("" if sqlite else f" on {table}"))
    if not sqlite:
        op.execute("drop function refuse_change()")
