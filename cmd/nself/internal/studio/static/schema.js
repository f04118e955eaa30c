// The tables and what refers to what, drawn.

import { call } from "./api.js";
import { link, state } from "./app.js";
import { names } from "./complete.js";
import { button, empty, h, replace, svg, visible } from "./dom.js";

const WIDE = 210, LINE = 18, HEAD = 26, GAP = 26, BETWEEN = 90, MOST = 14, TABLES = 200;
const short = (s, n) => (s.length > n ? s.slice(0, n - 1) + "…" : s);

export async function show(main) {
  const all = names(await call("columns", { database: state.database }));
  const schemas = [...new Set(all.map((t) => t.schema))];
  let schema = schemas.includes(sessionStorage.getItem("schema")) ? sessionStorage.getItem("schema") : schemas[0], scale = 1;
  const area = h("div", { class: "scroll drawing", tabindex: "0" }), note = h("span", { class: "faint grow" });
  const choose = h("select", { "aria-label": "Schema", onchange: () => { schema = choose.value; sessionStorage.setItem("schema", schema); draw(); } }, schemas.map((s) => h("option", { value: s, selected: s === schema }, visible(s))));
  const zoom = (f) => () => { scale = Math.min(2, Math.max(0.3, scale * f)); size(); };
  replace(main, h("div", { class: "heading" }, h("h1", {}, "Schema"), choose, note, button("−", zoom(1 / 1.25), { "aria-label": "Smaller" }), button("+", zoom(1.25), { "aria-label": "Larger" })), area);
  if (!all.length) return void replace(area, empty("There is nothing to draw yet.", h("p", {}, "Tables are drawn with their columns, and lines from each foreign key to what it refers to.")));
  const size = () => { const d = area.querySelector("svg"), [, , w, hh] = d.getAttribute("viewBox").split(" ").map(Number); d.setAttribute("width", w * scale); d.setAttribute("height", hh * scale); };

  function draw() {
    const tables = all.filter((t) => t.schema === schema).slice(0, TABLES);
    note.textContent = tables.length === TABLES ? `the first ${TABLES} tables` : `${tables.length} table${tables.length === 1 ? "" : "s"}`;
    const [boxes, width, height] = place(tables, area.clientWidth);
    const lines = [];
    for (const b of boxes.values()) for (const [i, c] of b.table.columns.entries()) {
      const to = c.to_schema === schema && boxes.get(c.to_table);
      if (!to) continue;
      const j = to.table.columns.findIndex((x) => x.name === c.to_column);
      lines.push(line(b, row(i), to, row(j)));
    }
    replace(area, svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `Tables of ${schema}` }, svg("g", { class: "edges" }, lines), [...boxes.values()].map(box)));
    size();
  }
  draw();
}

const row = (i) => HEAD + LINE * (Math.min(Math.max(i, 0), MOST) + 0.5);
const tall = (t) => HEAD + LINE * (Math.min(t.columns.length, MOST) + (t.columns.length > MOST ? 1 : 0)) + 6;

// place puts what is referred to on the left of what refers to it, and tables without relations below.
function place(tables, wide) {
  const by = new Map(tables.map((t) => [t.name, t])), rank = new Map();
  const targets = (t) => t.columns.filter((c) => c.to_schema === t.schema && c.to_table !== t.name && by.has(c.to_table)).map((c) => by.get(c.to_table));
  const level = (t, path) => {
    if (rank.has(t)) return rank.get(t);
    if (path.includes(t)) return 0; // a circle
    const r = Math.max(-1, ...targets(t).map((x) => level(x, [...path, t]))) + 1;
    rank.set(t, r);
    return r;
  };
  const related = new Set();
  for (const t of tables) for (const x of targets(t)) { related.add(t); related.add(x); }
  for (const t of tables) level(t, []);
  const columns = [];
  for (const t of tables.filter((t) => related.has(t))) (columns[rank.get(t)] ||= []).push(t);
  const boxes = new Map();
  let x = 16, bottom = 16;
  for (const c of columns.filter(Boolean)) {
    // beside what they refer to
    const near = (t) => { const ys = targets(t).map((o) => boxes.get(o.name)?.y).filter((y) => y !== undefined); return ys.length ? ys.reduce((a, b) => a + b) / ys.length : 0; };
    c.sort((a, b) => near(a) - near(b) || a.name.localeCompare(b.name));
    let y = 16;
    for (const t of c) { boxes.set(t.name, { table: t, x, y, h: tall(t) }); y += tall(t) + GAP; }
    bottom = Math.max(bottom, y);
    x += WIDE + BETWEEN;
  }
  const width = Math.max(x - BETWEEN + 16, wide - 20);
  const lonely = tables.filter((t) => !related.has(t)), across = Math.max(1, Math.floor((width - 16) / (WIDE + GAP))), low = Array(across).fill(bottom);
  for (const t of lonely) {
    const i = low.indexOf(Math.min(...low));
    boxes.set(t.name, { table: t, x: 16 + i * (WIDE + GAP), y: low[i], h: tall(t) });
    low[i] += tall(t) + GAP;
  }
  return [boxes, width, Math.max(bottom, ...low)];
}

function line(a, ay, b, by) {
  const right = a.x > b.x, x1 = right ? a.x : a.x + WIDE, x2 = b.x + WIDE, y1 = a.y + ay, y2 = b.y + by, bend = right ? Math.max(30, (x1 - x2) / 2) : 50;
  const d = right ? `M${x1} ${y1} C${x1 - bend} ${y1} ${x2 + bend} ${y2} ${x2} ${y2}` : `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 + bend} ${y2} ${x2} ${y2}`;
  return svg("g", {}, svg("path", { d, class: "edge" }), svg("circle", { cx: x2, cy: y2, r: 3, class: "end" }));
}

function box({ table, x, y, h: tallness }) {
  const columns = table.columns.slice(0, MOST), more = table.columns.length - columns.length;
  return svg("a", { href: link("tables", table.schema, table.name), class: "box", transform: `translate(${x} ${y})`, "aria-label": `${visible(table.name)}: ${table.columns.length} columns${table.columns.filter((c) => c.to_table).map((c) => `, ${c.name} refers to ${c.to_table}`).join("")}` },
    svg("title", {}, visible(table.schema + "." + table.name)), svg("rect", { width: WIDE, height: tallness, rx: 6, class: "frame" }), svg("path", { d: `M0 ${HEAD} H${WIDE}`, class: "edge rule" }), svg("text", { x: 9, y: 18, class: "name" }, short(visible(table.name), 26)),
    columns.map((c, i) => [svg("text", { x: 9, y: HEAD + LINE * i + 14, class: c.key ? "column key1" : "column" }, short((c.to_table ? "→ " : "") + visible(c.name), 18)), svg("text", { x: WIDE - 9, y: HEAD + LINE * i + 14, class: "type" }, short(c.type.replace("timestamp with time zone", "timestamptz").replace("character varying", "varchar"), 14))]),
    more ? svg("text", { x: 9, y: HEAD + LINE * MOST + 14, class: "type1" }, `and ${more} more`) : null);
}
