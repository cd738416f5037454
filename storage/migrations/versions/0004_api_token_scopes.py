"""api token scopes."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

_AS_BEFORE = '["read", "send", "suppressions"]'


def upgrade() -> None:
    with op.batch_alter_table('api_token') as batch_op:
        batch_op.add_column(sa.Column('prefix', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('scopes', sa.JSON(), nullable=False, server_default=_AS_BEFORE))
        batch_op.add_column(sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE api_token SET prefix = name")
    with op.batch_alter_table('api_token') as batch_op:
        batch_op.alter_column('prefix', server_default=None)
        batch_op.alter_column('scopes', server_default=None)
