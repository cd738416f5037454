"""first contact."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('link_key',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('key', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_link_key'))
    )
    op.create_index(
        "ix_outbox_behind",
        "outbox",
        ["key"],
        sqlite_where=sa.text("due_at IS NULL AND shown < wanted"),
        postgresql_where=sa.text("due_at IS NULL AND shown < wanted"),
    )
    with op.batch_alter_table('identity') as batch_op:
        batch_op.add_column(sa.Column('sends', sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table('identity') as batch_op:
        batch_op.alter_column('sends', server_default=None)
