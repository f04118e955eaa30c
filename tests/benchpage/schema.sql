-- A wholesale business, filled by a hash of the row numbers: the same data on every server. There are
-- 50,000 orders with about 200,000 lines.
CREATE FUNCTION pick(k int8, salt int8, n int8) RETURNS int8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN (hashint8extended(k, salt) & 9223372036854775807) % n;

CREATE TABLE area (area_id int PRIMARY KEY, name text NOT NULL);
INSERT INTO area VALUES (0, 'north'), (1, 'east'), (2, 'south'), (3, 'west'), (4, 'islands');

CREATE TABLE country (country_id int PRIMARY KEY, area_id int NOT NULL REFERENCES area, name text NOT NULL);
INSERT INTO country SELECT i, i % 5, 'country ' || i FROM generate_series(0, 24) i;

CREATE TABLE vendor (vendor_id int PRIMARY KEY, country_id int NOT NULL, name text NOT NULL, balance numeric(12,2) NOT NULL, note text NOT NULL);
INSERT INTO vendor SELECT i, pick(i, 1, 25), 'vendor ' || i, pick(i, 2, 1000000) / 100.0,
	CASE WHEN pick(i, 3, 50) = 0 THEN 'has complaints pending' ELSE 'in good standing' END
	FROM generate_series(1, 500) i;

CREATE TABLE client (client_id int PRIMARY KEY, country_id int NOT NULL, name text NOT NULL, segment text NOT NULL, phone text NOT NULL, balance numeric(12,2) NOT NULL);
INSERT INTO client SELECT i, pick(i, 4, 25), 'client ' || i, (ARRAY['retail', 'public', 'trade', 'craft', 'home'])[1 + pick(i, 5, 5)],
	lpad((10 + pick(i, 4, 25))::text, 2, '0') || '-' || pick(i, 6, 1000000), pick(i, 7, 1100000) / 100.0 - 1000
	FROM generate_series(1, 5000) i;

CREATE TABLE item (item_id int PRIMARY KEY, name text NOT NULL, maker int NOT NULL, kind text NOT NULL, size int NOT NULL, box text NOT NULL, price numeric(12,2) NOT NULL);
INSERT INTO item SELECT i, (ARRAY['red', 'green', 'blue', 'white', 'black', 'amber', 'pearl'])[1 + pick(i, 8, 7)] || ' item ' || i, 1 + pick(i, 9, 5),
	(ARRAY['plain', 'fine', 'heavy', 'light'])[1 + pick(i, 10, 4)] || ' ' || (ARRAY['brass', 'steel', 'tin', 'glass', 'oak'])[1 + pick(i, 11, 5)],
	1 + pick(i, 12, 50), (ARRAY['bag', 'crate', 'drum', 'case', 'pack'])[1 + pick(i, 13, 5)], 5 + pick(i, 14, 200000) / 100.0
	FROM generate_series(1, 10000) i;

CREATE TABLE offer (item_id int NOT NULL, vendor_id int NOT NULL, stock int NOT NULL, cost numeric(12,2) NOT NULL, PRIMARY KEY (item_id, vendor_id));
INSERT INTO offer SELECT i, 1 + (i + j * 125) % 500, pick(i * 4 + j, 15, 10000), 1 + pick(i * 4 + j, 16, 100000) / 100.0
	FROM generate_series(1, 10000) i, generate_series(0, 3) j;

CREATE TABLE orders (order_id int PRIMARY KEY, client_id int NOT NULL, status text NOT NULL, day date NOT NULL, urgency int NOT NULL, clerk int NOT NULL, note text NOT NULL);
INSERT INTO orders SELECT i, 1 + pick(i, 17, 5000) / 3 * 3 % 5000, (ARRAY['open', 'sent', 'paid'])[1 + pick(i, 18, 3)], date '2019-01-01' + pick(i, 19, 2400)::int,
	1 + pick(i, 20, 5), pick(i, 21, 50), CASE WHEN pick(i, 22, 20) = 0 THEN 'special packing on request' ELSE 'as usual' END
	FROM generate_series(1, 50000) i;

CREATE TABLE line (order_id int NOT NULL, number int NOT NULL, item_id int NOT NULL, vendor_id int NOT NULL, quantity int NOT NULL, amount numeric(12,2) NOT NULL,
	discount numeric(4,2) NOT NULL, tax numeric(4,2) NOT NULL, returned bool NOT NULL, sent date NOT NULL, promised date NOT NULL, arrived date NOT NULL, way text NOT NULL,
	PRIMARY KEY (order_id, number));
INSERT INTO line SELECT o.order_id, j, i.item_id, 1 + (i.item_id + pick(k, 24, 4) * 125) % 500, q, q * i.price, pick(k, 26, 11) / 100.0, pick(k, 27, 9) / 100.0,
	pick(k, 28, 4) = 0, o.day + 1 + pick(k, 29, 60)::int, o.day + 30 + pick(k, 30, 60)::int, o.day + 10 + pick(k, 31, 90)::int,
	(ARRAY['air', 'rail', 'road', 'ship', 'mail'])[1 + pick(k, 32, 5)]
	FROM orders o, generate_series(1, 7) j, LATERAL (SELECT o.order_id::int8 * 8 + j) x(k), LATERAL (SELECT 1 + pick(k, 25, 50)) y(q), item i
	WHERE j <= 1 + pick(o.order_id, 33, 7) AND i.item_id = 1 + pick(k, 23, 10000);

CREATE INDEX ON line (item_id, vendor_id);
CREATE INDEX ON line (sent);
CREATE INDEX ON orders (client_id);
CREATE INDEX ON orders (day);
CREATE INDEX ON offer (vendor_id);
VACUUM ANALYZE;
