// What a table is: its columns, keys, indexes and what refers to it.

import { call } from "./api.js";
import { empty, h, replace, visible } from "./dom.js";

export async function structure(content, place) {
  const d = await call("describe", place);
  const kinds = new Map();
  for (const x of d.details) kinds.set(x.kind, [...(kinds.get(x.kind) || []), x]);
  const titles = { constraint: "Constraints", "referred to by": "Referred to by", index: "Indexes", trigger: "Triggers", definition: "Definition" };
  replace(content, h("div", { class: "scroll pad", tabindex: "0" },
    d.columns.length ? h("table", { class: "list" }, h("thead", {}, h("tr", {}, ["Column", "Type", "", "Default", "Comment"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, d.columns.map((c) => h("tr", {}, h("th", { scope: "row" }, c.key ? h("span", { class: "key", title: "part of the key" }, "key") : null, visible(c.name)), h("td", { class: "mono" }, c.type),
        h("td", { class: "faint" }, [c.not_null ? "not null" : "", c.made ? "generated" : ""].filter(Boolean).join(", ")), h("td", { class: "mono" }, visible(c.default || "")), h("td", {}, visible(c.comment || "")))))) : empty("It has no columns."),
    [...kinds].map(([kind, list]) => [h("h2", {}, titles[kind] || kind), h("dl", {}, list.map((x) => [x.name ? h("dt", {}, visible(x.name)) : null, h("dd", {}, h("pre", {}, x.definition))]))])));
}
