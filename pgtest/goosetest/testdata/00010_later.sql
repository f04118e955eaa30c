-- +goose Up
ALTER TABLE fruit ADD kilos numeric;
-- +goose Down
ALTER TABLE fruit DROP kilos;
