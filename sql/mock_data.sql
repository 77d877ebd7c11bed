-- A few sites and what stands in them, by hand in psql (see create_tables.sql). Records that are there already stay.
\set ON_ERROR_STOP on
BEGIN;

INSERT INTO site (id, name, contact, address, state_or_region, country, postcode_or_zip) VALUES
    (1, 'Site 1', 'John Smith', '123 Muffin Lane, Ann Arbor', 'MI', 'USA', '48103')
ON CONFLICT DO NOTHING;
INSERT INTO site (id, name) VALUES (2, 'Site 2'), (3, 'Site 3') ON CONFLICT DO NOTHING;

INSERT INTO freezer (id, name, site_id) VALUES (1, '-20C', 1), (2, '-40C', 1) ON CONFLICT DO NOTHING;
INSERT INTO computer (id, name, site_id) VALUES (1, 'Computer 1', 1), (2, 'Computer 2', 1) ON CONFLICT DO NOTHING;

COMMIT;
