"""Where the bytes of forgotten images lie, noted by whatever removes the image."""

import sqlalchemy as sa
from advanced_alchemy.types.guid import GUID
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ON_SQLITE = [
    """
    CREATE TRIGGER images_forgotten AFTER DELETE ON images WHEN substr(old.location, 1, 5) <> 'data:'
    BEGIN
        INSERT OR IGNORE INTO forgotten_blobs (location, user_id) VALUES (old.location, old.user_id);
    END
    """,
]
ON_POSTGRES = [
    """
    CREATE FUNCTION note_forgotten_blob() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO forgotten_blobs (location, user_id) VALUES (old.location, old.user_id) ON CONFLICT DO NOTHING;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER images_forgotten AFTER DELETE ON images
    FOR EACH ROW WHEN (substr(old.location, 1, 5) <> 'data:') EXECUTE FUNCTION note_forgotten_blob()
    """,
]


def upgrade() -> None:
    op.create_table(
        "forgotten_blobs",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("user_id", GUID(), nullable=False),
        sa.PrimaryKeyConstraint("location", name="pk_forgotten_blobs"),
    )
    op.create_index("ix_forgotten_blobs_user_id_location", "forgotten_blobs", ["user_id", "location"])
    for statement in ON_SQLITE if op.get_context().dialect.name == "sqlite" else ON_POSTGRES:
        op.execute(statement)


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TRIGGER images_forgotten")
    else:
        op.execute("DROP TRIGGER images_forgotten ON images")
        op.execute("DROP FUNCTION note_forgotten_blob")
    op.drop_table("forgotten_blobs")
