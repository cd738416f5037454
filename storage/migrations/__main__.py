"""Write the next revision: what the models have and the migrations do not make yet."""

import sys

from alembic import command
from sqlalchemy import create_engine

from storage import migrations

with create_engine("sqlite://").begin() as connection:
    if known := migrations.revisions():
        migrations.upgrade(connection, known[-1])
    command.revision(
        migrations.config_for(connection), " ".join(sys.argv[1:]), autogenerate=True, rev_id=f"{len(known) + 1:04}"
    )
