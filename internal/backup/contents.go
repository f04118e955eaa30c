package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Contents is what a restored database needs and pg_dump does not write into the dump of one database.
type Contents struct {
	Create []string `json:"create"` // options of CREATE DATABASE
	Owner  string   `json:"owner"`
	Then   []string `json:"then,omitempty"` // statements, with databaseMark for the name
	Roles  []Role   `json:"roles,omitempty"`
}

// Role is the SQL that makes a role which does not exist, with the hash of its password.
type Role struct {
	Name   string   `json:"name"`
	Create string   `json:"create"`
	Then   []string `json:"then,omitempty"` // memberships and settings, once every role exists
}

// databaseMark stands for the quoted name of the database.
const databaseMark = "$DATABASE$"

// listQuoted are the settings whose value is a list that is quoted already: variable_is_guc_list_quote in
// src/bin/pg_dump/dumputils.c.
const listQuoted = `('local_preload_libraries', 'search_path', 'session_preload_libraries', 'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories')`

// settingsSQL makes ALTER ... SET of pg_db_role_setting; %s is the text before SET.
func settingsSQL(object, where string) string {
	return `SELECT ` + object + ` || pg_catalog.format(' SET %I TO %s', pg_catalog.split_part(c, '=', 1), CASE WHEN pg_catalog.split_part(c, '=', 1) IN ` + listQuoted + `
		THEN v ELSE pg_catalog.quote_literal(v) END) FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) c,
		pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1) v WHERE ` + where
}

// readContents reads them from the session's database.
func readContents(ctx context.Context, s *session) (*Contents, error) {
	name, err := s.one(ctx, "SELECT pg_catalog.current_database()")
	if err != nil {
		return nil, err
	}
	c, err := readDatabase(ctx, s, name)
	if err != nil {
		return nil, err
	}
	return c, c.readRoles(ctx, s)
}

// column returns the first column.
func (s *session) column(ctx context.Context, sql string, args ...string) ([]string, error) {
	rows, err := s.query(ctx, sql, args...)
	var all []string
	for _, r := range rows {
		all = append(all, r[0])
	}
	return all, err
}

// readDatabase reads what belongs to a database, without roles. As JSON: servers before 18 lack or name otherwise some columns.
func readDatabase(ctx context.Context, s *session, name string) (*Contents, error) {
	c := &Contents{}
	rows, err := s.query(ctx, `SELECT pg_catalog.pg_encoding_to_char(encoding), coalesce(j->>'datlocprovider', ''), datcollate, datctype,
		coalesce(j->>'datlocale', j->>'daticulocale', ''), coalesce(j->>'daticurules', ''), pg_catalog.pg_get_userbyid(datdba), datconnlimit, oid
		FROM pg_catalog.pg_database d, pg_catalog.to_jsonb(d) j WHERE datname = $1::name`, name)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("there is no database %s any more", name)
	}
	r := rows[0]
	c.Owner = r[6]
	c.Create = []string{"ENCODING " + literal(r[0]), "LC_COLLATE " + literal(r[2]), "LC_CTYPE " + literal(r[3]), "CONNECTION LIMIT " + r[7]}
	switch r[1] {
	case "b":
		c.Create = append(c.Create, "LOCALE_PROVIDER builtin", "BUILTIN_LOCALE "+literal(r[4]))
	case "i":
		c.Create = append(c.Create, "LOCALE_PROVIDER icu", "ICU_LOCALE "+literal(r[4]))
		if r[5] != "" {
			c.Create = append(c.Create, "ICU_RULES "+literal(r[5]))
		}
	case "c":
		c.Create = append(c.Create, "LOCALE_PROVIDER libc")
	}
	database := r[8]
	for _, sql := range []string{
		settingsSQL(`CASE setrole WHEN 0 THEN '' ELSE pg_catalog.format('ALTER ROLE %I IN DATABASE ', pg_catalog.pg_get_userbyid(setrole)) END || CASE setrole WHEN 0 THEN 'ALTER DATABASE ' ELSE '' END || '`+databaseMark+`'`, `setdatabase = $1::oid`),
		`SELECT DISTINCT 'REVOKE ALL ON DATABASE ` + databaseMark + ` FROM PUBLIC' FROM pg_catalog.pg_database WHERE oid = $1::oid AND datacl IS NOT NULL`,
		`SELECT pg_catalog.format('GRANT %s ON DATABASE ` + databaseMark + ` TO %s%s', privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END,
			CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) FROM pg_catalog.pg_database, pg_catalog.aclexplode(datacl) WHERE oid = $1::oid`,
		`SELECT pg_catalog.format('COMMENT ON DATABASE ` + databaseMark + ` IS %L', d) FROM pg_catalog.shobj_description($1::oid, 'pg_database') d WHERE d IS NOT NULL`,
	} {
		statements, err := s.column(ctx, sql, database)
		if err != nil {
			return nil, err
		}
		c.Then = append(c.Then, statements...)
	}
	return c, nil
}

