-- Twenty-two analytical questions on schema.sql, in the spirit of TPC-H: scans, joins, grouping, subqueries, sorting.
-- name: totals of all lines
SELECT returned, way, sum(quantity), sum(amount), sum(amount * (1 - discount)), sum(amount * (1 - discount) * (1 + tax)),
	avg(quantity), avg(amount), avg(discount), count(*) FROM line WHERE sent <= date '2025-05-01' GROUP BY 1, 2 ORDER BY 1, 2;
-- name: cheapest vendor of an item
SELECT v.balance, v.name, i.item_id FROM item i JOIN offer f USING (item_id) JOIN vendor v USING (vendor_id) JOIN country c USING (country_id)
	WHERE i.size = 15 AND i.kind LIKE '%brass' AND c.area_id = 1 AND f.cost = (SELECT min(g.cost) FROM offer g JOIN vendor w USING (vendor_id)
	JOIN country d USING (country_id) WHERE g.item_id = i.item_id AND d.area_id = 1) ORDER BY 1 DESC, 2, 3 LIMIT 100;
-- name: largest open orders
SELECT o.order_id, sum(l.amount * (1 - l.discount)) AS worth, o.day FROM client c JOIN orders o USING (client_id) JOIN line l USING (order_id)
	WHERE c.segment = 'trade' AND o.day < date '2022-03-15' AND l.sent > date '2022-03-15' GROUP BY 1, 3 ORDER BY 2 DESC, 3 LIMIT 10;
-- name: late orders by urgency
SELECT urgency, count(*) FROM orders o WHERE day >= date '2021-07-01' AND day < date '2021-10-01'
	AND EXISTS (SELECT FROM line l WHERE l.order_id = o.order_id AND l.promised < l.arrived) GROUP BY 1 ORDER BY 1;
-- name: home trade by country
SELECT n.name, sum(l.amount * (1 - l.discount)) FROM client c JOIN orders o USING (client_id) JOIN line l USING (order_id) JOIN vendor v USING (vendor_id)
	JOIN country n ON n.country_id = v.country_id AND n.country_id = c.country_id WHERE n.area_id = 2 AND o.day BETWEEN date '2020-01-01' AND date '2022-12-31'
	GROUP BY 1 ORDER BY 2 DESC;
-- name: what discounts cost
SELECT sum(amount * discount) FROM line WHERE sent BETWEEN date '2021-01-01' AND date '2021-12-31' AND discount BETWEEN 0.05 AND 0.07 AND quantity < 24;
-- name: trade between two countries
SELECT a.name, b.name, extract(year FROM l.sent) AS year, sum(l.amount * (1 - l.discount)) FROM vendor v JOIN line l USING (vendor_id) JOIN orders o USING (order_id)
	JOIN client c USING (client_id) JOIN country a ON a.country_id = v.country_id JOIN country b ON b.country_id = c.country_id
	WHERE (a.country_id, b.country_id) IN ((3, 7), (7, 3)) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- name: market share by year
SELECT year, sum(CASE WHEN seller = 8 THEN worth ELSE 0 END) / sum(worth) FROM (SELECT extract(year FROM o.day) AS year, l.amount * (1 - l.discount) AS worth,
	v.country_id AS seller FROM item i JOIN line l USING (item_id) JOIN vendor v USING (vendor_id) JOIN orders o USING (order_id) JOIN client c USING (client_id)
	JOIN country n ON n.country_id = c.country_id WHERE n.area_id = 3 AND i.kind = 'fine steel') x GROUP BY 1 ORDER BY 1;
-- name: profit on a colour
SELECT n.name, extract(year FROM o.day) AS year, sum(l.amount * (1 - l.discount) - f.cost * l.quantity) FROM item i JOIN line l USING (item_id)
	JOIN offer f ON f.item_id = l.item_id AND f.vendor_id = l.vendor_id JOIN vendor v ON v.vendor_id = l.vendor_id JOIN orders o USING (order_id)
	JOIN country n USING (country_id) WHERE i.name LIKE '%green%' GROUP BY 1, 2 ORDER BY 1, 2 DESC;
-- name: clients who returned most
SELECT c.client_id, c.name, sum(l.amount * (1 - l.discount)) AS lost, c.balance, n.name FROM client c JOIN orders o USING (client_id) JOIN line l USING (order_id)
	JOIN country n USING (country_id) WHERE l.returned AND o.day >= date '2021-04-01' AND o.day < date '2021-07-01' GROUP BY 1, 2, 4, 5 ORDER BY 3 DESC LIMIT 20;
-- name: important stock
SELECT f.item_id, sum(f.cost * f.stock) AS value FROM offer f JOIN vendor v USING (vendor_id) WHERE v.country_id = 4 GROUP BY 1
	HAVING sum(f.cost * f.stock) > (SELECT sum(g.cost * g.stock) * 0.001 FROM offer g JOIN vendor w USING (vendor_id) WHERE w.country_id = 4) ORDER BY 2 DESC;
