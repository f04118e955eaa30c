-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY by_name ON fruit (name);
VACUUM fruit;
-- +goose Down
DROP INDEX by_name;
