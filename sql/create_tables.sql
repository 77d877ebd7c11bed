-- The tables of the sites app (labs) by hand, in psql:
--
--     psql -f create_tables.sql DATABASE
--     psql -f mock_data.sql DATABASE
--
-- It drops these tables, with all that is in them and their history, and makes them anew, so it can be run again.
-- Other tables stay. What it makes is what `rowlock migrate` makes: it runs the same migrations, and records them.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
BEGIN;

SELECT to_regclass('rowlock_migrations') IS NULL AS is_new \gset
\if :is_new
    -- migrations are applied in order
    \ir postgres/migrations/0001_orders.sql
\endif

DROP VIEW IF EXISTS instrument;
DROP TABLE IF EXISTS container, freezer, computer, site, lab_history;
DROP FUNCTION IF EXISTS lab_history_write(), lab_history_write_all(), lab_ids_pass();
DELETE FROM rowlock_migrations WHERE version = 2;
\ir postgres/migrations/0002_sites.sql

COMMIT;
