// The tables: a list of them, and the rows of one.

import { call } from "./api.js";
import { go, link, state } from "./app.js";
import { about, button, bytes, empty, failed, h, number, replace, visible } from "./dom.js";
import { grid } from "./grid.js";
import { structure } from "./structure.js";
import { edit, insert } from "./record.js";

const ops = [["=", "="], ["<>", "≠"], ["<", "<"], ["<=", "≤"], [">", ">"], [">=", "≥"], ["contains", "contains"], ["null", "is NULL"], ["not null", "is not NULL"]];
const PAGE = 100;

export async function show(main, [schema, name, part]) {
  const side = h("aside", { "aria-label": "Tables", class: name ? "chosen" : null });
  main.before(side);
  replace(main, name ? h("p", { class: "busy" }, "Reading …") : empty("Choose a table.", h("p", {}, "Its rows, its columns and what it refers to are shown here.")));
  const relations = await call("relations", { database: state.database });
  list(side, relations, schema, name);
  if (!relations.length) {
    replace(main, empty("There are no tables in this database yet.", h("p", {}, "Make one under ", h("a", { href: link("query") }, "Query"), ", or run ", h("code", {}, "nself db migrate"), ".")));
    return;
  }
  if (name) await open(main, relations.find((r) => r.schema === schema && r.name === name) || { schema, name, kind: "table", rows: -1 }, part);
}

function list(side, relations, schema, name) {
  const found = h("ul");
  const search = h("input", { type: "search", placeholder: `Find among ${relations.length}`, "aria-label": "Find a table", value: sessionStorage.getItem("find") || "" });
  const fill = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    sessionStorage.setItem("find", search.value);
    const fit = relations.filter((r) => words.every((w) => (r.schema + "." + r.name).toLowerCase().includes(w)));
    let last = "";
    replace(found, fit.slice(0, 1000).map((r) => {
      const head = r.schema !== last && relations.some((x) => x.schema !== "public") ? h("li", { class: "schema" }, visible(r.schema)) : null;
      last = r.schema;
      const here = r.schema === schema && r.name === name;
      return [head, h("li", {}, h("a", { href: link("tables", r.schema, r.name), "aria-current": here ? "page" : null, title: [r.kind, r.size ? bytes(r.size) : "", r.comment].filter(Boolean).join(", ") },
        h("span", { class: r.kind === "table" ? "name" : "name other" }, visible(r.name)), h("small", {}, r.kind.includes("view") ? "view" : about(r.rows))))];
    }), fit.length ? null : h("li", { class: "none" }, "None has such a name."));
  };
  search.addEventListener("input", fill);
  search.addEventListener("keydown", (e) => {
    if (e.key === "ArrowDown" || e.key === "Enter") { e.preventDefault(); (e.key === "Enter" ? found.querySelector("a")?.click() : found.querySelector("a")?.focus()); }
  });
  found.addEventListener("keydown", (e) => {
    if (e.key !== "ArrowDown" && e.key !== "ArrowUp") return;
    e.preventDefault();
    const all = [...found.querySelectorAll("a")], i = all.indexOf(document.activeElement) + (e.key === "ArrowDown" ? 1 : -1);
    (i < 0 ? search : all[Math.min(i, all.length - 1)]).focus();
  });
  fill();
  replace(side, search, found);
  found.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}

async function open(main, relation, part) {
  const { schema, name } = relation;
  const place = { database: state.database, schema, name };
  const content = h("div", { class: "content" });
  const tab = (label, to) => h("a", { href: to, "aria-current": (part === "structure") === to.endsWith("/structure") ? "page" : null }, label);
  replace(main, h("div", { class: "heading" }, h("a", { class: "back", href: link("tables"), "aria-label": "All tables" }, "‹"),
    h("h1", {}, schema === "public" ? null : h("span", { class: "faint" }, visible(schema) + "."), visible(name)),
    h("span", { class: "faint" }, [relation.kind === "table" ? "" : relation.kind, relation.rows >= 0 ? `about ${number(relation.rows)} row${relation.rows === 1 ? "" : "s"}` : "", relation.size ? bytes(relation.size) : ""].filter(Boolean).join(" · ")),
    h("nav", { class: "tabs", "aria-label": "Of this table" }, tab("Rows", link("tables", schema, name)), tab("Structure", link("tables", schema, name, "structure")))), content);
  if (part === "structure") await structure(content, place);
  else await rows(content, place, relation);
}

