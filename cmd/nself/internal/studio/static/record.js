// One row: to be looked at, changed, made or deleted.

import { call, download } from "./api.js";
import { button, dialog, failed, h, replace, said, visible } from "./dom.js";

const isLong = (v) => v !== null && typeof v === "object";
const lines = (v) => Math.min(10, String(v).split("\n").length + (String(v).length > 70 ? 1 : 0));

// field edits one value. get returns undefined for a column's default.
function field(c, v, { fixed, fresh }) {
  const area = h("textarea", { id: "f-" + c.name, rows: v === null ? 1 : lines(isLong(v) ? v.cut : v), value: v === null ? "" : isLong(v) ? v.cut + "…" : v, readOnly: fixed, placeholder: v === null && fixed ? "NULL" : "", spellcheck: "false" });
  const kinds = [fresh ? ["default", c.default ? "default" : "no value"] : null, ["value", "value"], c.not_null && !fresh ? null : ["null", "NULL"]].filter(Boolean);
  const kind = fixed ? null : h("select", { "aria-label": `${c.name}: value or NULL` }, kinds.map(([k, t]) => h("option", { value: k }, t)));
  const fit = () => { area.placeholder = kind.value === "value" ? "an empty string" : kind.value === "null" ? "NULL" : c.default || ""; if (kind.value !== "value") area.value = ""; };
  if (kind) {
    kind.value = fresh ? "default" : v === null ? "null" : "value";
    fit();
    kind.addEventListener("change", () => { fit(); if (kind.value === "value") area.focus(); });
    area.addEventListener("input", () => { kind.value = "value"; fit(); });
  }
  return {
    area, column: c, old: v,
    element: h("div", { class: "field" }, h("label", { for: "f-" + c.name }, c.key ? h("span", { class: "key" }, "key") : null, visible(c.name), h("small", {}, c.type + (c.made ? ", generated" : ""))), h("div", { class: "entry" }, area, kind)),
    fixed, get: () => (fixed ? v : kind.value === "value" ? area.value : kind.value === "null" ? null : undefined),
    now(value) { this.old = value; },
  };
}

// edit shows a row. done is called when it was changed.
export function edit(place, page, row, focus, done) {
  const fields = page.columns.map((c, i) => field(c, row.values[i], { fixed: !page.editable || c.made || isLong(row.values[i]) }));
  const trouble = h("div");
  fields.forEach((f) => {
    if (isLong(f.old)) f.element.append(h("div", { class: "bar" }, h("small", {}, "Only its beginning is shown, so it is not changed here."), row.key.length ? button("Save all of it", () => download("cell", { ...place, column: f.column.name, key: row.key })) : null));
  });
  const send = async (name, values, text) => {
    replace(trouble);
    try {
      await call(name, { ...place, key: row.key, values });
    } catch (e) {
      replace(trouble, conflict(e));
      trouble.scrollIntoView({ block: "nearest" });
      return;
    }
    d.close();
    said(text);
    done();
  };
  const save = () => {
    const values = fields.filter((f) => !f.fixed && f.get() !== f.old).map((f) => ({ column: f.column.name, old: f.old, new: f.get() }));
    if (values.length) send("update", values, "The row is saved.");
    else d.close();
  };
  const conflict = (e) => {
    const box = failed(e);
    if (!e.row) return box;
    const other = fields.filter((f, i) => !f.fixed && e.row.values[i] !== f.old);
    box.append(h("p", {}, "It is now:"), h("dl", {}, other.map((f) => [h("dt", {}, visible(f.column.name)), h("dd", {}, h("pre", {}, e.row.values[page.columns.indexOf(f.column)] ?? "NULL"))])),
      h("div", { class: "bar" }, button("Take what is there now", () => { d.close(); done(); }), button("Write mine over it", () => { fields.forEach((f, i) => f.now(e.row.values[i])); save(); }, { class: "danger" })));
    return box;
  };
  const sure = () => {
    const q = dialog("Delete this row?", h("p", {}, `The row of ${visible(place.name)} with ${page.columns.filter((c) => c.key).map((c, i) => `${visible(c.name)} ${visible(row.key[i] ?? "NULL")}`).join(", ")} goes for good.`),
      [button("Keep it", () => q.close(), { autofocus: true }), button("Delete", () => { q.close(); send("delete", fields.filter((f) => !isLong(f.old)).map((f) => ({ column: f.column.name, old: f.old })), "The row is deleted."); }, { class: "danger" })]);
  };
  const d = dialog(visible(place.name), [trouble, fields.map((f) => f.element)],
    page.editable ? [button("Delete …", sure, { class: "danger left" }), button("Cancel", () => d.close()), button("Save", save, { class: "primary", title: "Ctrl+Enter" })] : [button("Close", () => d.close())], { class: "record" });
  d.addEventListener("keydown", (e) => { if (page.editable && (e.ctrlKey || e.metaKey) && e.key === "Enter") { e.preventDefault(); save(); } });
  (fields.find((f) => f.column.name === focus && !f.fixed) || fields.find((f) => !f.fixed) || fields[0])?.area.focus();
}

// insert makes a row.
export function insert(place, page, done) {
  const fields = page.columns.map((c) => field(c, null, { fixed: c.made, fresh: true }));
  const trouble = h("div");
  const save = async () => {
    replace(trouble);
    try {
      await call("insert", { ...place, values: fields.filter((f) => !f.fixed && f.get() !== undefined).map((f) => ({ column: f.column.name, new: f.get() })) });
    } catch (e) {
      replace(trouble, failed(e));
      trouble.scrollIntoView({ block: "nearest" });
      return;
    }
    d.close();
    said("The row is added.");
    done();
  };
  const d = dialog(`New row of ${visible(place.name)}`, [trouble, fields.map((f) => f.element)], [button("Cancel", () => d.close()), button("Add it", save, { class: "primary", title: "Ctrl+Enter" })], { class: "record" });
  d.addEventListener("keydown", (e) => { if ((e.ctrlKey || e.metaKey) && e.key === "Enter") { e.preventDefault(); save(); } });
  fields.find((f) => !f.fixed)?.area.focus();
}
