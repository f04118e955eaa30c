-- +goose Up
CREATE TABLE fruit (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
-- +goose StatementBegin
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.name := upper(NEW.name);
	RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER shout BEFORE INSERT ON fruit FOR EACH ROW EXECUTE FUNCTION shout();
INSERT INTO fruit (name) VALUES ('fig; and more');

-- +goose Down
DROP TABLE fruit;
DROP FUNCTION shout();
