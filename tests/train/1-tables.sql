-- A telephone company's calls: what the other loops read. All values are hashes of the row numbers.
CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE FUNCTION h(k int8, salt int8, n int8) RETURNS int8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN (hashint8extended(k, salt) & 9223372036854775807) % n;
CREATE TABLE tariff (tariff_id int PRIMARY KEY, label text, cents numeric(8,3), valid daterange);
INSERT INTO tariff SELECT i, 'tariff ' || md5(i::text), h(i, 1, 90000) / 1000.0,
	daterange(date '2020-01-01' + h(i, 2, 900)::int, date '2023-01-01' + h(i, 3, 900)::int) FROM generate_series(1, 40) i;
CREATE TABLE subscriber (subscriber_id int PRIMARY KEY, tariff_id int REFERENCES tariff, name text NOT NULL, born date, town text, credit numeric);
INSERT INTO subscriber SELECT i, 1 + h(i, 4, 40), initcap(substr(md5(i::text), 1, 9)), date '1930-01-01' + h(i, 5, 29000)::int,
	'town ' || h(i, 6, 300), h(i, 7, 1000000) / 97.0 FROM generate_series(1, 8000) i;
CREATE TABLE call (call_id int8, caller int, callee int, began timestamptz, seconds int, quality float8, cost numeric(10,4), state char(1), remark text);
INSERT INTO call SELECT i, 1 + h(i, 8, 8000), 1 + h(i, 9, 8000), timestamptz '2024-01-01' + h(i, 10, 31000000) * interval '1 second',
	h(i, 11, 3000), h(i, 12, 1000000) / 1e6, h(i, 13, 500000) / 1e4, substr('OKBF', 1 + h(i, 14, 4)::int, 1),
	CASE WHEN h(i, 15, 9) = 0 THEN 'dropped at mast ' || h(i, 16, 500) WHEN h(i, 15, 9) = 1 THEN NULL ELSE 'clear ' || md5(i::text) END
	FROM generate_series(1, 120000) i;
ALTER TABLE call ADD PRIMARY KEY (call_id);
CREATE INDEX call_caller ON call (caller, began);
CREATE INDEX call_began ON call USING brin (began);
CREATE INDEX call_remark ON call (remark text_pattern_ops);
CREATE INDEX call_state ON call USING hash (state);
CREATE INDEX subscriber_name ON subscriber (lower(name));
CREATE INDEX subscriber_trgm ON subscriber USING gin (name gin_trgm_ops);
CREATE INDEX tariff_valid ON tariff USING gist (valid);
VACUUM ANALYZE;
