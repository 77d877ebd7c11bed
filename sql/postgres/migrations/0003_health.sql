-- Health regions of Canada, and the forward sortation areas (the first half of a postal code) that they serve. Ids are
-- those of the published CSV files, so none are made here.
-- By hand:  psql -1 -v ON_ERROR_STOP=1 -f 0003_health.sql

CREATE TABLE region (
    id bigint PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text NOT NULL
);

CREATE TABLE province (
    id bigint PRIMARY KEY,
    geo_code bigint NOT NULL UNIQUE,
    alpha_code text NOT NULL UNIQUE CHECK (alpha_code ~ '^[A-Z][A-Z]$'),
    name_en text NOT NULL,
    name_fr text NOT NULL,
    fk_region_id bigint NOT NULL REFERENCES region
);

CREATE TABLE health_region (
    id bigint PRIMARY KEY,
    hr_uid bigint NOT NULL UNIQUE,
    name_en text NOT NULL,
    name_fr text NOT NULL,
    pop bigint CHECK (pop >= 0),
    website_en text,
    website_fr text,
    en_prov_vaccine_site text,
    fr_prov_vaccine_site text,
    fk_province_id bigint NOT NULL REFERENCES province
);

-- An area that several health regions share has a row for each.
CREATE TABLE fsa (
    id bigint PRIMARY KEY,
    code text NOT NULL CHECK (code ~ '^[ABCEGHJKLMNPRSTVXY][0-9][ABCEGHJKLMNPRSTVWXYZ]$'),
    eng_name text NOT NULL,
    fre_name text NOT NULL,
    estimated_pop bigint CHECK (estimated_pop >= 0),
    fk_healthregion_id bigint NOT NULL REFERENCES health_region,
    fk_province_id bigint NOT NULL REFERENCES province
);

-- The question that is asked, and one index for each key, for joins and deletes by hand.
CREATE INDEX fsa_code ON fsa (code, fk_healthregion_id);
CREATE INDEX fsa_healthregion ON fsa (fk_healthregion_id);
CREATE INDEX fsa_province ON fsa (fk_province_id);
CREATE INDEX health_region_province ON health_region (fk_province_id);
CREATE INDEX province_region ON province (fk_region_id);

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (3, 'health', 1);