func (c *Contents) readRoles(ctx context.Context, s *session) error {
	flag := func(name, word string) string {
		return "CASE WHEN " + name + " THEN ' " + word + "' ELSE ' NO" + word + "' END"
	}
	rows, err := s.query(ctx, `SELECT rolname, pg_catalog.format('CREATE ROLE %I WITH', rolname) || `+strings.Join([]string{
		flag("rolsuper", "SUPERUSER"), flag("rolinherit", "INHERIT"), flag("rolcreaterole", "CREATEROLE"), flag("rolcreatedb", "CREATEDB"),
		flag("rolcanlogin", "LOGIN"), flag("rolreplication", "REPLICATION"), flag("rolbypassrls", "BYPASSRLS"),
	}, " || ")+` || ' CONNECTION LIMIT ' || rolconnlimit || coalesce(' VALID UNTIL ' || pg_catalog.quote_literal(rolvaliduntil), '')
		|| coalesce(' PASSWORD ' || pg_catalog.quote_literal(rolpassword), '') FROM pg_catalog.pg_authid WHERE rolname !~ '^pg_' ORDER BY rolname COLLATE "C"`)
	if err != nil {
		return err
	}
	for _, r := range rows {
		role := Role{Name: r[0], Create: r[1]}
		grants, err := s.column(ctx, `SELECT pg_catalog.format('GRANT %I TO %I WITH ADMIN %s, INHERIT %s, SET %s', g.rolname, m.rolname, a.admin_option::text,
			coalesce(pg_catalog.to_jsonb(a)->>'inherit_option', m.rolinherit::text), coalesce(pg_catalog.to_jsonb(a)->>'set_option', 'true')) FROM pg_catalog.pg_auth_members a JOIN pg_catalog.pg_authid g ON g.oid = a.roleid JOIN pg_catalog.pg_authid m ON m.oid = a.member WHERE m.rolname = $1::name`, role.Name)
		if err != nil {
			return err
		}
		settings, err := s.column(ctx, settingsSQL(`pg_catalog.format('ALTER ROLE %I', $1::name)`, `setdatabase = 0 AND setrole = (SELECT oid FROM pg_catalog.pg_authid WHERE rolname = $1::name)`), role.Name)
		if err != nil {
			return err
		}
		role.Then = slices.Concat(grants, settings)
		c.Roles = append(c.Roles, role)
	}
	return nil
}

// provideRoles makes the roles that do not exist, and returns their names. Those that exist keep their passwords, their
// memberships and everything else.
func (c *Contents) provideRoles(ctx context.Context, s *session) ([]string, error) {
	rows, err := s.query(ctx, "SELECT rolname FROM pg_catalog.pg_roles")
	if err != nil {
		return nil, err
	}
	exists := map[string]bool{}
	for _, r := range rows {
		exists[r[0]] = true
	}
	var made []string
	sql := append([]string{}, quiet...)
	sql = append(sql, "BEGIN")
	for _, r := range c.Roles {
		if !exists[r.Name] {
			made = append(made, r.Name)
			sql = append(sql, r.Create)
		}
	}
	for _, r := range c.Roles {
		if !exists[r.Name] {
			sql = append(sql, r.Then...)
		}
	}
	if made == nil {
		return nil, nil
	}
	if err := s.exec(ctx, append(sql, "COMMIT")...); err != nil {
		_ = s.exec(ctx, "ROLLBACK")
		return nil, err
	}
	return made, nil
}

// quiet keeps the statements that make roles, which hold the hashes of passwords, out of the server's log.
var quiet = []string{"SET log_statement = none", "SET log_min_duration_statement = -1", "SET log_min_error_statement = panic"}
