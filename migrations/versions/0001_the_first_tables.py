"""The first tables: users, sessions, API keys, generations with attempts and images, usage records."""

import sqlalchemy as sa
from advanced_alchemy.types.datetime import DateTimeUTC
from advanced_alchemy.types.guid import GUID
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORD = sa.String(16)
MOMENT = DateTimeUTC(timezone=True)
UNFINISHED = sa.text("status IN ('queued', 'running')")


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", GUID(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_as_written", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("avatar_url", sa.Text()),
        sa.Column("role", WORD, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("suspended_at", MOMENT),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", GUID(), nullable=False),
        sa.Column("user_id", GUID(), nullable=False),
        sa.Column("family_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("spent_hash", sa.LargeBinary(32)),
        sa.Column("sealed_successor", sa.LargeBinary(32)),
        sa.Column("user_agent", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("family_hash", name="uq_sessions_family_hash"),
        _belongs_to("users", "sessions"),
    )
    op.create_index("ix_sessions_user_id_id", "sessions", ["user_id", "id"])
    op.create_table(
        "api_keys",
        sa.Column("id", GUID(), nullable=False),
        sa.Column("user_id", GUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("last_used_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
        _belongs_to("users", "api_keys"),
    )
    op.create_index("ix_api_keys_user_id_id", "api_keys", ["user_id", "id"])
    op.create_table(
        "generations",
        sa.Column("id", GUID(), nullable=False),
        sa.Column("user_id", GUID(), nullable=False),
        sa.Column("api_key_id", GUID()),
        sa.Column("status", WORD, nullable=False),
        sa.Column("requested", sa.Text(), nullable=False),
        sa.Column("applied", sa.Text(), nullable=False),
        sa.Column("adjustments", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text()),
        sa.Column("external_id", sa.Text()),
        sa.Column("favorite", sa.Boolean(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("priority", WORD, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("failure", sa.Text()),
        sa.Column("cost_micros", sa.BigInteger()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_generations"),
        _belongs_to("users", "generations"),
    )
    op.create_index("ix_generations_user_id_id", "generations", ["user_id", "id"])
    op.create_index(
        "ix_generations_unfinished", "generations", ["id"], sqlite_where=UNFINISHED, postgresql_where=UNFINISHED
    )
    op.create_table(
        "attempts",
        sa.Column("id", GUID(), nullable=False),
        sa.Column("generation_id", GUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("outcome", WORD, nullable=False),
        sa.Column("billed", WORD, nullable=False),
        sa.Column("cost_micros", sa.BigInteger()),
        sa.Column("provider_request_id", sa.Text()),
        sa.Column("error_code", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        _belongs_to("generations", "attempts"),
    )
    op.create_index("ix_attempts_generation_id_number", "attempts", ["generation_id", "number"])
    op.create_table(
        "images",
        sa.Column("id", GUID(), nullable=False),
        sa.Column("user_id", GUID(), nullable=False),
        sa.Column("generation_id", GUID()),
        sa.Column("attempt_id", GUID()),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("source", WORD, nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("location_start", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("format", WORD, nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("rating", sa.Integer()),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        _belongs_to("users", "images"),
        _belongs_to("generations", "images"),
    )
    op.create_index("ix_images_user_id_id", "images", ["user_id", "id"])
    op.create_index("ix_images_generation_id_position", "images", ["generation_id", "position"])
    op.create_index("ix_images_location_start", "images", ["location_start"])
    op.create_table(
        "usage_records",
        sa.Column("generation_id", GUID(), nullable=False),
        sa.Column("user_id", GUID(), nullable=False),
        sa.Column("api_key_id", GUID()),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("finished_at", MOMENT, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("billed", WORD, nullable=False),
        sa.Column("cost_micros", sa.BigInteger()),
        sa.PrimaryKeyConstraint("generation_id", name="pk_usage_records"),
        _belongs_to("users", "usage_records"),
    )
    op.create_index("ix_usage_records_user_id_finished_at", "usage_records", ["user_id", "finished_at"])


def downgrade() -> None:
    for table in ("usage_records", "images", "attempts", "generations", "api_keys", "sessions", "users"):
        op.drop_table(table)


def _belongs_to(owners: str, table: str) -> sa.ForeignKeyConstraint:
    column = f"{owners.removesuffix('s')}_id"
    return sa.ForeignKeyConstraint([column], [f"{owners}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE")
