package promembed

import "strings"

// Sessions come and go, and their application's name is the client's to choose: series are of a database and a user, so that
// there are not more and more of them. Each session is in Stats.
var sessionMetrics = []metric{
	gauge("pg_stat_activity_count", "Sessions of clients.", count, "datname", "usename", "state"),
	gauge("pg_stat_activity_waiting", "Sessions of clients that wait for a lock.", waiting, "datname", "usename"),
	gauge("pg_session_memory_bytes", "Private memory of the sessions of a user in a database.", ofUser(func(sum, m int64) int64 { return sum + m }), "datname", "usename"),
	gauge("pg_session_memory_max_bytes", "Private memory of the one of them that has most.", ofUser(func(most, m int64) int64 { return max(most, m) }), "datname", "usename"),
	gauge("pg_locks_count", "Locks that are held or awaited.", locks, "datname", "mode"),
	gauge("pg_locks_awaited", "Locks that are awaited.", awaited, "datname"),
}

func count(s stats, emit emit) {
	n := map[[3]string]float64{}
	for _, session := range s.Sessions {
		n[[3]string{session.Database, session.User, session.State}]++
	}
	for labels, v := range n {
		emit(v, labels[:]...)
	}
}

func waiting(s stats, emit emit) {
	n := map[[2]string]float64{}
	for _, session := range s.Sessions {
		n[[2]string{session.Database, session.User}] += number(strings.HasPrefix(session.Wait, "Lock/"))
	}
	for labels, v := range n {
		emit(v, labels[:]...)
	}
}

// ofUser joins the memory of a user's sessions in a database.
func ofUser(join func(before, memory int64) int64) func(stats, emit) {
	return func(s stats, emit emit) {
		n := map[[2]string]int64{}
		for _, session := range s.Sessions {
			of := [2]string{session.Database, session.User}
			n[of] = join(n[of], session.Memory)
		}
		for labels, v := range n {
			emit(float64(v), labels[:]...)
		}
	}
}

func locks(s stats, emit emit) {
	for _, l := range s.Locks {
		emit(float64(l.Held+l.Awaited), l.Database, l.Mode)
	}
}

func awaited(s stats, emit emit) {
	n := map[string]int64{}
	for _, l := range s.Locks {
		n[l.Database] += l.Awaited
	}
	for name, v := range n {
		emit(float64(v), name)
	}
}
