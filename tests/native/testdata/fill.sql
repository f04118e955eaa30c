-- A table of every common data type, every index type, and the structures that live in files of their own
-- kind: TOAST, sequences, large objects, partitions, materialised views, statistics, prepared types.
CREATE EXTENSION amcheck;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gin;
CREATE EXTENSION btree_gist;
CREATE EXTENSION bloom;
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;

CREATE TYPE mood AS ENUM ('low', 'middle', 'high');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
CREATE TYPE floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);

CREATE TABLE everything (
	id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	i2       smallint, i4 int, i8 bigint, f4 real, f8 double precision, n numeric(30, 10), m money,
	t        text, v varchar(40), c char(12), nm name, ci citext, ch "char",
	b        boolean, by bytea, bi bit(13), vb bit varying(20),
	d        date, ti time, tz timetz, ts timestamp, tsz timestamptz, iv interval,
	u        uuid, j json, jb jsonb, x hstore, lt ltree,
	ip       inet, ci4 cidr, mac macaddr, mac8 macaddr8,
	p        point, l lseg, bx box, pa path, po polygon, ci5 circle,
	i4r      int4range, nr numrange, tsr tsrange, dr daterange, fr floatrange, i4mr int4multirange,
	ai       int[], at text[], a2 float8[][],
	mo       mood, pr pair, dom positive,
	tv       tsvector, tq tsquery, ls pg_lsn, xi xid8, tidc tid, oc oid, rc regclass,
	gen      int GENERATED ALWAYS AS (i4 * 2) STORED
);

INSERT INTO everything (i2, i4, i8, f4, f8, n, m, t, v, c, nm, ci, ch, b, by, bi, vb, d, ti, tz, ts, tsz, iv, u, j, jb, x, lt,
	ip, ci4, mac, mac8, p, l, bx, pa, po, ci5, i4r, nr, tsr, dr, fr, i4mr, ai, at, a2, mo, pr, dom, tv, tq, ls, xi, tidc, oc, rc)
SELECT
	g % 30000, g * 7919 % 1000003, g::bigint * 2654435761, g / 3.0, sin(g) * 1e10, (g * 1.000000007)::numeric, g::money,
	repeat(md5(g::text), 1 + g % 5), 'v' || g, 'c' || g % 100, 'name' || g % 50, 'CaSe' || g % 77, chr(65 + g % 26)::"char",
	g % 3 = 0, decode(md5(g::text), 'hex'), (g % 8192)::bit(13), (g % 1024)::bit(10)::varbit,
	date '2000-01-01' + g % 9000, time '00:00' + g * interval '1.234567 s', (time '01:00' + g * interval '1 s')::timetz at time zone 'UTC',
	timestamp '1999-12-31 23:59:59' + g * interval '1 h 1.5 s', timestamptz '2020-02-29 12:00+02' - g * interval '1 day', make_interval(g % 12, g % 11, 0, g % 31, g % 24, 0, g / 7.0),
	md5('u' || g)::uuid, json_build_object('g', g), jsonb_build_object('a', g % 100, 'b', array[g, g + 1], 'c', jsonb_build_object('d', md5(g::text))),
	hstore('k' || g % 10, 'v' || g), ('top.n' || g % 10 || '.m' || g % 100)::ltree,
	('10.0.' || g % 256 || '.' || g % 250)::inet, ('192.168.' || g % 256 || '.0/24')::cidr, ('08:00:2b:01:02:' || lpad(to_hex(g % 256), 2, '0'))::macaddr, ('08:00:2b:01:02:03:04:' || lpad(to_hex(g % 256), 2, '0'))::macaddr8,
	point(g % 100, g % 77), lseg(point(0, 0), point(g % 10, 1)), box(point(g % 50, g % 40), point(g % 50 + 3, g % 40 + 2)), path(polygon(box(point(0, 0), point(1, g % 5)))), polygon(box(point(g % 9, 0), point(g % 9 + 2, 5))), circle(point(g % 60, 1), 1 + g % 3),
	int4range(g % 500, g % 500 + 10), numrange(g, g + 0.5), tsrange('2020-01-01'::timestamp + g * interval '1 h', '2020-01-01'::timestamp + (g + 1) * interval '1 h'), daterange('2020-01-01'::date + g % 300, '2020-01-05'::date + g % 300), floatrange(g, g + 1.5), int4multirange(int4range(g % 10, g % 10 + 3), int4range(100, 200)),
	array[g % 10, g % 20, g], array['t' || g % 5, 'u' || g % 6], array[[g, 1.5], [2.5, g / 2.0]],
	(array['low', 'middle', 'high'])[1 + g % 3]::mood, row(g, 'p' || g)::pair, g,
	to_tsvector('english', 'the quick brown fox number ' || g % 200 || ' jumps over lazy dogs'), to_tsquery('english', 'fox & ' || 'n' || g % 20), ('0/' || to_hex(g))::pg_lsn, g::text::xid8, ('(' || g % 100 || ',1)')::tid, g, 'pg_class'::regclass
