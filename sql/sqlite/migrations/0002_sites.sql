-- Sites of labs, what stands in them, and the history of each record.
-- By hand:  sqlite3 rowlock.db < 0002_sites.sql
-- (and by hand, PRAGMA foreign_keys = ON before a site is deleted, or what hangs on it stays)

CREATE TABLE site (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    contact TEXT,
    address TEXT,
    state_or_region TEXT,
    country TEXT,
    postcode_or_zip TEXT
) STRICT;

-- MAC addresses and UUIDs in one form only, so that equal ones are equal texts.
CREATE TABLE computer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    mac TEXT UNIQUE CHECK (
        mac GLOB '[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]'
    ),
    site_id INTEGER REFERENCES site ON DELETE CASCADE
) STRICT;
CREATE INDEX computer_by_site ON computer (site_id);
CREATE INDEX computer_in_order ON computer (site_id IS NULL, site_id, name, id);

CREATE TABLE freezer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    site_id INTEGER REFERENCES site ON DELETE CASCADE
) STRICT;
CREATE INDEX freezer_by_site ON freezer (site_id);
CREATE INDEX freezer_in_order ON freezer (site_id IS NULL, site_id, name, id);

CREATE TABLE container (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL CHECK (uuid GLOB '????????-????-????-????-????????????' AND uuid NOT GLOB '*[^-0-9a-f]*'),
    description TEXT,
    freezer_id INTEGER REFERENCES freezer ON DELETE CASCADE
) STRICT;
CREATE INDEX container_by_freezer ON container (freezer_id);

CREATE VIEW instrument AS
SELECT i.computer_id, i.freezer_id, i.name, i.site_id, s.name AS site_name
FROM (
    SELECT id AS computer_id, NULL AS freezer_id, name, site_id FROM computer
    UNION ALL
    SELECT NULL, id, name, site_id FROM freezer
) AS i LEFT JOIN site AS s ON s.id = i.site_id;

-- What became of each record. It has no key to the record, which it outlives.
CREATE TABLE lab_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, -- the table
    record_id INTEGER NOT NULL,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    operation TEXT NOT NULL CHECK (operation IN ('insert', 'update', 'delete')),
    old TEXT, -- JSON
    new TEXT
) STRICT;
CREATE INDEX lab_history_by_record ON lab_history (kind, record_id, id);

-- What the triggers below leave to be escaped: control characters, which are rare. One after the other.
CREATE TRIGGER lab_history_escape AFTER INSERT ON lab_history
WHEN coalesce(new.old, '') || coalesce(new.new, '') GLOB '*[' || char(1) || '-' || char(31) || ']*' BEGIN
    UPDATE lab_history SET (old, new) = (
        WITH RECURSIVE step (code, escape_of_code, old_text, new_text) AS (
            SELECT 1, '\u0001', new.old, new.new
            UNION ALL
            SELECT code + 1,
                CASE code + 1 WHEN 8 THEN '\b' WHEN 9 THEN '\t' WHEN 10 THEN '\n' WHEN 12 THEN '\f' WHEN 13 THEN '\r'
                    ELSE printf('\u%04x', code + 1) END,
                replace(old_text, char(code), escape_of_code), replace(new_text, char(code), escape_of_code)
            FROM step WHERE code < 32
        )
        SELECT old_text, new_text FROM step WHERE code = 32
    )
    WHERE id = new.id;
END;

