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
        batch_op.add_column(sa.Column('feedback_forwarding', sa.Boolean(), nullable=False, server_default=sa.true()))
        batch_op.add_column(sa.Column('forwarding_disabled', sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column('forwarding_consent_by', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column(
            'dmarc',
            sa.Enum('unknown', 'found', 'missing', name='dmarc', native_enum=False, create_constraint=True, length=32),
            nullable=False,
            server_default='unknown',
        ))
        batch_op.add_column(sa.Column('dmarc_found_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('dmarc_missing_since', sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table('identity') as batch_op:
        batch_op.alter_column('sends', server_default=None)
        batch_op.alter_column('feedback_forwarding', server_default=None)
        batch_op.alter_column('forwarding_disabled', server_default=None)
        batch_op.alter_column('forwarding_consent_by', server_default=None)
        batch_op.alter_column('dmarc', server_default=None)
    with op.batch_alter_table('team') as batch_op:
        batch_op.add_column(sa.Column('tests_go_to', sa.JSON(), nullable=False, server_default='[]'))
        batch_op.add_column(sa.Column(
            'approval',
            sa.Enum('never', 'from', 'always', name='approval', native_enum=False, create_constraint=True, length=32),
            nullable=False,
            server_default='never',
        ))
        batch_op.add_column(sa.Column('approval_from', sa.Integer(), nullable=False, server_default='1000'))
        batch_op.add_column(sa.Column('approvers', sa.JSON(), nullable=False, server_default='[]'))
        batch_op.add_column(sa.Column('approvals', sa.Integer(), nullable=False, server_default='1'))
    with op.batch_alter_table('team') as batch_op:
        batch_op.alter_column('tests_go_to', server_default=None)
        batch_op.alter_column('approval', server_default=None)
        batch_op.alter_column('approval_from', server_default=None)
        batch_op.alter_column('approvers', server_default=None)
        batch_op.alter_column('approvals', server_default=None)
    with op.batch_alter_table('mailer') as batch_op:
        batch_op.add_column(sa.Column('pricing_plan', sa.String(), nullable=False, server_default=''))
    with op.batch_alter_table('mailer') as batch_op:
        batch_op.alter_column('pricing_plan', server_default=None)
    with op.batch_alter_table('incident') as batch_op:
        batch_op.drop_constraint(op.f('ck_incident_incident_kind'), type_='check')
        batch_op.create_check_constraint(op.f('ck_incident_incident_kind'), sa.column('kind').in_([
            'access_lost', 'region_outage', 'shut_down', 'sending_paused', 'probation', 'production_denied',
            'identity_lost', 'verification_failed', 'verification_ending', 'dmarc_lost', 'bounces', 'complaints',
            'events_missing', 'quota_used_up', 'quota_low',
        ]))
    with op.batch_alter_table('poll') as batch_op:
        batch_op.drop_constraint(op.f('ck_poll_kind'), type_='check')
        batch_op.create_check_constraint(op.f('ck_poll_kind'), sa.column('kind').in_([
            'account', 'access_check', 'feedback', 'reputation', 'self_test', 'suppressions', 'forwarding',
            'sender_rules', 'channel',
        ]))
    op.create_table('connect_draft',
    sa.Column('team_id', sa.String(), nullable=False),
    sa.Column('user_id', sa.String(), nullable=False),
    sa.Column('mailer_id', sa.String(), nullable=False),
    sa.Column('region', sa.String(), nullable=False),
    sa.Column('sign_in', sa.String(), nullable=False),
    sa.Column('role_arn', sa.String(), nullable=False),
    sa.Column('access_key_id', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['team_id'], ['team.id'], name=op.f('fk_connect_draft_team_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('team_id', 'user_id', name=op.f('pk_connect_draft'))
    )
    op.create_index(op.f('ix_connect_draft_at'), 'connect_draft', ['at'])
    with op.batch_alter_table('audience') as batch_op:
        batch_op.add_column(sa.Column('empty_values', sa.JSON(), nullable=False, server_default='[]'))
        batch_op.add_column(sa.Column('import_summary', sa.JSON(), nullable=False, server_default='{}'))
        batch_op.add_column(sa.Column('file_name', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('file_id', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('held_until', sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table('audience') as batch_op:
        batch_op.alter_column('empty_values', server_default=None)
        batch_op.alter_column('import_summary', server_default=None)
        batch_op.alter_column('file_name', server_default=None)
        batch_op.alter_column('file_id', server_default=None)
    with op.batch_alter_table('broadcast') as batch_op:
        batch_op.alter_column('audience_id', existing_type=sa.String(), nullable=True)
        batch_op.add_column(sa.Column('audience_name', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('images', sa.JSON(), nullable=False, server_default='[]'))
        batch_op.add_column(sa.Column('edited_by', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('edited_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('shared', sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column('asked_by', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('asked_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('asked_of', sa.JSON(), nullable=False, server_default='[]'))
        batch_op.add_column(sa.Column('agreed', sa.JSON(), nullable=False, server_default='[]'))
        batch_op.add_column(sa.Column('approved_by', sa.JSON(), nullable=False, server_default='[]'))
        batch_op.drop_constraint(op.f('ck_broadcast_state'), type_='check')
        batch_op.create_check_constraint(op.f('ck_broadcast_state'), sa.column('state').in_([
            'draft', 'awaiting_approval', 'scheduled', 'sending', 'paused', 'done', 'cancelled', 'stopped',
        ]))
    op.execute("UPDATE broadcast SET shared = confirmed_by <> ''")
    with op.batch_alter_table('broadcast') as batch_op:
        batch_op.alter_column('audience_name', server_default=None)
        batch_op.alter_column('images', server_default=None)
        batch_op.alter_column('edited_by', server_default=None)
        batch_op.alter_column('shared', server_default=None)
        batch_op.alter_column('asked_by', server_default=None)
        batch_op.alter_column('asked_of', server_default=None)
        batch_op.alter_column('agreed', server_default=None)
        batch_op.alter_column('approved_by', server_default=None)
