// Completion: names of tables, columns and the words of SQL, in a list below the cursor.

import { h, replace, visible } from "./dom.js";
import { keywords } from "./editor.js";

const plain = /^[a-z_][a-z0-9_$]*$/;
const quoted = (name) => (plain.test(name) && !keywords.has(name) ? name : '"' + name.replaceAll('"', '""') + '"');

// names makes candidates of the columns that the API lists.
export function names(columns) {
  const tables = new Map();
  for (const c of columns) {
    const id = c.schema + "." + c.table;
    if (!tables.has(id)) tables.set(id, { schema: c.schema, name: c.table, columns: [] });
    tables.get(id).columns.push(c);
  }
  return [...tables.values()];
}

// candidates are what may stand at the end of text; whole is all of the query.
function candidates(text, whole, tables) {
  const m = /(?:([\w$"]+)\.)?("?[\w$]*)$/.exec(text);
  const before = m[1]?.replaceAll('"', ""), typed = m[2].replace(/^"/, "").toLowerCase();
  const lower = whole.toLowerCase();
  const used = tables.filter((t) => new RegExp("(^|[^\\w$])" + t.name.toLowerCase().replace(/[^\w]/g, "\\$&") + "($|[^\\w$])").test(lower));
  let list;
  if (before) {
    // an alias, a table or a schema
    const alias = new RegExp("([\\w$\"]+)\\s+(?:as\\s+)?" + before.replace(/[^\w]/g, "\\$&") + "($|[^\\w$])", "i").exec(whole);
    const of = tables.filter((t) => t.name === before || (alias && t.name === alias[1].replaceAll('"', "")));
    list = [...of.flatMap((t) => t.columns.map((c) => ({ text: quoted(c.name), note: c.type }))),
      ...tables.filter((t) => t.schema === before).map((t) => ({ text: quoted(t.name), note: "table" }))];
  } else {
    if (typed.length < 1) return { typed: m[2], list: [] };
    list = [...used.flatMap((t) => t.columns.map((c) => ({ text: quoted(c.name), note: t.name + " · " + c.type }))),
      ...tables.map((t) => ({ text: t.schema === "public" ? quoted(t.name) : quoted(t.schema) + "." + quoted(t.name), note: "table" })),
      ...[...keywords].map((k) => ({ text: /[A-Z]/.test(m[2]) ? k.toUpperCase() : k, note: "" }))];
  }
  const seen = new Set();
  const fits = list.filter((c) => {
    const name = c.text.replaceAll('"', "").toLowerCase();
    if (!name.includes(typed) || name === typed || seen.has(c.text)) return false;
    seen.add(c.text);
    return before || typed.length > 1 || name.startsWith(typed);
  });
  const first = (c) => (c.text.replaceAll('"', "").toLowerCase().startsWith(typed) ? 0 : 1);
  return { typed: m[2], list: fits.sort((a, b) => first(a) - first(b)).slice(0, 40) };
}

export function completion(area, box, words) {
  const menu = h("ul", { class: "menu", role: "listbox", id: "sqlwords", hidden: true, "aria-label": "Completions" });
  box.append(menu);
  area.setAttribute("role", "combobox");
  area.setAttribute("aria-controls", "sqlwords");
  area.setAttribute("aria-expanded", "false");
  area.setAttribute("aria-autocomplete", "list");
  let found = null, at = 0;

  const close = () => { found = null; menu.hidden = true; area.setAttribute("aria-expanded", "false"); area.removeAttribute("aria-activedescendant"); };
  const choose = (i) => {
    at = (i + found.list.length) % found.list.length;
    [...menu.children].forEach((li, n) => li.setAttribute("aria-selected", String(n === at)));
    menu.children[at].scrollIntoView({ block: "nearest" });
    area.setAttribute("aria-activedescendant", "sqlword" + at);
  };
  const take = () => {
    const end = area.selectionStart;
    area.setRangeText(found.list[at].text, end - found.typed.length, end, "end");
    close();
    area.dispatchEvent(new Event("input"));
    close();
  };
  const open = () => {
    const text = area.value.slice(0, area.selectionStart);
    found = candidates(text, area.value, words());
    if (!found.list.length || area.selectionStart !== area.selectionEnd) return close();
    replace(menu, found.list.map((c, i) => h("li", { role: "option", id: "sqlword" + i, onmousedown: (e) => { e.preventDefault(); at = i; take(); } }, visible(c.text), h("small", {}, visible(c.note)))));
    const lines = text.split("\n"), style = getComputedStyle(area), line = parseFloat(style.lineHeight);
    const wide = document.createElement("canvas").getContext("2d");
    wide.font = style.font;
    const x = wide.measureText(lines.at(-1).slice(0, lines.at(-1).length - found.typed.length).replaceAll("\t", "    ")).width;
    menu.hidden = false;
    menu.style.top = Math.min(box.clientHeight, lines.length * line + 10 - area.scrollTop) + "px";
    menu.style.left = Math.max(0, Math.min(box.clientWidth - menu.offsetWidth, area.parentNode.offsetLeft + 8 + x - area.scrollLeft)) + "px";
    area.setAttribute("aria-expanded", "true");
    choose(0);
  };
  area.addEventListener("input", (e) => {
    if (!e.isTrusted) return;
    const before = area.value.slice(0, area.selectionStart);
    if (e.inputType === "insertText" && /(\w{2,}|\.\w*)$/.test(before) && !/'[^'\n]*$/.test(before.replace(/'[^']*'/g, "")) && !/--[^\n]*$/.test(before)) open();
    else if (found) open();
  });
  area.addEventListener("blur", close);
  area.addEventListener("keydown", (e) => {
    if (e.ctrlKey && e.key === " ") { e.preventDefault(); open(); return; }
    if (!found) return;
    const act = { ArrowDown: () => choose(at + 1), ArrowUp: () => choose(at - 1), Tab: take, Enter: take, Escape: close }[e.key];
    if (act && !(e.ctrlKey || e.metaKey)) { e.preventDefault(); e.stopImmediatePropagation(); act(); }
    else if (e.key === "ArrowLeft" || e.key === "ArrowRight") close();
  });
}
