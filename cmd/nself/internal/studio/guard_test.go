package studio

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

const host = "127.0.0.1:4711"

// signedIn is a studio without a database, and what a browser that was let in sends.
func signedIn(t *testing.T) (s *Studio, cookie, key string) {
	t.Helper()
	s = newStudio(Config{Connect: func(string) (*pgxpool.Config, error) { panic("it connects") }}, host)
	_, token, _ := strings.Cut(s.URL(), "#token=")
	w := request(s, "enter", `{"token":"`+token+`"}`, nil)
	var in struct{ Key string }
	if err := json.NewDecoder(w.Body).Decode(&in); err != nil || w.Code != http.StatusOK || len(w.Result().Cookies()) != 1 {
		t.Fatal(w.Code, err)
	}
	c := w.Result().Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Domain != "" || in.Key == c.Value || len(in.Key) < 43 || len(c.Value) < 43 {
		t.Errorf("%+v", c)
	}
	return s, c.Value, in.Key
}

// request calls a function of the API as our page does, but for what change changes.
func request(s *Studio, name, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://"+s.host+"/api/"+name, strings.NewReader(body))
	r.Header.Set("Origin", "http://"+s.host)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// TestAttacks: who may call has the right Host, Origin, cookie and key, and whoever lacks one of them may not. The function
// that is called needs no database, and succeeds for the page.
func TestAttacks(t *testing.T) {
	s, cookie, key := signedIn(t)
	page := func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: cookieName, Value: cookie})
		r.Header.Set(keyHeader, key)
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			page(r)
			r.Header.Del(name)
			if value != "" {
				r.Header.Set(name, value)
			}
		}
	}
	other := func(host string) func(*http.Request) { return func(r *http.Request) { page(r); r.Host = host } }
	method := func(m string) func(*http.Request) { return func(r *http.Request) { page(r); r.Method = m } }
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"our page":                            {page, http.StatusOK},
		"an old browser":                      {header("Sec-Fetch-Site", ""), http.StatusOK},
		"a rebound name":                      {other("evil.example"), http.StatusMisdirectedRequest},
		"a rebound name with our port":        {other("evil.example:4711"), http.StatusMisdirectedRequest},
		"localhost, which may be led away":    {other("localhost:4711"), http.StatusMisdirectedRequest},
		"another port":                        {other("127.0.0.1:4712"), http.StatusMisdirectedRequest},
		"no host":                             {other(""), http.StatusMisdirectedRequest},
		"another site's page":                 {header("Origin", "https://evil.example"), http.StatusForbidden},
		"a page of another port":              {header("Origin", "http://127.0.0.1:4712"), http.StatusForbidden},
		"a page of our address by TLS":        {header("Origin", "https://"+host), http.StatusForbidden},
		"a file, or a frame in a sandbox":     {header("Origin", "null"), http.StatusForbidden},
		"no origin":                           {header("Origin", ""), http.StatusForbidden},
		"a forged origin in another site":     {header("Sec-Fetch-Site", "cross-site"), http.StatusForbidden},
		"a neighbour's page":                  {header("Sec-Fetch-Site", "same-site"), http.StatusForbidden},
		"a link that changes something":       {method(http.MethodGet), http.StatusMethodNotAllowed},
		"HEAD":                                {method(http.MethodHead), http.StatusMethodNotAllowed},
		"PUT":                                 {method(http.MethodPut), http.StatusMethodNotAllowed},
		"a form that can be sent from abroad": {header("Content-Type", "text/plain"), http.StatusUnsupportedMediaType},
		"the cookie alone, as another port of this host gets it": {header(keyHeader, ""), http.StatusUnauthorized},
		"a guessed key":                    {header(keyHeader, strings.Repeat("A", 43)), http.StatusUnauthorized},
		"the key alone":                    {header("Cookie", ""), http.StatusUnauthorized},
		"a guessed cookie":                 {header("Cookie", cookieName+"="+strings.Repeat("A", 43)), http.StatusUnauthorized},
		"an empty cookie and an empty key": {func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookieName}) }, http.StatusUnauthorized},
		"another port's cookie besides": {func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: cookieName, Value: "other"})
			page(r)
		}, http.StatusOK},
	} {
		if w := request(s, "history", "{}", c.change); w.Code != c.want {
			t.Errorf("%s: %d, not %d: %s", name, w.Code, c.want, w.Body)
		}
	}
}

// TestToken: a guessed token, one that was used, and an empty one let nobody in, and the key lets nobody in where no
// token has been used yet.
func TestToken(t *testing.T) {
	entered := 0
	s := newStudio(Config{Entered: func() { entered++ }}, host)
	_, token, _ := strings.Cut(s.URL(), "#token=")
	for _, guess := range []string{"", token[:len(token)-1], token + "A", strings.Repeat("A", len(token)), strings.ToUpper(token)} {
		if w := request(s, "enter", `{"token":"`+guess+`"}`, nil); w.Code != http.StatusUnauthorized || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%q: %d", guess, w.Code)
		}
	}
	none := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookieName}); r.Header.Set(keyHeader, "") }
	if w := request(s, "history", "{}", none); w.Code != http.StatusUnauthorized {
		t.Error("before anybody entered:", w.Code)
	}
	from := func(origin string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Origin", origin) }
	}
	if w := request(s, "enter", `{"token":"`+token+`"}`, from("http://evil.example")); w.Code != http.StatusForbidden || entered != 0 {
		t.Error("a page elsewhere with the token:", w.Code, entered)
	}
	if w := request(s, "enter", `{"token":"`+token+`"}`, nil); w.Code != http.StatusOK || entered != 1 {
		t.Error(w.Code, entered)
	}
	if w := request(s, "enter", `{"token":"`+token+`"}`, nil); w.Code != http.StatusUnauthorized || entered != 1 {
		t.Error("a second time:", w.Code, entered)
	}
	if _, left, _ := strings.Cut(s.URL(), "#token="); left != "" {
		t.Error("the token is still known")
	}
	if w := request(s, "enter", `{"token":""}`, nil); w.Code != http.StatusUnauthorized {
		t.Error("an empty token after the true one was used:", w.Code)
	}
}

// TestPage: every file has the policy, none has anything inline or from elsewhere, and a GET of anything else finds nothing.
func TestPage(t *testing.T) {
	s, _, _ := signedIn(t)
	get := func(path, host string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "http://"+s.host+path, nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		return w
	}
	entries, err := static.ReadDir("static")
	if err != nil || len(entries) < 8 {
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		w := get("/"+strings.TrimSuffix(e.Name(), "index.html"), s.host)
		if w.Code != http.StatusOK || w.Header().Get("Content-Security-Policy") != policy || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Error(e.Name(), w.Code, w.Header())
		}
		if w := get("/"+e.Name(), "evil.example"); w.Code != http.StatusMisdirectedRequest {
			t.Error(e.Name(), "by a rebound name:", w.Code)
		}
		body := w.Body.String()
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "https://", " style=\"", "<style", "onclick=\""} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %s", e.Name(), bad)
			}
		}
	}
	for _, path := range []string{"/../guard.go", "/static/", "/%2e%2e/guard.go", "/none.js"} {
		if w := get(path, s.host); w.Code == http.StatusOK {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
	for _, part := range []string{"default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(policy, part) || strings.Contains(policy, "unsafe") {
			t.Error(policy)
		}
	}
}
