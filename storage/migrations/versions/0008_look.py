"""look of a team's mails."""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('team_look',
    sa.Column('team_id', sa.String(), nullable=False),
    sa.Column('logo', sa.JSON(), nullable=False),
    sa.Column('colour', sa.String(), nullable=False),
    sa.Column('heading_font', sa.Enum('system', 'serif', name='heading_font', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('footer_words', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['team_id'], ['team.id'], name=op.f('fk_team_look_team_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('team_id', name=op.f('pk_team_look'))
    )
