package backup

import (
	"context"
	"regexp"
	"strings"
	"sync"
)

// Servers of the minor releases of November 2026 (seen: 15.20) keep a number of their own, pg_attver, among the
// options of a column. Their pg_dump leaves it out; ours, of 18.6, writes it into the dump, where no server takes it. Such a
// dump is restored with its definitions as a script, without that option.

// isColumnVersion reports whether a restore failed because of pg_attver.
func isColumnVersion(err error) bool {
	return err != nil && strings.Contains(err.Error(), `unrecognized parameter "pg_attver"`)
}

// fillWithoutColumnVersions is fill of an archive: definitions by psql, then the data and the rest.
func (o RestoreOptions) fillWithoutColumnVersions(ctx context.Context, t Target, next string) error {
	if err := o.section(ctx, t, next, "pre-data", withoutColumnVersions); err != nil {
		return err
	}
	return o.archive(ctx, t, next, "--section=data", "--section=post-data")
}

// columnOptions is the line that pg_dump writes for a column's options: dumpTableSchema in src/bin/pg_dump/pg_dump.c.
var columnOptions = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^(ALTER (?:FOREIGN )?TABLE ONLY .* ALTER COLUMN .* SET \()(.*\bpg_attver=[0-9]+.*)\);\n`)
})

// withoutColumnVersions takes pg_attver out of a script of definitions.
func withoutColumnVersions(script string) string {
	return columnOptions().ReplaceAllStringFunc(script, func(line string) string {
		m := columnOptions().FindStringSubmatch(line)
		var rest []string
		for option := range strings.SplitSeq(m[2], ", ") {
			if !strings.HasPrefix(option, "pg_attver=") {
				rest = append(rest, option)
			}
		}
		if rest == nil {
			return ""
		}
		return m[1] + strings.Join(rest, ", ") + ");\n"
	})
}
