package move

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// largeObject is one, and what it is made of.
type largeObject struct {
	oid    string
	chunks string // their number
	sum    string // of the contents
	rights string // SQL that gives it its owner, its privileges and its comment
}

// chunk is how much of a large object is read and written at a time, in bytes: 1,024 pages of LOBLKSIZE, in
// src/include/storage/large_object.h.
const chunk = 2 << 20

// readLargeObjects reads those of the source. Its superuser may look into pg_largeobject, for their lengths.
func readLargeObjects(ctx context.Context, s *session) ([]largeObject, error) {
	rows, err := s.query(ctx, `SELECT m.oid, coalesce((SELECT max(pageno) FROM pg_catalog.pg_largeobject p WHERE p.loid = m.oid), 0) / 1024 + 1
		FROM pg_catalog.pg_largeobject_metadata m ORDER BY m.oid`)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	all := make([]largeObject, len(rows))
	for i, r := range rows {
		all[i] = largeObject{oid: r[0], chunks: r[1]}
	}
	found, err := sumLargeObjects(ctx, s, all)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i] = found[all[i].oid]
	}
	return all, nil
}

// sumLargeObjects looks at those that are there of some. One chunk more than there should be is looked at, where nothing is.
func sumLargeObjects(ctx context.Context, s *session, some []largeObject) (map[string]largeObject, error) {
	var oids, chunks []string
	for _, o := range some {
		oids, chunks = append(oids, o.oid), append(chunks, o.chunks)
	}
	rows, err := s.query(ctx, fmt.Sprintf(`SELECT m.oid, u.chunks, (SELECT pg_catalog.string_agg(pg_catalog.md5(pg_catalog.lo_get(m.oid, i * %d, %d)), '' ORDER BY i) FROM pg_catalog.generate_series(0::int8, u.chunks) i),
		pg_catalog.format('ALTER LARGE OBJECT %%s OWNER TO %%I;', m.oid, pg_catalog.pg_get_userbyid(m.lomowner))
		|| coalesce((SELECT pg_catalog.string_agg(pg_catalog.format('GRANT %%s ON LARGE OBJECT %%s TO %%s%%s;', privilege_type, m.oid, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END,
			CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), '' ORDER BY grantee, privilege_type) FROM pg_catalog.aclexplode(m.lomacl) WHERE grantee <> m.lomowner), '')
		|| coalesce(pg_catalog.format('COMMENT ON LARGE OBJECT %%s IS %%L;', m.oid, pg_catalog.obj_description(m.oid, 'pg_largeobject')), '')
		FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::int8[])) u(oid, chunks) JOIN pg_catalog.pg_largeobject_metadata m USING (oid)`, chunk, chunk),
		"{"+strings.Join(oids, ",")+"}", "{"+strings.Join(chunks, ",")+"}")
	if err != nil {
		return nil, err
	}
	all := map[string]largeObject{}
	for _, r := range rows {
		all[r[0]] = largeObject{r[0], r[1], r[2], r[3]}
	}
	return all, nil
}

// syncLargeObjects makes those of the target the same as the source's. Logical replication does not carry them, so they are compared
// whole: a pass before the pause leaves it those that have changed since.
func (m *mover) syncLargeObjects(ctx context.Context) error {
	want, err := readLargeObjects(ctx, m.source)
	if err != nil {
		return err
	}
	have, err := sumLargeObjects(ctx, m.target, want)
	if err != nil {
		return err
	}
	names := make([]string, len(want))
	for i, o := range want {
		names[i] = o.oid
		is, ok := have[o.oid]
		if m.o.NoOwner {
			is.rights = o.rights
		}
		if ok && is == o {
			continue
		}
		if err := m.copyLargeObject(ctx, o, ok); err != nil {
			return fmt.Errorf("copy large object %s: %w", o.oid, err)
		}
	}
	_, err = m.target.query(ctx, "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid <> ALL ($1::oid[])", "{"+strings.Join(names, ",")+"}")
	return err
}

// copyLargeObject copies one, in a transaction of its own.
func (m *mover) copyLargeObject(ctx context.Context, o largeObject, replace bool) error {
	begin := "BEGIN; "
	if replace {
		begin += "SELECT pg_catalog.lo_unlink(" + o.oid + "); "
	}
	if err := m.target.script(ctx, begin+"SELECT pg_catalog.lo_create("+o.oid+")"); err != nil {
		return err
	}
	chunks, err := strconv.ParseInt(o.chunks, 10, 64)
	if err != nil {
		return err
	}
	for i := range chunks {
		data, err := m.source.one(ctx, "SELECT pg_catalog.lo_get($1::oid, $2::int8, $3::int4)", o.oid, strconv.FormatInt(i*chunk, 10), strconv.Itoa(chunk))
		if err != nil {
			return err
		}
		if _, err := m.target.query(ctx, "SELECT pg_catalog.lo_put($1::oid, $2::int8, $3::bytea)", o.oid, strconv.FormatInt(i*chunk, 10), data); err != nil {
			return err
		}
	}
	if m.o.NoOwner {
		return m.target.script(ctx, "COMMIT")
	}
	return m.target.script(ctx, o.rights+"COMMIT")
}