async function rows(content, place, relation) {
  const view = { filters: JSON.parse(history.state?.filters || "[]"), sort: "", desc: false };
  const trail = [{ after: null, offset: 0 }]; // where each page up to this one begins
  const bar = h("form", { class: "filters", onsubmit: (e) => { e.preventDefault(); first(); } });
  const area = h("div", { class: "fill" }), foot = h("div", { class: "foot" });
  let page, abort;
  replace(content, bar, area, foot);

  const first = () => { trail.splice(1); load(); };
  async function load(focus) {
    abort?.abort();
    abort = new AbortController();
    area.setAttribute("aria-busy", "true");
    const at = trail[trail.length - 1];
    try {
      page = await call("rows", { ...place, ...view, after: at.after, offset: at.offset, limit: PAGE }, abort.signal);
    } catch (e) {
      if (e.name !== "AbortError") { area.removeAttribute("aria-busy"); replace(area, failed(e)); }
      if (!page) filterBar();
      return;
    }
    area.removeAttribute("aria-busy");
    filterBar();
    draw();
    if (focus) focus();
  }

  function draw() {
    const g = grid(`Rows of ${place.name}`, page.columns.map((c) => ({ ...c, head: head(c), sort: view.sort === c.name ? (view.desc ? "descending" : "ascending") : null })), (r, c) => record(r, c));
    g.add(page.rows.map((r) => r.values));
    if (page.rows.length) replace(area, g.element);
    else replace(area, view.filters.length ? empty("No row fits the filters.", button("Remove them", () => { view.filters = []; first(); })) : empty(trail.length > 1 ? "There are no more rows." : "The table is empty."));
    footer();
  }

  function head(c) {
    const sorted = view.sort === c.name;
    return h("button", { type: "button", class: "sort", onclick: () => { [view.sort, view.desc] = sorted ? (view.desc ? ["", false] : [c.name, true]) : [c.name, false]; first(); } },
      c.key ? h("span", { class: "key", title: "part of the key" }, "key") : null, visible(c.name), h("span", { class: "dir", "aria-hidden": "true" }, sorted ? (view.desc ? " ▾" : " ▴") : ""));
  }

  function footer() {
    const n = trail.length, more = page.next || page.offset;
    replace(foot,
      button("‹ Before", () => { trail.pop(); load(); }, { disabled: n === 1 }), h("span", {}, `Page ${n}`),
      button("Next ›", () => { trail.push({ after: page.next, offset: page.offset }); load(); }, { disabled: !more }),
      h("span", { class: "faint grow" }, page.rows.length ? `${page.rows.length} row${page.rows.length === 1 ? "" : "s"}${more ? "" : n > 1 ? ", the last" : ""}` : "", page.ordered ? "" : " · in no order"),
      button("Read again", () => load()),
      page.editable ? button("New row", () => insert(place, page, () => load()), { class: "primary" }) : h("span", { class: "faint", title: "Rows are told apart by a primary key, or by a unique index without NULL" }, state.overview.read_only ? "read only" : "no key: not editable"));
  }

  function record(r, c) {
    edit(place, page, page.rows[r], page.columns[c]?.name, () => load(() => area.querySelector("tbody")?.rows[r]?.cells[c]?.focus()));
  }

  function filterBar() {
    const columns = page?.columns || [];
    const draw = () => replace(bar, view.filters.map((f, i) => {
      const none = f.op.includes("null");
      return h("span", { class: "filter" },
        h("select", { "aria-label": "Column", onchange: (e) => { f.column = e.target.value; } }, columns.map((c) => h("option", { value: c.name, selected: c.name === f.column }, visible(c.name)))),
        h("select", { "aria-label": "Condition", onchange: (e) => { f.op = e.target.value; draw(); } }, ops.map(([v, t]) => h("option", { value: v, selected: v === f.op }, t))),
        none ? null : h("input", { "aria-label": "Value", value: f.value, oninput: (e) => { f.value = e.target.value; } }),
        button("×", () => { view.filters.splice(i, 1); first(); }, { "aria-label": "Remove this filter" }));
    }), button("+ Filter", () => {
      view.filters.push({ column: columns[0]?.name, op: "=", value: "" });
      draw();
      bar.querySelector(".filter:last-of-type select")?.focus();
    }, { disabled: !columns.length }), view.filters.length ? h("button", { class: "primary" }, "Apply") : null);
    draw();
  }
  await load();
}
