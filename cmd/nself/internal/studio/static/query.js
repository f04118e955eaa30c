// The query page.

import { call, download, lines } from "./api.js";
import { state } from "./app.js";
import { names } from "./complete.js";
import { button, dialog, empty, failed, h, number, replace, said, seconds, visible } from "./dom.js";
import { editor, offset } from "./editor.js";
import { grid } from "./grid.js";
import { buttons } from "./plan.js";

export async function show(main) {
  let words = [], abort = null;
  const out = h("div", { class: "results", tabindex: "-1", "aria-live": "polite" });
  const ed = editor(() => words, () => run());
  const only = h("input", { type: "checkbox", checked: state.overview.read_only || sessionStorage.getItem("only") === "1", disabled: state.overview.read_only, onchange: () => sessionStorage.setItem("only", only.checked ? "1" : "") });
  const go = button("Run", () => run(), { class: "primary", title: "Ctrl+Enter; what is selected, or all" });
  const stop = button("Stop", () => abort?.abort(), { disabled: true });
  replace(main, ed.element,
    h("div", { class: "bar" }, go, stop, ...buttons(ed, out),
      button("Export CSV", () => download("export", { database: state.database, sql: ed.chosen().sql }), { title: "Run one statement read-only, and save all of its rows" }),
      button("History", () => past(ed)), h("label", { class: "check" }, only, "Read only"),
      h("span", { class: "faint grow", id: "sqlhelp" }, "Ctrl+Enter runs, Ctrl+Space completes. Each run is a session of its own.")), out);
  replace(out, empty("Nothing was run yet.", h("p", {}, "Write a query above. Its rows, or its mistake, are shown here.")));
  ed.area.focus();
  call("columns", { database: state.database }).then((c) => { words = names(c); }, () => {});

  async function run() {
    if (abort) return;
    const { sql, from } = ed.chosen();
    ed.clear();
    abort = new AbortController();
    go.disabled = true;
    stop.disabled = false;
    replace(out);
    out.setAttribute("aria-busy", "true");
    try {
      await lines("query", { database: state.database, sql, read_only: only.checked }, shower(out), abort.signal);
    } catch (e) {
      if (e.name === "AbortError") out.append(h("p", { class: "note" }, "Stopped."));
      else mistake(out, ed, e, sql, from);
    }
    out.removeAttribute("aria-busy");
    abort = null;
    go.disabled = false;
    stop.disabled = true;
  }
  return () => abort?.abort();
}

// shower shows what a query answers with, as it comes.
function shower(out) {
  let box, table, rows = 0, columns = [];
  return (m) => {
    switch (m.kind) {
      case "statement":
        box = h("section", { "aria-label": `Statement ${m.at}` });
        out.append(box);
        [table, rows, columns] = [null, 0, []];
        break;
      case "columns":
        columns = m.columns;
        table = grid("Result", columns, (r, c) => look(columns, table.data[r], c));
        table.data = [];
        box.append(table.element);
        break;
      case "rows":
        table.add(m.rows);
        table.data.push(...m.rows);
        rows += m.rows.length;
        break;
      case "notice":
        (box || out).append(h("p", { class: "note" }, h("strong", {}, m.severity + " "), visible(m.message)));
        break;
      case "done":
        if (table && !rows) table.element.append(h("p", { class: "none" }, "No rows."));
        box.append(h("p", { class: "foot" }, h("span", {}, table ? `${m.more ? "The first " : ""}${number(rows)} row${rows === 1 ? "" : "s"}${m.more ? ": there are more" : ""}` : m.tag), h("span", { class: "faint" }, seconds(m.time)),
          m.open ? h("span", { class: "warn" }, "The transaction is rolled back unless this run commits it.") : null));
    }
  };
}

// look shows one row of a result.
function look(columns, row, at) {
  const d = dialog("Row", columns.map((c, i) => {
    const v = row[i], long = v !== null && typeof v === "object";
    return h("div", { class: "field" }, h("label", {}, visible(c.name), h("small", {}, c.type + (long ? ` · ${number(v.bytes)} bytes, the first ${number(v.cut.length)} characters` : ""))),
      h("textarea", { readOnly: true, rows: Math.min(12, String(long ? v.cut : v).split("\n").length), value: v === null ? "NULL" : long ? v.cut : v }));
  }), [h("button", {}, "Close")], { class: "record" });
  d.querySelectorAll("textarea")[at]?.focus();
}

// mistake shows an error, and where it is.
export function mistake(out, ed, e, sql, from) {
  const f = failed(e);
  if (e.position) {
    const at = offset(sql, e.position), begin = sql.lastIndexOf("\n", at - 1) + 1;
    const end = sql.indexOf("\n", at) < 0 ? sql.length : sql.indexOf("\n", at);
    const line = ed.area.value.slice(0, from + at).split("\n").length;
    const cut = Math.max(begin, at - 60);
    f.append(h("pre", { class: "where" }, `line ${line}: `, sql.slice(cut, at), h("mark", {}, sql.slice(at, Math.min(end, at + 1)) || " "), sql.slice(at + 1, Math.min(end, at + 60))),
      button("Go to it", () => ed.wrong(from + at)));
    ed.wrong(from + at);
  }
  out.append(f);
}

async function past(ed) {
  const entries = await call("history").catch((e) => { said(e.message, "error"); return null; });
  if (!entries) return;
  const found = h("ul", { class: "past" });
  const search = h("input", { type: "search", placeholder: "Find", "aria-label": "Find in the history", oninput: () => fill() });
  const fill = () => replace(found, entries.filter((e) => e.sql.toLowerCase().includes(search.value.toLowerCase())).slice(0, 200).map((e) => h("li", {},
    h("button", { type: "button", onclick: () => { ed.set(e.sql); d.close(); ed.area.focus(); } }, h("code", {}, e.sql.length > 300 ? e.sql.slice(0, 300) + "…" : e.sql),
      h("small", { class: e.error ? "warn" : "" }, `${new Date(e.at).toLocaleString()} · ${e.database || ""} · ${seconds(e.seconds)}${e.error ? " · " + e.error : ` · ${number(e.rows)} rows`}`)))),
  entries.length ? null : h("li", { class: "none" }, "Nothing was run yet."));
  const d = dialog("History", [search, found], [button("Clear it", async () => { await call("history/clear"); d.close(); said("The history is empty now."); }, { disabled: !entries.length }), h("button", {}, "Close")], { class: "wide" });
  fill();
}
