SELECT md5(string_agg(e::text, '|' ORDER BY id)) FROM everything e
SELECT count(*), md5(string_agg(id::text, ',' ORDER BY id)) FROM everything WHERE jb @> '{"a": 42}'
SELECT count(*), md5(string_agg(id::text, ',' ORDER BY id)) FROM everything WHERE tv @@ to_tsquery('english', 'fox & 42')
SELECT count(*) FROM everything WHERE t LIKE '%c4ca42%'
SELECT md5(string_agg(t, ',' ORDER BY t, id)) FROM everything
SELECT md5(string_agg(t, ',' ORDER BY t COLLATE "pg_c_utf8" DESC, id)) FROM everything
SELECT count(*), sum(i8) FROM everything WHERE i8 BETWEEN 1000000000 AND 30000000000000
SELECT count(*) FROM everything WHERE p <@ box '(10,10),(40,40)'
SELECT id FROM everything WHERE p IS NOT NULL ORDER BY p <-> point '(33,44)', id LIMIT 20
SELECT count(*) FROM everything WHERE i4r @> 250
SELECT count(*) FROM everything WHERE ai @> ARRAY[3, 13]
SELECT count(*) FROM everything WHERE lt <@ 'top.n3'
SELECT count(*) FROM everything WHERE ip << '10.0.7.0/24'
SELECT count(*) FROM everything WHERE f8 > 1e9 AND n < 15000
SELECT id, f4, f8, n, iv FROM everything WHERE id IN (1, 77, 4096, 20000) ORDER BY id
SELECT sum(f8), avg(n), stddev(f8), max(iv), min(tsz) FROM everything
SELECT md5(string_agg(plain || packed || encode(raw, 'hex'), '' ORDER BY id)) FROM toasted
SELECT count(*), sum(k), md5(string_agg(v, '' ORDER BY k)) FROM parts
SELECT count(*), sum(f), md5(string_agg(f::text, ',' ORDER BY id)) FROM many
SELECT md5(string_agg(s::text, ',' ORDER BY k)) FROM summary s
SELECT md5(lo_get(4242))
SELECT sum(two) FROM doubled
SELECT last_value, is_called FROM numbers
SELECT md5(string_agg(hashtext(t)::text || hash_numeric(n)::text || jsonb_hash(jb)::text, ',' ORDER BY id)) FROM everything WHERE t IS NOT NULL
