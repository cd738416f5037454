"""how long recipients are kept."""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    kept = sa.Enum('90_days', '1_year', 'for_ever', name='keep_recipients', native_enum=False, create_constraint=True, length=32)
    with op.batch_alter_table('team') as batch_op:
        batch_op.add_column(sa.Column('keep_recipients', kept, nullable=False, server_default='for_ever'))
    with op.batch_alter_table('team') as batch_op:
        batch_op.alter_column('keep_recipients', server_default=None)
    with op.batch_alter_table('broadcast') as batch_op:
        batch_op.add_column(sa.Column('recipients_gone_at', sa.DateTime(timezone=True), nullable=True))