-- name: ways of sending and urgency
SELECT l.way, count(*) FILTER (WHERE o.urgency <= 2), count(*) FILTER (WHERE o.urgency > 2) FROM orders o JOIN line l USING (order_id)
	WHERE l.way IN ('mail', 'ship') AND l.promised < l.arrived AND l.sent < l.promised AND l.arrived BETWEEN date '2022-01-01' AND date '2022-12-31' GROUP BY 1 ORDER BY 1;
-- name: orders per client
SELECT n, count(*) FROM (SELECT c.client_id, count(o.order_id) AS n FROM client c LEFT JOIN orders o ON o.client_id = c.client_id
	AND o.note NOT LIKE '%special%request%' GROUP BY 1) x GROUP BY 1 ORDER BY 2 DESC, 1 DESC;
-- name: share of heavy items
SELECT 100 * sum(CASE WHEN i.kind LIKE 'heavy%' THEN l.amount * (1 - l.discount) ELSE 0 END) / sum(l.amount * (1 - l.discount)) FROM line l JOIN item i USING (item_id)
	WHERE l.sent >= date '2022-09-01' AND l.sent < date '2022-12-01';
-- name: best vendor of a quarter
WITH sales AS (SELECT vendor_id, sum(amount * (1 - discount)) AS total FROM line WHERE sent >= date '2020-01-01' AND sent < date '2020-04-01' GROUP BY 1)
	SELECT v.vendor_id, v.name, s.total FROM vendor v JOIN sales s USING (vendor_id) WHERE s.total = (SELECT max(total) FROM sales);
-- name: vendors per kind of item
SELECT i.maker, i.kind, i.size, count(DISTINCT f.vendor_id) FROM offer f JOIN item i USING (item_id) WHERE i.maker <> 4 AND i.kind NOT LIKE 'plain%'
	AND i.size IN (3, 9, 14, 19, 23, 36, 45, 49) AND f.vendor_id NOT IN (SELECT vendor_id FROM vendor WHERE note LIKE '%complaints%') GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3;
-- name: small quantities
SELECT sum(l.amount) / 7 FROM line l JOIN item i USING (item_id) WHERE i.maker = 3 AND i.box = 'drum'
	AND l.quantity < (SELECT 0.4 * avg(m.quantity) FROM line m WHERE m.item_id = i.item_id);
-- name: clients of large orders
SELECT c.name, c.client_id, o.order_id, o.day, sum(l.quantity) FROM client c JOIN orders o USING (client_id) JOIN line l USING (order_id)
	WHERE o.order_id IN (SELECT order_id FROM line GROUP BY 1 HAVING sum(quantity) > 250) GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 4 LIMIT 100;
-- name: three kinds of parcels
SELECT sum(l.amount * (1 - l.discount)) FROM line l JOIN item i USING (item_id) WHERE l.way IN ('air', 'mail') AND ((i.maker = 1 AND i.box IN ('bag', 'pack') AND l.quantity BETWEEN 1 AND 11 AND i.size <= 5)
	OR (i.maker = 2 AND i.box IN ('crate', 'case') AND l.quantity BETWEEN 10 AND 20 AND i.size <= 10) OR (i.maker = 3 AND i.box = 'drum' AND l.quantity BETWEEN 20 AND 30 AND i.size <= 15));
-- name: vendors with too much stock
SELECT v.name FROM vendor v WHERE v.country_id = 3 AND v.vendor_id IN (SELECT f.vendor_id FROM offer f WHERE f.item_id IN (SELECT item_id FROM item WHERE name LIKE 'amber%')
	AND f.stock > (SELECT 0.5 * sum(l.quantity) FROM line l WHERE l.item_id = f.item_id AND l.vendor_id = f.vendor_id AND l.sent >= date '2020-01-01' AND l.sent < date '2021-01-01')) ORDER BY 1;
-- name: vendors who alone were late
SELECT v.name, count(*) FROM vendor v JOIN line l USING (vendor_id) JOIN orders o USING (order_id) WHERE o.status = 'paid' AND l.arrived > l.promised AND v.country_id = 11
	AND EXISTS (SELECT FROM line m WHERE m.order_id = l.order_id AND m.vendor_id <> l.vendor_id)
	AND NOT EXISTS (SELECT FROM line m WHERE m.order_id = l.order_id AND m.vendor_id <> l.vendor_id AND m.arrived > m.promised) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100;
-- name: well-off clients without orders
SELECT left(phone, 2) AS prefix, count(*), sum(balance) FROM client c WHERE left(phone, 2) IN ('13', '31', '23', '29', '30', '18', '17')
	AND balance > (SELECT avg(balance) FROM client WHERE balance > 0) AND NOT EXISTS (SELECT FROM orders o WHERE o.client_id = c.client_id) GROUP BY 1 ORDER BY 1;
