"""Leases of workers, when to start by, what is a retry of what, idempotency keys."""

import sqlalchemy as sa
from advanced_alchemy.types.datetime import DateTimeUTC
from advanced_alchemy.types.guid import GUID
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = DateTimeUTC(timezone=True)
WAITING = sa.text("status IN ('queued')")


def upgrade() -> None:
    op.create_table(
        "workers",
        sa.Column("id", GUID(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", GUID(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("target", GUID(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("early", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name="pk_idempotency_keys"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_idempotency_keys_user_id", ondelete="CASCADE"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    for name, kind in (("worker_id", GUID()), ("start_by", MOMENT), ("retry_of", GUID())):
        op.add_column("generations", sa.Column(name, kind))
    op.create_index(
        "ix_generations_waiting",
        "generations",
        ["priority", "id"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    # Pictures without a row are found by the call that brought them.
    op.drop_index("ix_images_location_start", "images")
    op.drop_column("images", "location_start")


def downgrade() -> None:
    op.add_column("images", sa.Column("location_start", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE images SET location_start = substr(location, 1, 400)")
    op.create_index("ix_images_location_start", "images", ["location_start"])
    op.drop_index("ix_generations_waiting", "generations")
    for name in ("retry_of", "start_by", "worker_id"):
        op.drop_column("generations", name)
    op.drop_table("idempotency_keys")
    op.drop_table("workers")
