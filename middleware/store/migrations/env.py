"""What alembic runs: the migrations, on the connection and in the transaction that `upgrade`
opened.
"""

from __future__ import annotations

from alembic import context

from middleware.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite rolls back DDL too, because the transaction is opened by us: a killed migration leaves
    # the old schema.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
