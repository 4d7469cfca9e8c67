"""Webhooks, and what is told to them."""

import sqlalchemy as sa
from advanced_alchemy.types.datetime import DateTimeUTC
from advanced_alchemy.types.guid import GUID
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WORD = sa.String(16)
MOMENT = DateTimeUTC(timezone=True)
TO_BE_TRIED = sa.text("next_try_at IS NOT NULL")
OVER = sa.text("next_try_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", GUID(), nullable=False),
        sa.Column("user_id", GUID(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("secret_number", sa.Integer(), nullable=False),
        sa.Column("retired", sa.Text(), nullable=False),
        sa.Column("disabled_at", MOMENT),
        sa.Column("disabled_by", WORD),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoints"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_webhook_endpoints_user_id", ondelete="CASCADE"),
    )
    op.create_index("ix_webhook_endpoints_user_id_id", "webhook_endpoints", ["user_id", "id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook_id", GUID(), nullable=False),
        sa.Column("id", GUID(), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", MOMENT),
        sa.Column("tried_at", MOMENT),
        sa.Column("last_status", sa.Integer()),
        sa.Column("last_error", WORD),
        sa.Column("delivered_at", MOMENT),
        sa.Column("given_up_at", MOMENT),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", "id", name="pk_webhook_deliveries"),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhook_endpoints.id"],
            name="fk_webhook_deliveries_webhook_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_webhook_deliveries_to_be_tried",
        "webhook_deliveries",
        ["webhook_id", "next_try_at"],
        sqlite_where=TO_BE_TRIED,
        postgresql_where=TO_BE_TRIED,
    )
    op.create_index(
        "ix_webhook_deliveries_over", "webhook_deliveries", ["tried_at"], sqlite_where=OVER, postgresql_where=OVER
    )


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_endpoints")
