"""people who are erased."""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

REASONS = ['unsubscribed', 'complaint', 'bounce', 'by_hand', 'erased']
POLLS = [
    'account', 'access_check', 'feedback', 'reputation', 'self_test', 'suppressions', 'forwarding', 'sender_rules',
    'erase', 'channel',
]


def upgrade() -> None:
    with op.batch_alter_table('suppression', schema=None) as batch_op:
        batch_op.add_column(sa.Column('hashed', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.drop_constraint(op.f('ck_suppression_reason'), type_='check')
        batch_op.create_check_constraint(op.f('ck_suppression_reason'), sa.column('reason').in_(REASONS))
    op.create_index(
        'ix_suppression_hashed',
        'suppression',
        ['team_id'],
        unique=False,
        sqlite_where=sa.text('hashed'),
        postgresql_where=sa.text('hashed'),
    )
    with op.batch_alter_table('lifted_suppression', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_lifted_suppression_reason'), type_='check')
        batch_op.create_check_constraint(op.f('ck_lifted_suppression_reason'), sa.column('reason').in_(REASONS))
    with op.batch_alter_table('poll', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_poll_kind'), type_='check')
        batch_op.create_check_constraint(op.f('ck_poll_kind'), sa.column('kind').in_(POLLS))
