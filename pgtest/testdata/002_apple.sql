INSERT INTO fruit VALUES ('apple');
