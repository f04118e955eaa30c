CREATE EXTENSION cxx;
CREATE EXTENSION dblink;
SELECT cxx_library('wasm'), cxx_library('WASM');
SELECT n, cxx_catch(n) FROM generate_series(0, 6) n WHERE n <> 4;
SELECT cxx_catch(4) LIKE 'exception %', cxx_alive();

-- What nobody catches is an error, with a code.
\set VERBOSITY sqlstate
SELECT cxx_throw(1);
SELECT cxx_throw(2);
SELECT cxx_throw(3);
SELECT cxx_throw(4);
SELECT cxx_throw(5);
SELECT cxx_throw(6);
SELECT cxx_throw(8);
SELECT cxx_alive();
\set VERBOSITY terse
SELECT cxx_throw(1);

-- PostgreSQL's errors destroy what C++ has made, and are not C++'s to catch.
SELECT cxx_run('SELECT 6 * 7', 0), cxx_run('SELECT 6 * 7', 1), cxx_run('SELECT 6 * 7', 2);
SELECT cxx_run('SELECT 1 / 0', 0);
SELECT cxx_run('SELECT 1 / 0', 1);
SELECT cxx_run('SELECT 1 / 0', 2);
SELECT cxx_alive();

-- Both, one within the other, many times.
SELECT cxx_run('SELECT cxx_throw(1)', 0);
SELECT cxx_run('SELECT cxx_throw(1)', 1);
SELECT cxx_run('SELECT cxx_throw(1)', 2);
SELECT cxx_alive();
DO $$
BEGIN
	FOR n IN 1..300 LOOP
		BEGIN
			PERFORM cxx_run('SELECT cxx_throw(' || n % 8 || ')', n % 3);
		EXCEPTION WHEN OTHERS THEN
			PERFORM cxx_catch(n % 7);
		END;
	END LOOP;
END
$$;
SELECT cxx_alive();

-- std::terminate ends its session, and no other.
SELECT split_part(current_setting('unix_socket_directories'), ',', 1) AS host, current_setting('port') AS port, current_user AS u \gset
\set VERBOSITY sqlstate
SELECT dblink_connect('other', format('host=%s port=%s user=%s password=secret dbname=%s', :'host', :'port', :'u', current_database()));
SELECT dblink_exec('other', 'SELECT cxx_run(''SELECT 1 / 0'', 3)');
SELECT cxx_alive();
