// A table of values that the arrow keys move through.

import { h, visible } from "./dom.js";

// value shows one: text, NULL, or the beginning of what is too long.
export function value(v) {
  if (v === null) return h("span", { class: "null" }, "NULL");
  if (typeof v === "object") return [visible(v.cut), h("span", { class: "more", title: "Only its beginning is shown" }, "…")];
  if (v === "") return h("span", { class: "null", title: "an empty string" }, "empty");
  return visible(v);
}

const numeric = /^(smallint|integer|bigint|numeric|real|double precision|int2|int4|int8|float4|float8|oid|money)/;

// grid makes one. columns: name, type, and head (an element, else the name); rows: arrays of values; open(row number,
// column number) is called for Enter and a double click.
export function grid(label, columns, open) {
  const body = h("tbody");
  const table = h("table", { class: "grid", role: "grid", "aria-label": label },
    h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col", "aria-sort": c.sort, class: numeric.test(c.type) ? "num" : null, title: c.name + ": " + c.type + (c.comment ? "\n" + c.comment : "") }, c.head || visible(c.name))))), body);
  const cell = (r, c) => body.rows[r]?.cells[c];
  let at = null;
  const focus = (td) => {
    if (!td) return;
    if (at) at.tabIndex = -1;
    at = td;
    td.tabIndex = 0;
    td.focus();
  };
  body.addEventListener("focusin", (e) => {
    const td = e.target.closest("td");
    if (td && td !== at) { if (at) at.tabIndex = -1; at = td; td.tabIndex = 0; }
  });
  body.addEventListener("click", (e) => { if (!e.target.closest("button, a") && getSelection().isCollapsed) focus(e.target.closest("td")); });
  body.addEventListener("dblclick", (e) => { const td = e.target.closest("td"); if (td && open) open(td.parentNode.sectionRowIndex, td.cellIndex); });
  body.addEventListener("keydown", (e) => {
    const td = e.target.closest("td");
    if (!td || e.ctrlKey || e.metaKey || e.altKey) return;
    const r = td.parentNode.sectionRowIndex, c = td.cellIndex, last = body.rows.length - 1;
    const moves = { ArrowDown: [r + 1, c], ArrowUp: [r - 1, c], ArrowLeft: [r, c - 1], ArrowRight: [r, c + 1], Home: [r, 0], End: [r, columns.length - 1], PageDown: [Math.min(last, r + 15), c], PageUp: [Math.max(0, r - 15), c] };
    if (moves[e.key]) { e.preventDefault(); focus(cell(...moves[e.key])); }
    if (e.key === "Enter" && open && e.target === td) { e.preventDefault(); open(r, c); }
  });
  const add = (rows) => {
    const fragment = document.createDocumentFragment();
    for (const row of rows) {
      fragment.append(h("tr", {}, row.map((v, i) => h("td", { tabindex: "-1", class: numeric.test(columns[i].type) ? "num" : null }, columns[i].show ? columns[i].show(v, row) : value(v)))));
    }
    body.append(fragment);
    if (!at && cell(0, 0)) { at = cell(0, 0); at.tabIndex = 0; }
  };
  return { element: h("div", { class: "scroll", tabindex: "-1" }, table), add, focus: (r, c) => focus(cell(r, c)) };
}
