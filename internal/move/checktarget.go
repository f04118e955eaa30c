package move

import (
	"context"
	"fmt"
	"slices"

	"nself.org/embeddedpg/internal/backup"
)

// checkTarget: it must be there, empty, new enough, and let us in far enough.
func (c *checker) checkTarget(ctx context.Context) (err error) {
	c.target, err = c.o.Target.open(ctx, nil)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		c.add("target", Failure, err.Error(), "the server must run, and the database be there: CREATE DATABASE")
		return nil
	}
	version := c.target.ParameterStatus("server_version")
	if c.target.version() < oldest {
		c.add("version", Failure, "the target is PostgreSQL "+version, fmt.Sprintf("use one of version %d or later", oldest))
		return nil
	}
	c.add("version", OK, version, "")
	if s, err := readState(ctx, c.target); err != nil {
		return err
	} else if s.phase != none {
		c.add("target", Failure, "a move into it is under way", "go on with it by --resume, or give it up by --abort and empty the database")
	} else if used, err := backup.IsUsed(ctx, c.target.PgConn); err != nil {
		return err
	} else if used {
		c.add("target", Failure, "the database "+c.o.Target.Database+" is not empty", "name a new one: CREATE DATABASE")
	} else {
		c.add("target", OK, "", "")
	}
	for _, one := range []func(context.Context) error{c.checkRights, c.checkRoles, c.checkExtensions, c.checkLocale, c.checkRoom} {
		if err := one(ctx); err != nil {
			return err
		}
	}
	return nil
}

// checkRights tries in a transaction what the move will need.
func (c *checker) checkRights(ctx context.Context) error {
	for _, one := range []struct{ sql, need, hint string }{
		{"CREATE SCHEMA " + schema, "make schemas in the database", "GRANT CREATE ON DATABASE, or connect as its owner"},
		{replica, "set session_replication_role, without which triggers would fire twice", "connect as a superuser, or as a role with GRANT SET ON PARAMETER session_replication_role"},
	} {
		err := c.target.script(ctx, "BEGIN; "+one.sql+"; ROLLBACK")
		if err == nil {
			continue
		}
		if !isRefusal(err) {
			return err
		}
		if err := c.target.script(ctx, "ROLLBACK"); err != nil {
			return err
		}
		c.add("rights", Failure, "the role "+c.o.Target.User+" cannot "+one.need, one.hint)
	}
	return nil
}

// checkRoles: those that the target lacks are made.
func (c *checker) checkRoles(ctx context.Context) error {
	if c.o.NoOwner {
		return nil
	}
	roles, err := backup.Roles(ctx, c.source.PgConn)
	if err != nil {
		return err
	}
	there, err := c.target.column(ctx, "SELECT rolname FROM pg_catalog.pg_roles")
	if err != nil {
		return err
	}
	var lacking []string
	for _, r := range roles {
		if !slices.Contains(there, r.Name) {
			lacking = append(lacking, r.Name)
		}
	}
	super, err := c.target.one(ctx, "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user")
	switch {
	case err != nil:
		return err
	case super != "t":
		c.add("roles", Failure, "only a superuser of the target can give objects to other roles", "add --no-owner: what belongs to others will belong to "+c.o.Target.User)
	case lacking != nil:
		c.add("roles", Warning, "these are made at the target, with their passwords: "+few(lacking), "")
	default:
		c.add("roles", OK, "", "")
	}
	return nil
}

func (c *checker) checkExtensions(ctx context.Context) error {
	want, err := c.source.column(ctx, "SELECT extname FROM pg_catalog.pg_extension ORDER BY 1")
	if err != nil {
		return err
	}
	have, err := c.target.column(ctx, "SELECT name FROM pg_catalog.pg_available_extensions")
	if err != nil {
		return err
	}
	want = slices.DeleteFunc(want, func(name string) bool { return slices.Contains(have, name) })
	if len(want) > 0 {
		c.add("extensions", Failure, "the target does not have: "+few(want), "install them at the target's machine, or DROP EXTENSION those that are not used")
	} else {
		c.add("extensions", OK, "", "")
	}
	return nil
}

// checkLocale: texts sort by the database's locale, and can be only what its encoding has.
func (c *checker) checkLocale(ctx context.Context) error {
	const sql = `SELECT pg_catalog.pg_encoding_to_char(encoding), coalesce(j->>'datlocprovider', 'c'), coalesce(j->>'datlocale', j->>'daticulocale', datcollate)
		FROM pg_catalog.pg_database d, pg_catalog.to_jsonb(d) j WHERE datname = pg_catalog.current_database()`
	ours, err := c.source.query(ctx, sql)
	if err != nil {
		return err
	}
	theirs, err := c.target.query(ctx, sql)
	if err != nil {
		return err
	}
	switch a, b := ours[0], theirs[0]; {
	case a[0] != b[0]:
		c.add("encoding", Failure, "it is "+a[0]+" here and "+b[0]+" at the target", "make the target by CREATE DATABASE ... ENCODING '"+a[0]+"' TEMPLATE template0")
	case a[2] != b[2]:
		c.add("collation", Warning, "texts sort by "+a[2]+" here and by "+b[2]+" at the target", "if the order matters, make the target with the same: CREATE DATABASE ... TEMPLATE template0")
	default:
		c.add("collation", OK, "", "")
	}
	return nil
}

// checkRoom tells how much room the target will need, which it does not tell us it has.
func (c *checker) checkRoom(ctx context.Context) error {
	size, err := c.source.one(ctx, "SELECT pg_catalog.pg_size_pretty(pg_catalog.pg_database_size(pg_catalog.current_database()))")
	if err == nil {
		c.add("disk", OK, "the target needs about "+size, "")
	}
	return err
}
