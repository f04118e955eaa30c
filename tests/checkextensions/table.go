package main

// extraSettings are what some suites need beyond their own configuration.
var extraSettings = map[string]map[string]string{
	"pg_logicalinspect": {"wal_level": "logical"},
}

// exceptions are the tests that fail, by suite, with the reason.
var exceptions = map[string]map[string]string{}

// absent are the folders of contrib that are not built, with the reason.
var absent = map[string]string{
	"basebackup_to_shell": "runs programs",
	"bool_plperl":         "no PL/Perl",
	"hstore_plperl":       "no PL/Perl",
	"jsonb_plperl":        "no PL/Perl",
	"hstore_plpython":     "no PL/Python",
	"jsonb_plpython":      "no PL/Python",
	"ltree_plpython":      "no PL/Python",
	"sepgsql":             "no SELinux",
}
