"""who gets a broadcast."""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('broadcast', schema=None) as batch_op:
        batch_op.add_column(sa.Column('source_id', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('selection', sa.JSON(), nullable=False, server_default='{}'))
        batch_op.create_index(batch_op.f('ix_broadcast_source_id'), ['source_id'], unique=False)
        batch_op.create_foreign_key(
            batch_op.f('fk_broadcast_source_id'), 'audience', ['source_id'], ['id'], ondelete='CASCADE'
        )
    with op.batch_alter_table('broadcast', schema=None) as batch_op:
        batch_op.alter_column('selection', server_default=None)
