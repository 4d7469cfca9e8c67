"""Webhooks take turns: when each was served, and whether it was prompt."""

import sqlalchemy as sa
from advanced_alchemy.types.datetime import DateTimeUTC
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook_endpoints", sa.Column("served_at", DateTimeUTC(timezone=True)))
    op.add_column("webhook_endpoints", sa.Column("prompt", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for name in ("prompt", "served_at"):
        op.drop_column("webhook_endpoints", name)
