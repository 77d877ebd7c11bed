# All of sql/postgres and sql/sqlite, statements and migrations: a new file is in the build by standing there (see
# configure.ac).
sql_files = @sql_files@

# For psql.
sql_scripts = \
	sql/create_tables.sql \
	sql/mock_data.sql

# Installed as well, for those who run them by hand.
nobase_dist_pkgdata_DATA = $(sql_files) $(sql_scripts)
