-- +migrate Up notransaction
CREATE UNIQUE INDEX CONCURRENTLY i ON users (id);
VACUUM users;

-- +migrate Down
DROP INDEX i;
