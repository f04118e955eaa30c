package studio_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestPath is the way of a new user: open, find a table of a hundred, edit a row, write a query with a mistake, explain a slow
// one, cancel a session, restore a backup.
func TestPath(t *testing.T) {
	p := newProject(t, build(t))
	seed, err := os.ReadFile("testdata/shop.sql")
	if err != nil {
		t.Fatal(err)
	}
	p.sql(string(seed))
	url := p.studio()
	home, _, _ := strings.Cut(url, "#")
	b := newBrowser(t, home)

	b.do("open", chromedp.Navigate(url), see("aside", "customers"))
	b.do("the token is gone", until("!location.href.includes('token')"))
	b.shot("open")
	b.do("find a table", chromedp.SendKeys("aside input", "custom"+kb.Enter), see("h1", "customers"), see("td", "Customer 1$"))
	b.shot("table")
	b.do("edit a row", js("document.querySelector('td').focus()"), keys(kb.ArrowDown, false), keys(kb.ArrowRight, false), keys(kb.Enter, false), see("dialog h2", "customers"))
	b.shot("edit")
	b.do("save it", set("[id='f-name']", "Ms. Two"), press("dialog", "Save"), see("td", "Ms. Two"))
	if got := p.sql("SELECT name FROM customers WHERE id = 2"); got != "Ms. Two" {
		t.Error(got)
	}
	b.do("edit it again", keys(kb.Enter, false), see("dialog h2", "customers"))
	p.sql("UPDATE customers SET name = 'Somebody else' WHERE id = 2")
	b.do("too late", set("[id='f-name']", "Ms. 2"), press("dialog", "Save"), see("dialog .failure", "Somebody else"))
	b.shot("conflict")
	b.do("take it", press("dialog", "Take what is there now"), see("td", "Somebody else"))
	b.do("a new row", press(".foot", "New row"), see("dialog h2", "New row"), set("[id='f-name']", "A new one"), press("dialog", "Add it"), until("!document.querySelector('dialog')"))
	if got := p.sql("SELECT count(*) FROM customers WHERE name = 'A new one'"); got != "1" {
		t.Error(got)
	}
	b.do("filter", press(".filters", "+ Filter"), set(".filter select", "name"), set(".filter select:nth-of-type(2)", "contains"),
		chromedp.SendKeys(".filter input", "er 77"+kb.Enter), see(".foot", "11 rows|12 rows"))
	b.shot("filter")
	b.do("structure", press(".tabs", "Structure"), see("dt", "customers_pkey"))
	b.shot("structure")
	b.do("hostile names", press("#top nav", "Tables"), see("aside li", "."), set("aside input", ""), chromedp.SendKeys("aside input", "script"+kb.Enter), see("td", "onerror"))
	b.shot("hostile")
	b.do("100 MB", set("aside input", ""), chromedp.SendKeys("aside input", "blobs"+kb.Enter), see("h1", "blobs"), see("td", "^xxx"), js("document.querySelector('td').focus()"), keys(kb.Enter, false), see("dialog", "Save all of it"))
	b.shot("long")
	b.do("close", press("dialog", "Cancel"))
	b.do("a query with a mistake", press("#top nav", "Query"), see("#sqlhelp", "Ctrl"), chromedp.SendKeys("#sql", "SELECT name, count(*)\nFROM customers c JOIN orders o ON o.customer_id = c.id\nWHERE c.nmae LIKE 'C%'\nGROUP BY name"+kb.Escape),
		keys(kb.Enter, true), see(".failure", "42703"), see(".failure .where", "line 3"))
	b.shot("mistake")
	b.do("put right", set("#sql", "SELECT c.id, name, count(*) AS orders, sum(total) AS total\nFROM customers c JOIN orders o ON o.customer_id = c.id\nWHERE c.name LIKE 'C%' -- all of them\nGROUP BY c.id ORDER BY 4 DESC"),
		press(".bar", "Run"), see(".results .foot", "rows"))
	b.shot("query")
	b.do("completion", set("#sql", ""), chromedp.SendKeys("#sql", "SELECT * FROM customers WHERE cre"), see(".menu", "created"))
	b.shot("completion")
	b.do("history", chromedp.SendKeys("#sql", kb.Escape), press(".bar", "History"), see("dialog", "nmae"))
	b.shot("history")

	b.do("close", press("dialog", "Close"))
	b.do("explain a slow one", set("#sql", "SELECT c.name, sum(i.quantity)\nFROM customers c\nJOIN orders o ON o.customer_id = c.id\nJOIN order_items i ON i.order_id = o.id\nWHERE o.total > 100 AND i.product LIKE '%7'\nGROUP BY c.name ORDER BY 2 DESC"),
		press(".bar", "Explain and run"), see(".plan", "to run"), see(".plan summary", "Seq Scan"), js("document.querySelector('.plan .hot summary').click()"))
	b.shot("plan")
	b.do("schema", press("#top nav", "Schema"), see(".drawing", "order_items"), until("document.querySelectorAll('.drawing .end').length >= 2"))
	b.shot("schema")

	sleeper := p.command("psql", "-Xqc", "SELECT pg_sleep(300) AS the_slow_one")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	b.do("cancel a session", press("#top nav", "Sessions"), see(".sessions", "the_slow_one"))
	b.shot("sessions")
	b.do("cancel it", press(".sessions", "Cancel"), see("#toasts", "canceled"))
	if err := sleeper.Wait(); err == nil {
		t.Error("the session was not canceled")
	}

	b.do("metrics", press("#top nav", "Metrics"), see(".charts", "Connections"))
	for range 4 {
		p.sql("SELECT count(*) FROM orders")
		b.do("wait", chromedp.Sleep(2*time.Second))
	}
	b.do("lines", until("document.querySelector('.series').getAttribute('points').split(' ').length > 2"))
	b.shot("metrics")

	b.do("no backup yet", press("#top nav", "Backups"), see("main", "no backup"))
	b.shot("no-backup")
	b.do("make one", press("main", "Make a backup"), see(".job", "done"), see(".list", "full_"))
	p.sql("DROP TABLE order_items")
	b.do("restore it", press(".list", "Restore …"), see("dialog h2", "Restore"), set("#into", "shop_before"), js("document.querySelector('#sure').click()"))
	b.shot("restore")
	b.do("go", press("dialog", "Restore"), see(".job", "done"), until("[...document.querySelectorAll('#top option')].some((o) => o.value === 'shop_before')"))
	b.shot("restored")
	if got := p.ok("psql", "-XAtqd", "shop_before", "-c", "SELECT count(*) FROM order_items"); got != "20000" {
		t.Error(got)
	}
	b.do("look into it", set("#top select", "shop_before"), press("#top nav", "Tables"), see("aside", "order_items"))
	b.quiet()
}