-- The objects are put together by hand: the server does not trust the schema of its file (PRAGMA trusted_schema), and the
-- triggers of such a schema may not call json_object() ("unsafe use of json_object()" up to SQLite 3.40 at least).
-- A record whose id was changed by hand has the change in the history of both ids.
CREATE TRIGGER site_insert AFTER INSERT ON site BEGIN
    INSERT INTO lab_history (kind, record_id, operation, new) VALUES ('site', new.id, 'insert',
        '{"id":' || new.id
            || ',"name":' || coalesce('"' || replace(replace(new.name, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"contact":' || coalesce('"' || replace(replace(new.contact, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"address":' || coalesce('"' || replace(replace(new.address, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"state_or_region":'
                || coalesce('"' || replace(replace(new.state_or_region, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"country":' || coalesce('"' || replace(replace(new.country, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"postcode_or_zip":'
                || coalesce('"' || replace(replace(new.postcode_or_zip, '\', '\\'), '"', '\"') || '"', 'null')
            || '}'
    );
END;
CREATE TRIGGER site_update AFTER UPDATE ON site
WHEN new.id IS NOT old.id OR new.name IS NOT old.name OR new.contact IS NOT old.contact
    OR new.address IS NOT old.address OR new.state_or_region IS NOT old.state_or_region
    OR new.country IS NOT old.country OR new.postcode_or_zip IS NOT old.postcode_or_zip BEGIN
    INSERT INTO lab_history (kind, record_id, operation, old, new)
    SELECT 'site', r.id, 'update',
        '{"id":' || old.id
            || ',"name":' || coalesce('"' || replace(replace(old.name, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"contact":' || coalesce('"' || replace(replace(old.contact, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"address":' || coalesce('"' || replace(replace(old.address, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"state_or_region":'
                || coalesce('"' || replace(replace(old.state_or_region, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"country":' || coalesce('"' || replace(replace(old.country, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"postcode_or_zip":'
                || coalesce('"' || replace(replace(old.postcode_or_zip, '\', '\\'), '"', '\"') || '"', 'null')
            || '}',
        '{"id":' || new.id
            || ',"name":' || coalesce('"' || replace(replace(new.name, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"contact":' || coalesce('"' || replace(replace(new.contact, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"address":' || coalesce('"' || replace(replace(new.address, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"state_or_region":'
                || coalesce('"' || replace(replace(new.state_or_region, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"country":' || coalesce('"' || replace(replace(new.country, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"postcode_or_zip":'
                || coalesce('"' || replace(replace(new.postcode_or_zip, '\', '\\'), '"', '\"') || '"', 'null')
            || '}'
    FROM (SELECT old.id AS id UNION SELECT new.id) AS r;
END;
CREATE TRIGGER site_delete AFTER DELETE ON site BEGIN
    INSERT INTO lab_history (kind, record_id, operation, old) VALUES ('site', old.id, 'delete',
        '{"id":' || old.id
            || ',"name":' || coalesce('"' || replace(replace(old.name, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"contact":' || coalesce('"' || replace(replace(old.contact, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"address":' || coalesce('"' || replace(replace(old.address, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"state_or_region":'
                || coalesce('"' || replace(replace(old.state_or_region, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"country":' || coalesce('"' || replace(replace(old.country, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"postcode_or_zip":'
                || coalesce('"' || replace(replace(old.postcode_or_zip, '\', '\\'), '"', '\"') || '"', 'null')
            || '}'
    );
END;

CREATE TRIGGER computer_insert AFTER INSERT ON computer BEGIN
    INSERT INTO lab_history (kind, record_id, operation, new) VALUES ('computer', new.id, 'insert',
        '{"id":' || new.id
            || ',"name":' || coalesce('"' || replace(replace(new.name, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"mac":' || coalesce('"' || replace(replace(new.mac, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"site_id":' || coalesce(new.site_id, 'null')
            || '}'
    );
END;
CREATE TRIGGER computer_update AFTER UPDATE ON computer
WHEN new.id IS NOT old.id OR new.name IS NOT old.name OR new.mac IS NOT old.mac OR new.site_id IS NOT old.site_id BEGIN
    INSERT INTO lab_history (kind, record_id, operation, old, new)
    SELECT 'computer', r.id, 'update',
        '{"id":' || old.id
            || ',"name":' || coalesce('"' || replace(replace(old.name, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"mac":' || coalesce('"' || replace(replace(old.mac, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"site_id":' || coalesce(old.site_id, 'null')
            || '}',
        '{"id":' || new.id
            || ',"name":' || coalesce('"' || replace(replace(new.name, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"mac":' || coalesce('"' || replace(replace(new.mac, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"site_id":' || coalesce(new.site_id, 'null')
            || '}'
    FROM (SELECT old.id AS id UNION SELECT new.id) AS r;
END;
CREATE TRIGGER computer_delete AFTER DELETE ON computer BEGIN
    INSERT INTO lab_history (kind, record_id, operation, old) VALUES ('computer', old.id, 'delete',
        '{"id":' || old.id
            || ',"name":' || coalesce('"' || replace(replace(old.name, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"mac":' || coalesce('"' || replace(replace(old.mac, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"site_id":' || coalesce(old.site_id, 'null')
            || '}'
    );
END;

CREATE TRIGGER freezer_insert AFTER INSERT ON freezer BEGIN
    INSERT INTO lab_history (kind, record_id, operation, new) VALUES ('freezer', new.id, 'insert',
        '{"id":' || new.id
            || ',"name":' || coalesce('"' || replace(replace(new.name, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"site_id":' || coalesce(new.site_id, 'null')
            || '}'
    );
END;
CREATE TRIGGER freezer_update AFTER UPDATE ON freezer
WHEN new.id IS NOT old.id OR new.name IS NOT old.name OR new.site_id IS NOT old.site_id BEGIN
    INSERT INTO lab_history (kind, record_id, operation, old, new)
    SELECT 'freezer', r.id, 'update',
        '{"id":' || old.id
            || ',"name":' || coalesce('"' || replace(replace(old.name, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"site_id":' || coalesce(old.site_id, 'null')
            || '}',
        '{"id":' || new.id
            || ',"name":' || coalesce('"' || replace(replace(new.name, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"site_id":' || coalesce(new.site_id, 'null')
            || '}'
    FROM (SELECT old.id AS id UNION SELECT new.id) AS r;
END;
CREATE TRIGGER freezer_delete AFTER DELETE ON freezer BEGIN
    INSERT INTO lab_history (kind, record_id, operation, old) VALUES ('freezer', old.id, 'delete',
        '{"id":' || old.id
            || ',"name":' || coalesce('"' || replace(replace(old.name, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"site_id":' || coalesce(old.site_id, 'null')
            || '}'
    );
END;

CREATE TRIGGER container_insert AFTER INSERT ON container BEGIN
    INSERT INTO lab_history (kind, record_id, operation, new) VALUES ('container', new.id, 'insert',
        '{"id":' || new.id
            || ',"uuid":' || coalesce('"' || replace(replace(new.uuid, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"description":'
                || coalesce('"' || replace(replace(new.description, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"freezer_id":' || coalesce(new.freezer_id, 'null')
            || '}'
    );
END;
CREATE TRIGGER container_update AFTER UPDATE ON container
WHEN new.id IS NOT old.id OR new.uuid IS NOT old.uuid OR new.description IS NOT old.description
    OR new.freezer_id IS NOT old.freezer_id BEGIN
    INSERT INTO lab_history (kind, record_id, operation, old, new)
    SELECT 'container', r.id, 'update',
        '{"id":' || old.id
            || ',"uuid":' || coalesce('"' || replace(replace(old.uuid, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"description":'
                || coalesce('"' || replace(replace(old.description, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"freezer_id":' || coalesce(old.freezer_id, 'null')
            || '}',
        '{"id":' || new.id
            || ',"uuid":' || coalesce('"' || replace(replace(new.uuid, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"description":'
                || coalesce('"' || replace(replace(new.description, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"freezer_id":' || coalesce(new.freezer_id, 'null')
            || '}'
    FROM (SELECT old.id AS id UNION SELECT new.id) AS r;
END;
CREATE TRIGGER container_delete AFTER DELETE ON container BEGIN
    INSERT INTO lab_history (kind, record_id, operation, old) VALUES ('container', old.id, 'delete',
        '{"id":' || old.id
            || ',"uuid":' || coalesce('"' || replace(replace(old.uuid, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"description":'
                || coalesce('"' || replace(replace(old.description, '\', '\\'), '"', '\"') || '"', 'null')
            || ',"freezer_id":' || coalesce(old.freezer_id, 'null')
            || '}'
    );
END;

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (2, 'sites', 1);
