"""Alembic's way from one revision of the world store's schema to the next."""
