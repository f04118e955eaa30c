-- A million words of three languages, made of syllables by a hash of the row numbers.
CREATE FUNCTION pick(k int8, salt int8, n int8) RETURNS int8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN (hashint8extended(k, salt) & 9223372036854775807) % n;
CREATE FUNCTION word(k int8, syllables text[]) RETURNS text LANGUAGE sql IMMUTABLE STRICT
	RETURN (SELECT string_agg(syllables[1 + pick(k, s, array_length(syllables, 1))], '' ORDER BY s) FROM generate_series(1, 2 + pick(k, 9, 4)) s);
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION by_number (provider = icu, locale = 'en-u-kn-true');
CREATE TABLE words AS SELECT
	word(k, '{der,Ä,ö,ü,ß,sch,au,ge,be,ver,lich,keit,ung,Haus,maß,Bär,öl,über,stra,ße,müll,Mann,tag,zeit,e,n,s,-}') AS german,
	word(k, '{sjö,fågel,Ä,å,ö,ström,by,sten,Hamn,ut,in,för,lig,het,Är,en,a,or,skog,väg,Ång,berg,vatten,kyrka,e}') AS swedish,
	(SELECT string_agg(chr(19968 + pick(k, s, 6000)::int), '' ORDER BY s) FROM generate_series(1, 2 + pick(k, 9, 3)) s) AS chinese,
	'item ' || pick(k, 11, 100000) || '.' || pick(k, 12, 100) AS item, 'User' || k AS login
	FROM generate_series(1, 1000000) k
