// Package embeddedpg runs PostgreSQL 18 inside a Go program: the real server, with real concurrent
// sessions, as WebAssembly on a small kernel, in the program's own process. Nothing is downloaded, no
// other program is started, and SQL reaches no file of the host but those of the data directory.
//
//	server, err := embeddedpg.Start(ctx, embeddedpg.Config{})
//	if err != nil {
//		return err
//	}
//	defer server.Close()
//	pool, err := pgxpool.New(ctx, server.ConnString(""))
//
// A zero Config gives a temporary cluster that is gone after Close. With Config.DataDir the data stays;
// the directory has the format of PostgreSQL 18 on 64-bit machines, and a native server of that version
// can run on it whenever this one does not.
package embeddedpg
