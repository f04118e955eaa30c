package migrate

import (
	"slices"
	"strings"
)

// outside says why a file cannot run in a transaction of ours; "" if it can.
func outside(list []statement) string {
	for _, s := range list {
		text := strings.Join(s.words, " ") + " "
		begins := func(with ...string) bool {
			return slices.ContainsFunc(with, func(w string) bool { return strings.HasPrefix(text, w+" ") })
		}
		switch {
		case begins("begin", "start transaction", "commit", "end", "rollback", "abort", "prepare transaction"):
			return "it has transactions of its own"
		case begins("create", "drop", "reindex", "refresh", "alter") && slices.Contains(s.words, "concurrently"):
			return "CONCURRENTLY"
		case begins("alter type") && strings.Contains(text, " add value "):
			return "ALTER TYPE ... ADD VALUE"
		case begins(
			"vacuum", "create database", "drop database", "create tablespace", "drop tablespace", "alter system",
			"reindex database", "reindex system", "create subscription", "drop subscription",
		):
			return strings.ToUpper(strings.Join(s.words[:min(2, len(s.words))], " "))
		}
	}
	return ""
}
