-- Inserts, updates, deletes, upserts, triggers, foreign keys, COPY, vacuum, DDL.
\o /dev/null
COPY call TO STDOUT;
COPY (SELECT * FROM call) TO STDOUT (FORMAT csv, HEADER);
COPY call TO STDOUT (FORMAT binary);
\set file :dir /calls
COPY call TO :'file';
CREATE TABLE call2 (LIKE call INCLUDING ALL);
COPY call2 FROM :'file';
TRUNCATE call2;
COPY call TO :'file' (FORMAT csv);
COPY call2 FROM :'file' (FORMAT csv);
CREATE TABLE plain AS SELECT * FROM call LIMIT 0;
COPY plain FROM :'file' (FORMAT csv);
UPDATE call2 SET cost = cost + 1 WHERE call_id % 5 = 0;
UPDATE call2 SET seconds = seconds + 1 WHERE call_id BETWEEN 1000 AND 9000;
DELETE FROM call2 WHERE call_id % 11 = 3;
VACUUM call2;
INSERT INTO call2 SELECT * FROM call ON CONFLICT (call_id) DO UPDATE SET remark = excluded.remark || '!';
MERGE INTO call2 t USING call s ON t.call_id = s.call_id WHEN MATCHED AND s.state = 'F' THEN DELETE WHEN MATCHED THEN UPDATE SET quality = s.quality / 2;
VACUUM FULL call2;
REINDEX TABLE call2;
CLUSTER call2 USING call2_pkey;
ANALYZE call2;
CREATE TABLE ledger (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subscriber_id int REFERENCES subscriber, cents int CHECK (cents <> 0), at timestamptz DEFAULT now());
CREATE FUNCTION booked() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.cents := new.cents * 2; RETURN new; END $$;
CREATE TRIGGER booked BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION booked();
INSERT INTO ledger (subscriber_id, cents) SELECT 1 + h(i, 40, 8000), 1 + h(i, 41, 100) FROM generate_series(1, 20000) i;
DELETE FROM ledger WHERE id % 3 = 0 RETURNING id;
DO $$ BEGIN FOR i IN 1..4000 LOOP INSERT INTO ledger (subscriber_id, cents) VALUES (i, i); UPDATE ledger SET cents = 7 WHERE id = i; END LOOP; END $$;
CREATE TABLE part (id int, day date, v text) PARTITION BY RANGE (day);
DO $$ BEGIN FOR i IN 0..11 LOOP EXECUTE format('CREATE TABLE part_%s PARTITION OF part FOR VALUES FROM (%L) TO (%L)', i, date '2024-01-01' + i * 30, date '2024-01-01' + i * 30 + 30); END LOOP; END $$;
INSERT INTO part SELECT i, date '2024-01-01' + (i % 360), md5(i::text) FROM generate_series(1, 20000) i;
SELECT count(*) FROM part WHERE day BETWEEN '2024-03-01' AND '2024-03-20';
DROP TABLE part, plain;
DO $$ BEGIN FOR i IN 1..60 LOOP EXECUTE 'CREATE TABLE ddl (a int PRIMARY KEY, b text UNIQUE, c numeric DEFAULT 3)'; EXECUTE 'ALTER TABLE ddl ADD COLUMN d date'; EXECUTE 'DROP TABLE ddl'; END LOOP; END $$;
