"""operators channel."""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('team') as batch_op:
        batch_op.add_column(sa.Column('ops', sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table('team') as batch_op:
        batch_op.alter_column('ops', server_default=None)
