"""clock of a request."""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('broadcast') as batch_op:
        batch_op.add_column(sa.Column('held_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('held_seconds', sa.Integer(), nullable=False, server_default='0'))
    with op.batch_alter_table('broadcast') as batch_op:
        batch_op.alter_column('held_seconds', server_default=None)
