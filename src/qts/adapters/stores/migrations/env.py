"""Runs migrations on the connection QTS hands over; Alembic executes this file."""

from alembic import context

from qts.adapters.stores.sql_schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
context.run_migrations()
