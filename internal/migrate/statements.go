package migrate

import "fmt"

// Statement is where a statement is in the SQL that it was cut from, in bytes.
type Statement struct {
	First int // of its first word
	End   int // of what belongs to it, its semicolon included
}

// Statements cuts SQL at the semicolons that end statements, as psql does. Commands of psql are an error
// (ErrPsql), and so are the data of a COPY FROM STDIN that do not follow it.
func Statements(sql string) ([]Statement, error) {
	found, bad := split(sql)
	if bad != nil {
		return nil, fmt.Errorf("%w: %s", bad.err, bad.hint)
	}
	list := make([]Statement, 0, len(found))
	for _, s := range found {
		list = append(list, Statement{s.first, s.end})
	}
	return list, nil
}
