// Package crash kills servers and looks at what they have kept.
package crash

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
)

var (
	kills = flag.Int("kills", 3, "how often TestKill9 kills the server")
	seed  = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the random choices")
)

const (
	serverEnv = "EMBEDDEDPG_CRASH_SERVER" // the data directory: this program is then the server that gets killed
	password  = "crash-test-only"
	clients   = 8
	accounts  = 1000
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(serverEnv); dir != "" {
		serve(dir)
	}
	os.Exit(m.Run())
}

// serve runs a server until it is killed.
func serve(dir string) {
	s, err := embeddedpg.Start(context.Background(), config(dir))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	s.Wait()
	os.Exit(0)
}

func config(dir string) embeddedpg.Config {
	return embeddedpg.Config{
		DataDir: filepath.Join(dir, "pgdata"), SocketDir: filepath.Join(dir, "s"), Port: 5432, Password: password,
		Settings: map[string]string{"checkpoint_timeout": "30s", "autovacuum_naptime": "1s", "max_wal_size": "64MB", "shared_buffers": "16MB"},
	}
}

// start runs the server in a process of its own and waits until it is ready.
func start(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 6)
	if n, err := out.Read(line); err != nil || string(line[:n]) != "ready\n" {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("server did not start: %q, %v", line[:n], err)
	}
	return cmd
}

func connect(ctx context.Context, dir string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, fmt.Sprintf("host=%s port=5432 user=postgres password=%s database=postgres sslmode=disable", filepath.Join(dir, "s"), password))
}

// ledger is what the clients were told is committed: for each, the number of its last acknowledged transaction.
// A client's transactions are numbered from 1 without gaps, and one more than the acknowledged may have been
// committed before the answer was lost.
type ledger [clients]int64

// TestKill9 kills the whole server process amid TPC-B-like load, again and again, and checks after each restart
// that every acknowledged transaction is there, none is there in part, and no page or index is damaged.
func TestKill9(t *testing.T) {
	if testing.Short() {
		t.Skip("kills servers under load: takes several seconds a kill")
	}
	t.Logf("seed %d, %d kills", *seed, *kills)
	rng := rand.New(rand.NewPCG(*seed, 1))
	dir, err := os.MkdirTemp("", "crash")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ctx := context.Background()

	server := start(t, dir)
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	setUp(t, ctx, dir)
	var acked ledger
	for kill := range *kills {
		load, stop := context.WithCancel(ctx)
		var wg sync.WaitGroup
		for c := range clients {
			wg.Go(func() { client(load, dir, c, &acked[c], rand.New(rand.NewPCG(*seed, uint64(kill*clients+c)))) })
		}
		time.Sleep(time.Duration(300+rng.IntN(900)) * time.Millisecond)
		if err := server.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		server.Wait()
		stop()
		wg.Wait()

		server = start(t, dir)
		check(t, ctx, dir, &acked)
		if t.Failed() {
			t.Fatalf("after kill %d of %d", kill+1, *kills)
		}
	}
	total := int64(0)
	for _, n := range acked {
		total += n
	}
	t.Logf("%d kills, %d acknowledged transactions, none lost", *kills, total)
	if total < int64(*kills) {
		t.Error("the load committed next to nothing")
	}
}

func setUp(t *testing.T, ctx context.Context, dir string) {
	t.Helper()
	conn, err := connect(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, fmt.Sprintf(`
		CREATE EXTENSION amcheck;
		CREATE TABLE branches (id int PRIMARY KEY, balance bigint NOT NULL);
		CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL, filler text);
		CREATE TABLE history (client int, seq bigint, account int, delta bigint, note text, PRIMARY KEY (client, seq));
		CREATE INDEX ON history (account);
		CREATE INDEX ON accounts (balance);
		INSERT INTO branches VALUES (1, 0);
		INSERT INTO accounts SELECT g, 0, repeat('x', 80) FROM generate_series(1, %d) g;`, accounts))
	if err != nil {
		t.Fatal(err)
	}
}

// client commits numbered transactions until the server goes away, and notes each acknowledged one.
func client(ctx context.Context, dir string, id int, acked *int64, rng *rand.Rand) {
	conn, err := connect(ctx, dir)
	if err != nil {
		return
	}
	defer conn.Close(ctx)
	var last int64
	if conn.QueryRow(ctx, "SELECT coalesce(max(seq), 0) FROM history WHERE client = $1", id).Scan(&last) != nil {
		return
	}
	*acked = last // what was committed without an answer is committed all the same
	for {
		if err := transaction(ctx, conn, id, *acked+1, rng); err != nil {
			return
		}
		*acked++
	}
}

func transaction(ctx context.Context, conn *pgx.Conn, id int, seq int64, rng *rand.Rand) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	account, delta := 1+rng.IntN(accounts), rng.Int64N(1000)-500
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{"UPDATE accounts SET balance = balance + $1 WHERE id = $2", []any{delta, account}},
		{"UPDATE branches SET balance = balance + $1 WHERE id = 1", []any{delta}},
		{"INSERT INTO history VALUES ($1, $2, $3, $4, repeat('n', $5))", []any{id, seq, account, delta, rng.IntN(3000)}},
	} {
		if _, err := tx.Exec(ctx, q.sql, q.args...); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// check compares the database with the ledger and looks at every page and index.
func check(t *testing.T, ctx context.Context, dir string, acked *ledger) {
	t.Helper()
	conn, err := connect(ctx, dir)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(ctx)
	for c := range clients {
		var rows, highest int64
		if err := conn.QueryRow(ctx, "SELECT count(*), coalesce(max(seq), 0) FROM history WHERE client = $1", c).Scan(&rows, &highest); err != nil {
			t.Error(err)
			return
		}
		if highest < acked[c] || highest > acked[c]+1 || rows != highest {
			t.Errorf("client %d: %d acknowledged, %d rows up to %d", c, acked[c], rows, highest)
		}
	}
	var accountSum, branchSum, historySum int64
	err = conn.QueryRow(ctx, `SELECT (SELECT sum(balance) FROM accounts)::bigint, (SELECT sum(balance) FROM branches)::bigint,
		(SELECT coalesce(sum(delta), 0) FROM history)::bigint`).Scan(&accountSum, &branchSum, &historySum)
	if err != nil {
		t.Error(err)
		return
	}
	if accountSum != branchSum || branchSum != historySum {
		t.Errorf("sums differ: accounts %d, branches %d, history %d", accountSum, branchSum, historySum)
	}
	if _, err := conn.Exec(ctx, `SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
		WHERE c.relkind = 'i' AND a.amname = 'btree' AND c.relpersistence = 'p'`); err != nil {
		t.Errorf("amcheck: %v", err)
	}
	var damaged, badChecksums int64
	err = conn.QueryRow(ctx, `SELECT count(*) FROM pg_class c, verify_heapam(c.oid) WHERE c.relkind IN ('r', 't', 'm') AND c.relpersistence = 'p'`).Scan(&damaged)
	if err != nil || damaged != 0 {
		t.Errorf("verify_heapam: %d findings, %v", damaged, err)
	}
	err = conn.QueryRow(ctx, "SELECT coalesce(sum(checksum_failures), 0)::bigint FROM pg_stat_database").Scan(&badChecksums)
	if err != nil || badChecksums != 0 {
		t.Errorf("%d checksum failures, %v", badChecksums, err)
	}
}
