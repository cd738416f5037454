"""index of what is due by kind: for kinds and a time SQLite read every poll of these kinds."""

from alembic import op

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_poll_kind_due_at', 'poll', ['kind', 'due_at'], unique=False)
    op.drop_index('ix_poll_due_at', table_name='poll')
