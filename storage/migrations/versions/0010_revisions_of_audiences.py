"""revisions of audiences."""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('audience') as batch_op:
        batch_op.add_column(sa.Column('revision', sa.Integer(), nullable=False, server_default='0'))
        batch_op.add_column(sa.Column('named_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('previous_id', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('undo_until', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('change', sa.JSON(), nullable=False, server_default='{}'))
        batch_op.create_foreign_key(
            op.f('fk_audience_previous_id'), 'audience', ['previous_id'], ['id'], ondelete='SET NULL'
        )
        batch_op.create_index(op.f('ix_audience_previous_id'), ['previous_id'], unique=False)
    op.execute("UPDATE audience SET revision = 1, named_at = created_at WHERE name_key <> ''")
    with op.batch_alter_table('audience') as batch_op:
        batch_op.alter_column('revision', server_default=None)
        batch_op.alter_column('change', server_default=None)
    with op.batch_alter_table('broadcast') as batch_op:
        batch_op.add_column(sa.Column('audience_revision', sa.Integer(), nullable=False, server_default='0'))
    with op.batch_alter_table('broadcast') as batch_op:
        batch_op.alter_column('audience_revision', server_default=None)
    op.execute("UPDATE broadcast SET audience_revision = 1 WHERE audience_name <> ''")
