-- pgvector: building and searching both of its indexes, and without one.
\o /dev/null
CREATE TABLE embedding AS SELECT i AS id, (SELECT array_agg(h(i * 128 + k, 30, 1000) / 500.0 - 1 ORDER BY k)::float4[]::vector(96) FROM generate_series(1, 96) k) AS v FROM generate_series(1, 3000) i;
CREATE INDEX hnsw ON embedding USING hnsw (v vector_cosine_ops) WITH (m = 12, ef_construction = 48);
SET enable_seqscan = off;
DO $$ DECLARE q vector; n int; BEGIN FOR i IN 1..400 LOOP SELECT v INTO q FROM embedding WHERE id = i; PERFORM id FROM embedding ORDER BY v <=> q LIMIT 10; END LOOP; END $$;
INSERT INTO embedding SELECT id + 3000, v FROM embedding WHERE id <= 200;
DROP INDEX hnsw;
CREATE INDEX hnsw ON embedding USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 32);
DO $$ DECLARE q vector; n int; BEGIN FOR i IN 1..200 LOOP SELECT v INTO q FROM embedding WHERE id = i; PERFORM id FROM embedding ORDER BY v <-> q LIMIT 10; END LOOP; END $$;
DROP INDEX hnsw;
CREATE INDEX ON embedding USING ivfflat (v vector_ip_ops) WITH (lists = 40);
DO $$ DECLARE q vector; n int; BEGIN FOR i IN 1..200 LOOP SELECT v INTO q FROM embedding WHERE id = i; PERFORM id FROM embedding ORDER BY v <#> q LIMIT 10; END LOOP; END $$;
SELECT a.id, min(a.v <-> b.v) FROM embedding a, embedding b WHERE a.id < 100 AND b.id < 1500 GROUP BY 1;
SELECT avg(v), sum(v) FROM embedding;
