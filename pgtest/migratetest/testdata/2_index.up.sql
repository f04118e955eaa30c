CREATE INDEX CONCURRENTLY by_name ON fruit (name);
