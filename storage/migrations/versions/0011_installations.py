"""installations by OAuth: token rotation, and the workspaces of an organization."""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('installation', schema=None) as batch_op:
        batch_op.add_column(sa.Column('refresh_token', sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('renewal_until', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('name', sa.String(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('url', sa.String(), server_default='', nullable=False))
    op.create_table('org_workspace',
    sa.Column('slack_team_id', sa.String(), nullable=False),
    sa.Column('installation_id', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['installation_id'], ['installation.id'], name=op.f('fk_org_workspace_installation_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('slack_team_id', name=op.f('pk_org_workspace'))
    )
    with op.batch_alter_table('org_workspace', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_org_workspace_installation_id'), ['installation_id'], unique=False)
