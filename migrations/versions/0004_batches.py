"""Batches, and a line of their own for their generations to wait in."""

import sqlalchemy as sa
from advanced_alchemy.types.datetime import DateTimeUTC
from advanced_alchemy.types.guid import GUID
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = DateTimeUTC(timezone=True)
BATCHED = sa.text("batch_id IS NOT NULL")
OPEN = sa.text("finished_at IS NULL")
WAITING = sa.text("status IN ('queued')")
WAITING_SINGLE = sa.text("status IN ('queued') AND batch_index IS NULL")
WAITING_BATCHED = sa.text("status IN ('queued') AND batch_index IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("id", GUID(), nullable=False),
        sa.Column("user_id", GUID(), nullable=False),
        sa.Column("api_key_id", GUID()),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("canceled_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_batches_user_id", ondelete="CASCADE"),
    )
    op.create_index("ix_batches_user_id_id", "batches", ["user_id", "id"])
    create_partial_index("ix_batches_open", "batches", ["id"], OPEN)
    op.add_column("generations", sa.Column("batch_id", GUID()))
    op.add_column("generations", sa.Column("batch_index", sa.Integer()))
    create_partial_index("ix_generations_batched", "generations", ["batch_id", "batch_index", "status"], BATCHED)
    op.drop_index("ix_generations_waiting", "generations")
    create_partial_index("ix_generations_waiting", "generations", ["priority", "id"], WAITING_SINGLE)
    create_partial_index("ix_generations_waiting_batched", "generations", ["priority", "id"], WAITING_BATCHED)


def downgrade() -> None:
    for name in ("ix_generations_waiting_batched", "ix_generations_waiting", "ix_generations_batched"):
        op.drop_index(name, "generations")
    create_partial_index("ix_generations_waiting", "generations", ["priority", "id"], WAITING)
    op.drop_column("generations", "batch_index")
    op.drop_column("generations", "batch_id")
    op.drop_table("batches")


def create_partial_index(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
