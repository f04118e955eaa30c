-- two pairs, each with its own transaction
--migrate:up transaction:false
CREATE INDEX CONCURRENTLY i ON users (id);
-- migrate:down transaction:false
DROP INDEX CONCURRENTLY i;
-- migrate:up
CREATE TABLE a ();
CREATE TABLE b ();
-- migrate:down transaction:true
DROP TABLE b, a;
