package migrate

import "strings"

// sqlMigratePrefix begins a command of sql-migrate, exactly so: other spellings are comments to it.
const sqlMigratePrefix = "-- +migrate "

// parseSQLMigrate reads a file of sql-migrate: sqlparse/sqlparse.go of github.com/rubenv/sql-migrate.
func (f *file) parseSQLMigrate() (Script, error) {
	var up, down half
	var now *half // nil before the first command
	hasUp, hasDown := false, false
	begin := 0
	block := 0 // line of the StatementBegin that is open
	for _, n := range f.notes {
		if !marks()[1].mark.MatchString(n.text) {
			continue
		}
		bad := func(why, hint string) (Script, error) { return Script{}, refuse(SQLMigrate, f.name, n.line, why, hint) }
		words := strings.Fields(strings.TrimPrefix(n.text, strings.TrimSpace(sqlMigratePrefix)))
		if n.indented || len(words) == 0 || !strings.HasPrefix(n.text, sqlMigratePrefix) {
			return bad("sql-migrate takes the line for a comment", "begin it with -- +migrate and a space")
		}
		command, options := words[0], words[1:]
		for _, o := range options {
			if o != "notransaction" {
				return bad("unknown option "+o, "the one option is notransaction")
			}
		}
		if block > 0 && command != "StatementEnd" {
			return bad("the statement that begins above has no end", "write -- +migrate StatementEnd")
		}
		if now == nil && !f.blank(begin, n.begin) {
			return bad("sql-migrate leaves out the statements above", "move them below -- +migrate Up")
		}
		if now != nil {
			now.add(begin, n.begin, command == "StatementEnd")
		}
		begin = n.end
		switch command {
		case "Up":
			now, hasUp = &up, true
		case "Down":
			now, hasDown = &down, true
		case "StatementBegin":
			if now == nil {
				return bad("StatementBegin is before Up", "move it below -- +migrate Up")
			}
			block = n.line
		case "StatementEnd":
			if block == 0 {
				return bad("StatementEnd without StatementBegin", "write -- +migrate StatementBegin")
			}
			block = 0
		default:
			return bad("unknown command", "it must be Up, Down, StatementBegin or StatementEnd")
		}
		if len(options) > 0 && now != nil {
			now.outside = noTransaction[SQLMigrate]
		}
	}
	switch {
	case block > 0:
		return Script{}, refuse(SQLMigrate, f.name, block, "StatementBegin without StatementEnd", "write -- +migrate StatementEnd")
	case !hasUp:
		return Script{}, refuse(SQLMigrate, f.name, 0, "it has no Up", "write -- +migrate Up above the statements")
	}
	now.add(begin, len(f.text), false)
	return f.halves(up, down, hasDown)
}
