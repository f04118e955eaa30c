# shellcheck shell=bash disable=SC2034
# What goes into the modules. Sourced by the scripts that build them.

# Loadable modules of PostgreSQL itself, by folder.
server_modules=(
	src/pl/plpgsql/src
	src/backend/snowball
	src/backend/replication/pgoutput
	src/backend/replication/libpqwalreceiver
	src/backend/utils/mb/conversion_procs
)

# Files in src/backend whose functions with setjmp (PG_TRY) grow most by what is inlined into them: see modules.sh.
setjmp_files=(
	backup/basebackup commands/dbcommands commands/extension commands/matview commands/subscriptioncmds
	postmaster/autovacuum replication/logical/tablesync tcop/postgres
)

# Of contrib, all that needs no program to run; and pgvector, unpacked beside them.
contrib=(
	amcheck auth_delay auto_explain basic_archive bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn
	earthdistance file_fdw fuzzystrmatch hstore intagg intarray isn lo ltree pageinspect passwordcheck
	pgcrypto pg_buffercache pg_freespacemap pg_logicalinspect pg_overexplain pg_prewarm pg_stat_statements pg_surgery
	pg_trgm pg_visibility pg_walinspect pgrowlocks pgstattuple pgvector postgres_fdw seg spi sslinfo tablefunc tcn test_decoding
	tsm_system_rows tsm_system_time unaccent uuid-ossp xml2
)

# Programs of pgtools.wasm, by folder. initdb is a module of its own.
tool_folders=(
	src/bin/psql src/bin/pg_dump src/bin/pgbench src/bin/scripts src/bin/pg_amcheck
	src/bin/pg_archivecleanup src/bin/pg_basebackup src/bin/pg_checksums src/bin/pg_combinebackup
	src/bin/pg_config src/bin/pg_controldata src/bin/pg_resetwal src/bin/pg_rewind src/bin/pg_test_fsync
	src/bin/pg_test_timing src/bin/pg_verifybackup src/bin/pg_waldump src/bin/pg_walsummary
	contrib/oid2name contrib/vacuumlo
)
tools=(
	psql pg_dump pg_dumpall pg_restore pgbench clusterdb createdb createuser dropdb dropuser pg_isready
	reindexdb vacuumdb pg_amcheck pg_archivecleanup pg_basebackup pg_createsubscriber pg_receivewal pg_recvlogical
	pg_checksums pg_combinebackup pg_config pg_controldata pg_resetwal pg_rewind pg_test_fsync pg_test_timing
	pg_verifybackup pg_waldump pg_walsummary oid2name vacuumlo
)

# make for modules: an extension from outside asks pg_config for the makefile of
# PGXS, and gets ours; nothing is tuned for the building machine. OPTFLAGS is
# pgvector's: four sums side by side, as each addition waits for the one before.
module_make=(make -s "-j$(nproc)" "PG_CONFIG=echo $B/wasm/pgxs.mk;:" "OPTFLAGS=-mllvm -force-vector-interleave=4")
