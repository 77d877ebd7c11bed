sql_migrations = \
	sql/postgres/migrations/0001_orders.sql \
	sql/postgres/migrations/0003_health.sql \
	sql/postgres/migrations/0002_sites.sql \
	sql/postgres/migrations/0004_messages.sql \
	sql/postgres/migrations/0005_users.sql \
	sql/postgres/migrations/0006_cache_notify.sql \
	sql/postgres/migrations/0007_idempotency.sql \
	sql/sqlite/migrations/0002_sites.sql \
	sql/sqlite/migrations/0004_messages.sql \
	sql/sqlite/migrations/0005_users.sql \
	sql/sqlite/migrations/0006_cache_notify.sql \
	sql/sqlite/migrations/0007_idempotency.sql \
	sql/sqlite/migrations/0001_orders.sql \
	sql/sqlite/migrations/0003_health.sql

sql_statements = \
	sql/postgres/core.sql \
	sql/postgres/health.sql \
	sql/postgres/idempotency.sql \
	sql/postgres/messages.sql \
	sql/postgres/orders.sql \
	sql/postgres/sites.sql \
	sql/postgres/users.sql \
	sql/sqlite/idempotency.sql \
	sql/sqlite/messages.sql \
	sql/sqlite/core.sql \
	sql/sqlite/health.sql \
	sql/sqlite/orders.sql \
	sql/sqlite/sites.sql \
	sql/sqlite/users.sql

sql_files = $(sql_statements) $(sql_migrations)

# For psql.
sql_scripts = \
	sql/create_tables.sql \
	sql/mock_data.sql

# Installed as well, for those who run them by hand.
nobase_dist_pkgdata_DATA = $(sql_files) $(sql_scripts)
