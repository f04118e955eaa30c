CREATE TABLE fruit (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
INSERT INTO fruit (name) VALUES ('fig; and more');