FROM generate_series(1, 20000) g;
INSERT INTO everything DEFAULT VALUES;

CREATE INDEX e_btree   ON everything (i4, t COLLATE "C");
CREATE INDEX e_btree_c ON everything (t);
CREATE INDEX e_num     ON everything (n DESC NULLS LAST) INCLUDE (f8);
CREATE INDEX e_f8      ON everything (f8);
CREATE INDEX e_i8      ON everything (i8);
CREATE INDEX e_ts      ON everything (tsz, ts, iv);
CREATE INDEX e_uuid    ON everything (u);
CREATE INDEX e_partial ON everything (id) WHERE b;
CREATE INDEX e_expr    ON everything (lower(v), (i4 % 10));
CREATE INDEX e_ci      ON everything (ci);
CREATE INDEX e_hash    ON everything USING hash (t);
CREATE INDEX e_hash8   ON everything USING hash (i8);
CREATE INDEX e_gin_jb  ON everything USING gin (jb);
CREATE INDEX e_gin_jbp ON everything USING gin (jb jsonb_path_ops);
CREATE INDEX e_gin_ai  ON everything USING gin (ai);
CREATE INDEX e_gin_tv  ON everything USING gin (tv);
CREATE INDEX e_gin_trg ON everything USING gin (t gin_trgm_ops);
CREATE INDEX e_gin_bt  ON everything USING gin (i8, d);
CREATE INDEX e_gin_hs  ON everything USING gin (x);
CREATE INDEX e_gist_p  ON everything USING gist (p);
CREATE INDEX e_gist_bx ON everything USING gist (bx);
CREATE INDEX e_gist_po ON everything USING gist (po);
CREATE INDEX e_gist_r  ON everything USING gist (i4r, tsr);
CREATE INDEX e_gist_tv ON everything USING gist (tv);
CREATE INDEX e_gist_bt ON everything USING gist (i8, f8, n);
CREATE INDEX e_gist_lt ON everything USING gist (lt);
CREATE INDEX e_gist_ip ON everything USING gist (ip inet_ops);
CREATE INDEX e_spg_p   ON everything USING spgist (p);
CREATE INDEX e_spg_kd  ON everything USING spgist (p kd_point_ops);
CREATE INDEX e_spg_t   ON everything USING spgist (t);
CREATE INDEX e_spg_r   ON everything USING spgist (i4r);
CREATE INDEX e_spg_ip  ON everything USING spgist (ip);
CREATE INDEX e_spg_bx  ON everything USING spgist (bx);
CREATE INDEX e_brin    ON everything USING brin (id, ts, n) WITH (pages_per_range = 4);
CREATE INDEX e_brin_mm ON everything USING brin (i8 int8_minmax_multi_ops, f8 float8_bloom_ops);
CREATE INDEX e_brin_in ON everything USING brin (ip inet_inclusion_ops, i4r range_inclusion_ops);
CREATE INDEX e_bloom   ON everything USING bloom (i4, t);

CREATE TABLE excluded (r int8range, EXCLUDE USING gist (r WITH &&));
INSERT INTO excluded SELECT int8range(g * 10, g * 10 + 5) FROM generate_series(1, 500) g;

CREATE TABLE toasted (id int PRIMARY KEY, plain text, packed text COMPRESSION pglz, raw bytea);
ALTER TABLE toasted ALTER plain SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT g, repeat(md5(g::text), 2000), repeat('abc' || g, 20000), decode(repeat(md5(g::text), 1000), 'hex') FROM generate_series(1, 50) g;

CREATE TABLE parts (k int, v text, PRIMARY KEY (k)) PARTITION BY RANGE (k);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (500);
CREATE TABLE parts2 PARTITION OF parts FOR VALUES FROM (500) TO (1000);
INSERT INTO parts SELECT g, 'p' || g FROM generate_series(0, 999) g;

CREATE TABLE many AS SELECT g AS id, g % 1000 AS k, g::float8 / 7 AS f FROM generate_series(1, 100000) g;
CREATE INDEX ON many (k, f);
CREATE UNIQUE INDEX ON many (id);
CREATE STATISTICS many_stat (dependencies, ndistinct, mcv) ON k, f FROM many;
DELETE FROM many WHERE id % 3 = 0;
UPDATE many SET f = f + 1 WHERE id % 5 = 0;
CREATE MATERIALIZED VIEW summary AS SELECT k, count(*) n, sum(f) s FROM many GROUP BY k;
CREATE SEQUENCE numbers START 1000 INCREMENT 7;
SELECT nextval('numbers'), nextval('numbers');
SELECT lo_from_bytea(4242, decode(repeat('00ff10', 5000), 'hex'));
CREATE FUNCTION twice(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1 * 2; END $$;
CREATE VIEW doubled AS SELECT id, twice(i4) AS two FROM everything WHERE i4 < 1000;
VACUUM ANALYZE;
