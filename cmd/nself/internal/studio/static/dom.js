// Elements, made of text alone: nothing that came from a database is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(e, attributes, children) {
  for (const [name, v] of Object.entries(attributes)) {
    if (v === undefined || v === null || v === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), v);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "readOnly") e[name] = v;
    else e.setAttribute(name, v === true ? "" : v);
  }
  e.append(...children.flat(2).filter((c) => c !== null && c !== undefined && c !== false));
  return e;
}

// h makes an HTML element; attributes that begin with "on" are listeners.
export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

// svg makes an SVG element.
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// replace puts other children into an element.
export const replace = (e, ...children) => e.replaceChildren(...children.flat(2).filter((c) => c !== null && c !== undefined && c !== false));

// visible makes control characters, and those that change the direction of text, seen instead of obeyed.
export function visible(text) {
  return text.replace(/[\u0000-\u001f\u007f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (c) => {
    const n = c.charCodeAt(0);
    if (c === "\n") return "⏎";
    if (c === "\t") return "⇥";
    return "⟨U+" + n.toString(16).toUpperCase().padStart(4, "0") + "⟩";
  });
}

// said tells something in the corner, and to screen readers.
export function said(text, kind = "info") {
  const e = h("div", { class: "toast " + kind }, text);
  document.getElementById("toasts").append(e);
  setTimeout(() => e.remove(), kind === "error" ? 12000 : 5000);
}

// failed shows an error of the API in its place.
export function failed(error) {
  return h("div", { class: "failure", role: "alert" },
    h("strong", {}, error.message), error.code ? h("code", { title: "SQLSTATE" }, error.code) : null,
    error.detail ? h("p", {}, error.detail) : null, error.hint ? h("p", { class: "hint" }, error.hint) : null);
}

export const empty = (text, ...more) => h("div", { class: "empty" }, h("p", {}, text), ...more);

export function button(label, click, attributes = {}) {
  return h("button", { type: "button", onclick: click, ...attributes }, label);
}

export function bytes(n) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  while (n >= 10240 && i < units.length - 1) { n /= 1024; i++; }
  return Math.round(n) + " " + units[i];
}

export const number = (n) => Math.round(n).toLocaleString("en");

export function about(n) {
  if (n < 0) return "";
  if (n < 10000) return number(n);
  const units = [[1e9, "bn"], [1e6, "m"], [1e3, "k"]];
  for (const [size, unit] of units) if (n >= size) return (n / size).toFixed(n / size < 10 ? 1 : 0) + " " + unit;
  return number(n);
}

export function seconds(s) {
  if (s < 0.001) return "<1 ms";
  if (s < 1) return Math.round(s * 1000) + " ms";
  if (s < 120) return s.toFixed(s < 10 && s % 1 ? 2 : 0) + " s";
  if (s < 7200) return Math.round(s / 60) + " min";
  return (s / 3600).toFixed(1) + " h";
}

// dialog opens one, and removes it when it is closed.
export function dialog(title, content, actions, attributes = {}) {
  const id = "d" + Math.random().toString(36).slice(2);
  const d = h("dialog", { "aria-labelledby": id, ...attributes },
    h("form", { method: "dialog" }, h("h2", { id }, title), h("div", { class: "content" }, content), h("div", { class: "actions" }, actions)));
  d.addEventListener("close", () => d.remove());
  document.body.append(d);
  d.showModal();
  return d;
}
