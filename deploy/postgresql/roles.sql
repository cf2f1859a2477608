-- The database and its roles: psql -v ON_ERROR_STOP=1 -f roles.sql, as postgres. A second run changes nothing.
-- Passwords are set apart (\password evergreen), so that they are in no file and in no log.

SELECT 'CREATE ROLE evergreen LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'evergreen') \gexec

-- Reads everything, for backups.
SELECT 'CREATE ROLE evergreen_backup LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'evergreen_backup') \gexec

SELECT 'CREATE DATABASE evergreen OWNER evergreen ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'evergreen') \gexec

REVOKE ALL ON DATABASE evergreen FROM PUBLIC;
GRANT CONNECT ON DATABASE evergreen TO evergreen_backup;

\connect evergreen

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO evergreen;
GRANT pg_read_all_data TO evergreen_backup;
