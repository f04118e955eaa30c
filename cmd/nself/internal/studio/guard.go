package studio

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
)

// guard decides who may use the API. Four things have to be right at once:
//
//   - the Host is our own address, so that a name that somebody has led to 127.0.0.1 (DNS rebinding) is of no use;
//   - the Origin is our own page, so that no other site's page can call;
//   - the cookie, which the browser got for the one-time token, and which no script can read;
//   - the key in a header, which the page keeps in its origin's storage. A browser sends cookies to every port of a host,
//     thus to a server that another user of this machine has on another port; storage belongs to one port alone.
type guard struct {
	host    string
	entered func() // is called when the token has been used

	mu struct {
		sync.Mutex
		token, cookie, key string // "": none yet, or no longer
	}
}

// Names of what the browser sends.
const (
	cookieName = "nself_studio"
	keyHeader  = "X-Studio-Key"
	keyField   = "key" // the same in a form: a browser that downloads a file sends no header
)

func newGuard(host string, entered func()) *guard {
	g := &guard{host: host, entered: entered}
	g.mu.token = secret()
	return g
}

// secret is 256 random bits.
func secret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func (g *guard) token() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.token
}

// policy is the Content-Security-Policy: the page's own files, and not one script, style or connection besides.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// protect lets pass what may.
func (g *guard) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		api := strings.HasPrefix(r.URL.Path, "/api/")
		switch {
		case r.Host != g.host:
			refuse(w, http.StatusMisdirectedRequest, "this address is not the studio's")
		case !api && r.Method != http.MethodGet && r.Method != http.MethodHead, api && r.Method != http.MethodPost:
			refuse(w, http.StatusMethodNotAllowed, "not by "+r.Method)
		case !api:
			next.ServeHTTP(w, r)
		case r.Header.Get("Origin") != "http://"+g.host || !fromHere(r):
			refuse(w, http.StatusForbidden, "another page may not call the studio")
		case r.URL.Path == "/api/enter":
			g.enter(w, r)
		case !g.known(r):
			refuse(w, http.StatusUnauthorized, "this browser is not signed in")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// fromHere reports whether the browser, if it says so at all, says that our page made the request.
func fromHere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin"
}

// enter gives a cookie and a key for the token, once.
func (g *guard) enter(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Token string `json:"token"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&in)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil || !same(in.Token, g.mu.token) {
		refuse(w, http.StatusUnauthorized, "the link has been used, or is of another studio")
		return
	}
	g.mu.token, g.mu.cookie, g.mu.key = "", secret(), secret()
	if g.entered != nil {
		g.entered()
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: g.mu.cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	answer(w, map[string]string{"key": g.mu.key})
}

// known reports whether a request has the cookie and the key.
func (g *guard) known(r *http.Request) bool {
	key := r.Header.Get(keyHeader)
	if key == "" && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		key = r.PostFormValue(keyField)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range r.CookiesNamed(cookieName) { // another port's may be among them
		if same(c.Value, g.mu.cookie) {
			return same(key, g.mu.key)
		}
	}
	return false
}

// same compares secrets; an empty one is none.
func same(given, wanted string) bool {
	return wanted != "" && subtle.ConstantTimeCompare([]byte(given), []byte(wanted)) == 1
}

func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(failure{Message: why})
}
