-- Plans made each time and kept ones, PL/pgSQL, caught errors, SQL functions, cursors.
\o /dev/null
DO $$ DECLARE n int; BEGIN FOR i IN 1..15000 LOOP EXECUTE 'SELECT count(*) FROM subscriber WHERE subscriber_id = $1' INTO n USING i % 8000; END LOOP; END $$;
DO $$ DECLARE n int; BEGIN FOR i IN 1..3000 LOOP EXECUTE 'SELECT count(*) FROM subscriber s JOIN tariff t USING (tariff_id) JOIN call c ON c.caller = s.subscriber_id WHERE s.subscriber_id = $1 AND c.seconds > 5 AND t.cents > 1' INTO n USING i; END LOOP; END $$;
DO $$ DECLARE n int; BEGIN FOR i IN 1..60000 LOOP SELECT tariff_id INTO n FROM subscriber WHERE subscriber_id = i % 8000; END LOOP; END $$;
DO $$ DECLARE a int8 := 1; b float8 := 0; c text := ''; d numeric := 0; BEGIN
	FOR i IN 1..300000 LOOP a := (a * 31 + i) % 1000003; IF a % 2 = 0 THEN b := b + a / 3.0; ELSIF a % 3 = 0 THEN b := b - 1; END IF; END LOOP;
	FOR i IN 1..30000 LOOP c := substr(c || chr(65 + i % 26), 1, 40); d := d + i * 0.01; END LOOP; END $$;
DO $$ DECLARE k int[] := '{}'; j jsonb := '{}'; BEGIN
	FOR i IN 1..2000 LOOP k := k || i; j := j || jsonb_build_object('k' || i % 100, i); END LOOP;
	FOR i IN 1..20000 LOOP k[1 + i % 2000] := k[1 + (i * 7) % 2000] + 1; END LOOP; END $$;
DO $$ DECLARE n int := 0; BEGIN FOR i IN 1..4000 LOOP BEGIN PERFORM 1 / (i % 2); EXCEPTION WHEN division_by_zero THEN n := n + 1; END; END LOOP; END $$;
CREATE FUNCTION fib(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN n < 2 THEN n ELSE fib(n - 1) + fib(n - 2) END; END $$;
SELECT fib(18);
CREATE FUNCTION worth(n int) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT sum(cost) FROM call WHERE caller = n';
SELECT sum(worth(i)) FROM generate_series(1, 3000) i;
DO $$ DECLARE r record; n numeric := 0; BEGIN FOR r IN SELECT * FROM call LOOP n := n + r.seconds; END LOOP; END $$;
PREPARE one (int) AS SELECT name, town FROM subscriber WHERE subscriber_id = $1;
SELECT format('EXECUTE one (%s)', i) FROM generate_series(1, 3000) i \gexec
SELECT format('SELECT s.name, t.label FROM subscriber s JOIN tariff t USING (tariff_id) WHERE lower(s.name) = %L ORDER BY 1 LIMIT 3', md5(i::text)) FROM generate_series(1, 2000) i \gexec
