-- Health regions of Canada, and the forward sortation areas (the first half of a postal code) that they serve. Ids are
-- those of the published CSV files, so none are made here.
-- By hand:  sqlite3 rowlock.db < 0003_health.sql

CREATE TABLE region (
    id INTEGER PRIMARY KEY,
    name_en TEXT NOT NULL,
    name_fr TEXT NOT NULL
) STRICT;

CREATE TABLE province (
    id INTEGER PRIMARY KEY,
    geo_code INTEGER NOT NULL UNIQUE,
    alpha_code TEXT NOT NULL UNIQUE CHECK (alpha_code GLOB '[A-Z][A-Z]'),
    name_en TEXT NOT NULL,
    name_fr TEXT NOT NULL,
    fk_region_id INTEGER NOT NULL REFERENCES region (id)
) STRICT;

CREATE TABLE health_region (
    id INTEGER PRIMARY KEY,
    hr_uid INTEGER NOT NULL UNIQUE,
    name_en TEXT NOT NULL,
    name_fr TEXT NOT NULL,
    pop INTEGER CHECK (pop >= 0),
    website_en TEXT,
    website_fr TEXT,
    en_prov_vaccine_site TEXT,
    fr_prov_vaccine_site TEXT,
    fk_province_id INTEGER NOT NULL REFERENCES province (id)
) STRICT;

-- An area that several health regions share has a row for each.
CREATE TABLE fsa (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL CHECK (code GLOB '[ABCEGHJKLMNPRSTVXY][0-9][ABCEGHJKLMNPRSTVWXYZ]'),
    eng_name TEXT NOT NULL,
    fre_name TEXT NOT NULL,
    estimated_pop INTEGER CHECK (estimated_pop >= 0),
    fk_healthregion_id INTEGER NOT NULL REFERENCES health_region (id),
    fk_province_id INTEGER NOT NULL REFERENCES province (id)
) STRICT;

-- The question that is asked, and one index for each key, for joins and deletes by hand.
CREATE INDEX fsa_code ON fsa (code, fk_healthregion_id);
CREATE INDEX fsa_healthregion ON fsa (fk_healthregion_id);
CREATE INDEX fsa_province ON fsa (fk_province_id);
CREATE INDEX health_region_province ON health_region (fk_province_id);
CREATE INDEX province_region ON province (fk_region_id);

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (3, 'health', 1);
