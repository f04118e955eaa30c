// The editor: a text area, which every assistive program and every keyboard knows, over a copy of its text that has the
// colours, and the mark where PostgreSQL found a mistake.

import { h, replace } from "./dom.js";
import { completion } from "./complete.js";

export const keywords = new Set(("all alter analyze and any array as asc begin between by cascade case cast check collate column commit constraint create cross current_date current_timestamp current_user database default delete desc distinct do drop else end except execute exists explain extension false fetch filter for foreign from full function generated grant group having identity if ilike in index inner insert intersect into is join key lateral left like limit materialized natural not null nulls offset on only or order outer over partition primary procedure references refresh returning revoke right rollback row rows schema select sequence set show table temporary then to trigger true truncate type union unique update using vacuum values view when where window with").split(" "));

const token = /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*'?|\$(\w*)\$[\s\S]*?(?:\$\3\$|$))|("(?:[^"]|"")*"?)|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(\d+(?:\.\d+)?)/g;

// coloured splits SQL into spans.
function coloured(sql) {
  const out = [];
  let at = 0;
  for (const m of sql.matchAll(token)) {
    const cls = m[1] ? "comment" : m[2] ? "string" : m[4] ? "ident" : m[6] ? "numeral" : keywords.has(m[0].toLowerCase()) ? "keyword" : "";
    if (!cls) continue;
    out.push([sql.slice(at, m.index), ""], [m[0], cls]);
    at = m.index + m[0].length;
  }
  out.push([sql.slice(at), ""]);
  return out;
}

// offset is where a character of PostgreSQL's counting (code points from 1) is in a string of JavaScript's.
export function offset(text, position) {
  let i = 0;
  for (let n = 1; n < position && i < text.length; n++) i += text.codePointAt(i) > 0xffff ? 2 : 1;
  return i;
}

export function editor(words, run) {
  const area = h("textarea", { id: "sql", "aria-label": "SQL", spellcheck: "false", autocapitalize: "off", autocomplete: "off", wrap: "off", rows: 9, placeholder: "SELECT …", "aria-describedby": "sqlhelp" });
  const back = h("pre", { "aria-hidden": "true" }), gutter = h("div", { class: "gutter", "aria-hidden": "true" });
  const box = h("div", { class: "editor" }, gutter, h("div", { class: "text" }, back, area));
  let mark = null;

  const paint = () => {
    const parts = [];
    let at = 0;
    for (const [text, cls] of coloured(area.value)) {
      let pieces = [[text, ""]];
      if (mark && mark.from < at + text.length && mark.to > at) {
        const a = Math.max(0, mark.from - at), b = Math.min(text.length, mark.to - at);
        pieces = [[text.slice(0, a), ""], [text.slice(a, b), "mark"], [text.slice(b), ""]];
      }
      for (const [t, m] of pieces) if (t) parts.push(cls || m ? h(m ? "mark" : "span", { class: cls }, t) : t);
      at += text.length;
    }
    replace(back, parts, "\n");
    const n = area.value.split("\n").length;
    if (gutter.childElementCount !== n) replace(gutter, Array.from({ length: n }, (_, i) => h("div", {}, String(i + 1))));
    scroll();
  };
  const scroll = () => { back.scrollTop = area.scrollTop; back.scrollLeft = area.scrollLeft; gutter.scrollTop = area.scrollTop; };
  area.addEventListener("input", () => { mark = null; sessionStorage.setItem("sql", area.value); paint(); });
  area.addEventListener("scroll", scroll);
  completion(area, box, words);
  area.addEventListener("keydown", (e) => { if ((e.ctrlKey || e.metaKey) && e.key === "Enter") { e.preventDefault(); run(); } });

  const set = (text) => { area.value = text; mark = null; sessionStorage.setItem("sql", text); paint(); };
  set(sessionStorage.getItem("sql") || "");
  return {
    element: box, area, set,
    // chosen is the text that is to be run, and where it begins: what is selected, or all.
    chosen() {
      const { selectionStart: a, selectionEnd: b, value } = area;
      return b > a && value.slice(a, b).trim() ? { sql: value.slice(a, b), from: a } : { sql: value, from: 0 };
    },
    // wrong marks the word at an offset, and puts the cursor there.
    wrong(from) {
      const rest = area.value.slice(from), word = /^((?:[\w$\u0080-\uffff]+|"[^"]*"?)(?:\.(?:[\w$\u0080-\uffff]+|"[^"]*"?))*|'[^']*'?|\S)/.exec(rest);
      mark = { from: word ? from : Math.max(0, from - 1), to: from + (word ? word[0].length : 1) };
      paint();
      area.focus();
      area.setSelectionRange(from, from);
    },
    clear() { mark = null; paint(); },
  };
}
