-- name: German, sorted
SELECT german FROM words ORDER BY german COLLATE "de-x-icu", german COLLATE "C" OFFSET 999990
-- name: Swedish, sorted
SELECT swedish FROM words ORDER BY swedish COLLATE "sv-x-icu", swedish COLLATE "C" OFFSET 999990
-- name: Chinese, sorted
SELECT chinese FROM words ORDER BY chinese COLLATE "zh-x-icu", chinese COLLATE "C" OFFSET 999990
-- name: German, sorted by code points
SELECT german FROM words ORDER BY german COLLATE "C" OFFSET 999990
-- name: numeric order
SELECT item FROM words ORDER BY item COLLATE by_number, item COLLATE "C" OFFSET 999990
-- name: unique index without case
BEGIN; CREATE UNIQUE INDEX ON words (login COLLATE nocase); ROLLBACK
-- name: 100,000 comparisons without case
SELECT count(*) FROM (SELECT login FROM words LIMIT 100000) w WHERE login = 'uSER77' COLLATE nocase
-- name: upper, lower and initcap
SELECT count(upper(german COLLATE "de-x-icu")), count(lower(german COLLATE "de-x-icu")), count(initcap(german COLLATE "de-x-icu")) FROM words WHERE pick(length(item), 1, 2) = 0
-- name: the whole order, as one text
SELECT md5(string_agg(german, ',' ORDER BY german COLLATE "de-x-icu", german COLLATE "C")), md5(string_agg(swedish, ',' ORDER BY swedish COLLATE "sv-x-icu", swedish COLLATE "C")), md5(string_agg(chinese, ',' ORDER BY chinese COLLATE "zh-x-icu", chinese COLLATE "C")) FROM words
