-- JSON, full text, arrays, hstore, trigrams, regular expressions, XML-less text work, and their indexes.
\o /dev/null
CREATE TABLE document AS SELECT i AS id, jsonb_build_object('id', i, 'name', md5(i::text), 'tags', jsonb_build_array(h(i, 20, 50), h(i, 21, 50), 'x' || h(i, 22, 9)),
	'inner', jsonb_build_object('a', h(i, 23, 1000), 'b', i % 3 = 0)) AS j,
	(SELECT string_agg((ARRAY['the','fox','jumps','over','lazy','dogs','running','houses','rivers','mountain','network','databases'])[1 + h(i * 40 + k, 24, 12)], ' ') FROM generate_series(1, 40) k) AS words,
	ARRAY[h(i, 25, 100), h(i, 26, 100), h(i, 27, 100)]::int[] AS a, hstore('k' || i % 20, i::text) AS hs FROM generate_series(1, 8000) i;
CREATE INDEX ON document USING gin (j);
CREATE INDEX ON document USING gin (j jsonb_path_ops);
CREATE INDEX ON document USING gin (to_tsvector('english', words));
CREATE INDEX ON document USING gist (to_tsvector('english', words));
CREATE INDEX ON document USING gin (a);
CREATE INDEX ON document USING gist (words gist_trgm_ops);
ANALYZE document;
SELECT count(*) FROM document WHERE j @> '{"inner": {"a": 7}}';
SELECT j->'inner'->>'a' AS a, count(*), sum((j->>'id')::int) FROM document GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM document WHERE jsonb_path_exists(j, '$.tags[*] ? (@ == 7)');
SELECT jsonb_pretty(j), j::text::json->>'name' FROM document WHERE id < 2000;
SELECT e.key, count(*) FROM document, jsonb_each(j) e GROUP BY 1;
SELECT jsonb_agg(j) FROM document WHERE id < 1000;
SELECT id, ts_rank(to_tsvector('english', words), q) FROM document, to_tsquery('english', 'river & (fox | dog)') q WHERE to_tsvector('english', words) @@ q ORDER BY 2 DESC LIMIT 20;
SELECT ts_headline('english', words, to_tsquery('english', 'network')) FROM document WHERE id < 500;
SELECT count(*) FROM document WHERE a @> ARRAY[7] OR a && ARRAY[1, 2];
SELECT unnest(a) AS u, count(*) FROM document GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM document WHERE words % 'fox jumps over lazy' OR words LIKE '%rivers houses%';
SELECT similarity(words, 'lazy dogs') FROM document WHERE id < 2000;
SELECT regexp_replace(words, '(\w+) (\w+)', '\2 \1', 'g'), regexp_split_to_array(words, '\s+') FROM document WHERE id < 2000;
SELECT sum((hs->'k3')::int) FROM document WHERE hs ? 'k3';
SELECT md5(words), sha256(words::bytea), encode(words::bytea, 'base64'), upper(words), reverse(words), split_part(words, ' ', 3) FROM document;
