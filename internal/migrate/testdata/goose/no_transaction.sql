-- +goose NO TRANSACTION
-- +goose up
CREATE INDEX CONCURRENTLY i ON users (id);
-- +goose statementbegin
SELECT 1; SELECT 2
-- +goose statementend
SELECT 3; SELECT 4;
