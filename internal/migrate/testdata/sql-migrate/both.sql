-- +migrate Up
CREATE TABLE users (id int);
-- +migrate StatementBegin
CREATE FUNCTION one() RETURNS int AS 'SELECT 1;' LANGUAGE sql
-- +migrate StatementEnd
-- +migrate Down
DROP FUNCTION one();
DROP TABLE users;
-- +migrate Up
INSERT INTO users VALUES (1);
