-- Scans, joins by hash, merge and loop, grouping, sorting in memory and on disk, windows, sets.
\o /dev/null
SET jit = off;
SELECT count(*), sum(seconds), avg(cost), min(began), max(quality) FROM call;
SELECT state, callee % 7 AS k, count(*), sum(cost), avg(quality), sum(cost * seconds), stddev(quality) FROM call GROUP BY 1, 2 ORDER BY 1, 2;
SELECT caller, count(*), sum(cost) FROM call GROUP BY 1 HAVING count(*) > 20 ORDER BY 3 DESC, 1 LIMIT 50;
SELECT date_trunc('month', began) AS m, extract(dow FROM began) AS d, count(*), sum(cost) FROM call GROUP BY 1, 2 ORDER BY 1, 2;
SELECT t.label, s.town, sum(c.cost), count(DISTINCT c.callee) FROM call c JOIN subscriber s ON s.subscriber_id = c.caller
	JOIN tariff t USING (tariff_id) WHERE c.seconds > 600 GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 30;
SELECT count(*) FROM call WHERE remark LIKE '%mast 4%' OR remark ILIKE 'CLEAR a%';
SELECT count(*) FROM call WHERE remark LIKE 'dropped%' AND state IN ('O', 'B') AND began BETWEEN '2024-03-01' AND '2024-06-01';
SELECT count(*) FROM call WHERE remark ~ 'mast [0-9]*7$';
SELECT name FROM subscriber s WHERE EXISTS (SELECT FROM call c WHERE c.caller = s.subscriber_id AND c.seconds > 2990) ORDER BY name;
SELECT name FROM subscriber s WHERE NOT EXISTS (SELECT FROM call c WHERE c.callee = s.subscriber_id AND c.state = 'F') ORDER BY born, name;
SELECT count(*) FROM subscriber WHERE tariff_id NOT IN (SELECT tariff_id FROM tariff WHERE cents < 40);
SELECT s.name, (SELECT max(c.cost) FROM call c WHERE c.caller = s.subscriber_id) FROM subscriber s WHERE s.town = 'town 7';
SELECT count(*) FROM call a JOIN call b ON a.caller = b.callee AND a.callee = b.caller WHERE a.began < b.began;
SELECT * FROM call ORDER BY cost, call_id;
SELECT remark, began FROM call ORDER BY remark DESC NULLS LAST, began;
SELECT quality FROM call ORDER BY quality OFFSET 60000 LIMIT 10;
SET work_mem = '256kB';
SELECT caller, callee, seconds FROM call ORDER BY seconds, caller, callee;
SELECT count(*) FROM (SELECT remark, count(*) FROM call GROUP BY 1) x;
SELECT count(*) FROM call a JOIN call b USING (call_id);
RESET work_mem;
SELECT caller, began, sum(seconds) OVER (PARTITION BY caller ORDER BY began), rank() OVER (PARTITION BY state ORDER BY cost),
	lag(cost) OVER (ORDER BY call_id) FROM call WHERE caller < 2000;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds), mode() WITHIN GROUP (ORDER BY state) FROM call;
SELECT state, town, count(*) FROM call JOIN subscriber ON callee = subscriber_id GROUP BY ROLLUP (1, 2);
SELECT caller FROM call WHERE seconds > 2500 INTERSECT SELECT callee FROM call WHERE quality > 0.9;
SELECT caller FROM call UNION SELECT callee FROM call EXCEPT SELECT subscriber_id FROM subscriber WHERE credit < 100;
SELECT DISTINCT ON (caller) caller, began, cost FROM call ORDER BY caller, began DESC;
WITH RECURSIVE chain(id, n) AS (SELECT 1, 0 UNION SELECT c.callee, n + 1 FROM chain JOIN call c ON c.caller = id WHERE n < 3) SELECT n, count(*) FROM chain GROUP BY 1;
SELECT CASE WHEN seconds < 60 THEN 'short' WHEN seconds < 600 THEN 'middling' ELSE 'long' END AS kind, sum(CASE state WHEN 'O' THEN cost ELSE 0 END) / sum(cost),
	count(*) FILTER (WHERE quality < 0.1), string_agg(state, '' ORDER BY call_id) FILTER (WHERE call_id < 500) FROM call GROUP BY 1;
SELECT avg(length(remark)), count(DISTINCT upper(substr(remark, 1, 8))), max(position('mast' IN remark)), max(replace(remark, 'clear', 'fine')) FROM call;
SELECT sum(cost * 1.19 - cost / 3), sum(round(cost, 1)), sum(trunc(cost)::int), sum(cost::float8), avg(credit % 7) FROM call JOIN subscriber ON caller = subscriber_id;
SELECT sum(sqrt(quality) * ln(1 + quality)), sum(power(quality, 3)), sum(seconds::int8 * 3), bit_xor(call_id) FROM call;
SELECT to_char(began, 'YYYY-MM-DD HH24:MI'), age(began), began::date + 1, began + interval '3 days' FROM call WHERE call_id < 20000;
SET enable_hashjoin = off; SET enable_hashagg = off;
SELECT s.town, count(*), sum(c.cost) FROM call c JOIN subscriber s ON s.subscriber_id = c.callee GROUP BY 1 ORDER BY 1;
SET enable_mergejoin = off;
SELECT s.town, count(*) FROM subscriber s JOIN call c ON c.caller = s.subscriber_id WHERE s.subscriber_id < 3000 GROUP BY 1 ORDER BY 2;
RESET ALL;
SET max_parallel_workers_per_gather = 0;
SELECT s.town, count(*), sum(c.cost), avg(c.seconds) FROM call c JOIN subscriber s ON s.subscriber_id = c.callee GROUP BY 1 ORDER BY 1;
SELECT sum(c.cost * (1 - c.quality::numeric)), t.label FROM call c JOIN subscriber s ON s.subscriber_id = c.callee JOIN tariff t USING (tariff_id) WHERE c.began < '2024-09-01' GROUP BY 2;
SELECT count(*) FROM generate_series(1, 300000) g WHERE g % 3 = 0;
