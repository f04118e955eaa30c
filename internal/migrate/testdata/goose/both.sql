-- A table of users.
-- +goose Up
CREATE TABLE users (id int);
-- +goose StatementBegin
CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  RETURN 1; -- with a semicolon
END $$
-- +goose StatementEnd
INSERT INTO users VALUES (1);

-- +goose Down
DROP FUNCTION one();
DROP TABLE users;
