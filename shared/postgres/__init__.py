"""Postgres: the pool, migrations, and the store of a service's rows and positions."""
