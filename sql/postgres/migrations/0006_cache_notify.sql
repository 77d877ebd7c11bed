-- Who keeps answers about users or health regions hears at once that they may have changed, whoever changed them.
-- By hand:  psql -1 -v ON_ERROR_STOP=1 -f 0006_cache_notify.sql

-- Once a statement and, because PostgreSQL sends equal notices once, once a transaction.
CREATE FUNCTION rowlock_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('rowlock_changed', TG_ARGV[0]);
    RETURN NULL;
END
$$;

CREATE TRIGGER users_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON users
    FOR EACH STATEMENT EXECUTE FUNCTION rowlock_changed('users');

CREATE TRIGGER region_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON region
    FOR EACH STATEMENT EXECUTE FUNCTION rowlock_changed('health');
CREATE TRIGGER province_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON province
    FOR EACH STATEMENT EXECUTE FUNCTION rowlock_changed('health');
CREATE TRIGGER health_region_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON health_region
    FOR EACH STATEMENT EXECUTE FUNCTION rowlock_changed('health');
CREATE TRIGGER fsa_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON fsa
    FOR EACH STATEMENT EXECUTE FUNCTION rowlock_changed('health');

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (6, 'cache_notify', 1);
