// Package studio_test walks through the page of nself studio in headless Chromium, as a new user would. It is a module of its
// own, so that the product does not depend on chromedp; make check-studio runs it.
package studio_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

var shots = flag.String("shots", "", "keep screenshots in this directory, dark and light, 1280 and 400 pixels wide")

// build makes nself.
func build(t *testing.T) string {
	t.Helper()
	nself := filepath.Join(t.TempDir(), "nself")
	cmd := exec.Command("go", "build", "-o", nself, "./cmd/nself")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return nself
}

// project is a directory with a running database.
type project struct {
	t          *testing.T
	nself, dir string
	env        []string
}

func newProject(t *testing.T, nself string) *project {
	t.Helper()
	p := &project{t: t, nself: nself, dir: filepath.Join(t.TempDir(), "shop")}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "POSTGRES_") && !strings.HasPrefix(e, "NSELF_") && !strings.HasPrefix(e, "PG") && !strings.HasPrefix(e, "BACKUP_DIR=") {
			p.env = append(p.env, e)
		}
	}
	p.env = append(p.env, "BACKUP_DIR="+filepath.Join(p.dir, "backups"))
	t.Cleanup(func() { p.command("stop").Run() })
	p.ok("start", "--embedded-pg", "--only", "postgres")
	return p
}

func (p *project) command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.nself, args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	return cmd
}

func (p *project) ok(args ...string) string {
	p.t.Helper()
	out, err := p.command(args...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("nself %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (p *project) sql(sql string) string {
	p.t.Helper()
	return p.ok("psql", "-XAtqc", sql)
}

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+/#token=\S+`)

// studio starts nself studio and returns the address that it prints.
func (p *project) studio(args ...string) string {
	p.t.Helper()
	cmd := p.command(append([]string{"studio", "--no-browser"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != 130 {
			p.t.Errorf("nself studio ended: %v\n%s", err, &stderr)
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url := address.FindString(lines.Text()); url != "" {
			go io.Copy(io.Discard, out)
			return url
		}
	}
	p.t.Fatalf("no address: %s", &stderr)
	return ""
}

// browser is a page in headless Chromium.
type browser struct {
	t       *testing.T
	ctx     context.Context
	n       int
	home    string
	mu      sync.Mutex
	outside []string // requests that went elsewhere than to the studio
	errors  []string // of the console: exceptions, and what the policy blocked
}

func newBrowser(t *testing.T, home string) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome-headless-shell"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("there is no Chromium in PATH (Debian: apt-get install chromium)")
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.WindowSize(1280, 860), chromedp.Flag("lang", "en")}
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewContext(t.Context(), chromedp.WithAllocatorOptions(options...))
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, home: home}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	requests, console := chromedp.Events(ctx, network.RequestWillBeSent), chromedp.Console(ctx)
	go func() {
		for e, err := range requests {
			if err != nil {
				return
			}
			if !strings.HasPrefix(e.Request.URL, home) {
				b.note(&b.outside, e.Request.URL)
			}
		}
	}()
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException {
				b.note(&b.errors, m.Text)
			}
		}
	}()
	return b
}

func (b *browser) note(to *[]string, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*to = append(*to, what)
}

// quiet wants no request to have left the machine, and no word in the console but on what the test itself got refused: of the
// policy that blocked something, of an exception.
func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range append(b.outside, b.errors...) {
		if !strings.Contains(e, "status of 422") && !strings.Contains(e, "status of 409") { // mistakes in SQL
			b.t.Error(e)
		}
	}
}

// do carries out what a user does; each step may take some seconds.
func (b *browser) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 40*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		b.shot("failed")
		b.t.Fatalf("%s: %v\n%s\n%s", what, err, text, strings.Join(b.errors, "\n"))
	}
}

type action = chromedp.Action[chromedp.Void]

// js runs a script of the test's.
func js(script string) action { return chromedp.Evaluate[chromedp.Void](script) }

// until waits until a condition holds. (chromedp.Poll makes a function of a text, which the page's policy forbids.)
func until(condition string) action {
	return func(ctx context.Context, target *chromedp.Target) (none chromedp.Void, err error) {
		for {
			ok, err := chromedp.Evaluate[bool](condition)(ctx, target)
			if ok || err != nil {
				return none, err
			}
			select {
			case <-ctx.Done():
				return none, fmt.Errorf("waiting for %s: %w", condition, ctx.Err())
			case <-time.After(30 * time.Millisecond):
			}
		}
	}
}

// see waits until the text of what a selector finds matches.
func see(selector, pattern string) action {
	return until(fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => new RegExp(%q).test(e.innerText || e.value || ''))", selector, pattern))
}

// press clicks the button or link with a text, as a user finds it.
func press(within, text string) action {
	find := fmt.Sprintf("[...document.querySelectorAll(%q)].flatMap((e) => [...e.querySelectorAll('button, a, label')]).find((e) => e.innerText.trim() === %q && !e.disabled)", within, text)
	return chromedp.Steps(until("!!"+find), js("("+find+").click()"))
}

// set gives a field a value, as typing it would.
func set(selector, value string) action {
	return js(fmt.Sprintf("{ const e = document.querySelector(%q); e.value = %q; e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change')); }", selector, value))
}

// keys presses keys, with Control if ctrl is set.
func keys(k string, ctrl bool) action {
	if ctrl {
		return chromedp.KeyEvent(k, chromedp.KeyModifiers(chromedp.ModifierCtrl))
	}
	return chromedp.KeyEvent(k)
}

// shot keeps what the page looks like.
func (b *browser) shot(name string) {
	b.t.Helper()
	if *shots == "" {
		return
	}
	b.n++
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 400} {
			look := func(ctx context.Context, target *chromedp.Target) error {
				media := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
				_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: media})
				return err
			}
			err := chromedp.Do(b.ctx, chromedp.Func(look), chromedp.EmulateViewport(width, 860), chromedp.Sleep(250*time.Millisecond))
			if err != nil {
				b.t.Error(err)
				continue
			}
			png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
			if err == nil {
				err = os.WriteFile(filepath.Join(*shots, fmt.Sprintf("%02d-%s-%s-%d.png", b.n, name, scheme, width)), png, 0o600)
			}
			if err != nil {
				b.t.Error(err)
			}
		}
	}
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(1280, 860)); err != nil {
		b.t.Error(err)
	}
}
