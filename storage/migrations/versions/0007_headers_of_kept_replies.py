"""headers of kept replies."""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('seen_request') as batch_op:
        batch_op.add_column(sa.Column('reply_headers', sa.JSON(), nullable=False, server_default='{}'))
