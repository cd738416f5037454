"""since when a message is behind."""

import sqlalchemy as sa
from alembic import op

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('outbox', sa.Column('behind_since', sa.DateTime(timezone=True), nullable=True))
    op.execute('UPDATE outbox SET behind_since = due_at WHERE due_at IS NOT NULL')
