// The frame: who is let in, what is shown, and which database is meant.

import { call, enter } from "./api.js";
import { button, empty, failed, h, replace } from "./dom.js";
import * as tables from "./tables.js";
import * as query from "./query.js";
import * as schema from "./schema.js";
import * as sessions from "./sessions.js";
import * as backups from "./backups.js";
import * as metrics from "./metrics.js";

const views = { tables, query, schema, sessions, backups, metrics };
const titles = { tables: "Tables", query: "Query", schema: "Schema", sessions: "Sessions", backups: "Backups", metrics: "Metrics" };
const keys = Object.keys(views);

export const state = { overview: null, database: "" };
let leave = null; // what the present view wants to do before another is shown

// go changes the address, and with it what is shown.
export const go = (...parts) => { location.hash = "#/" + parts.map(encodeURIComponent).join("/"); };
export const link = (...parts) => "#/" + parts.map(encodeURIComponent).join("/");

function header(current) {
  const o = state.overview;
  const select = h("select", { "aria-label": "Database", title: "Database", onchange: () => choose(select.value, current) },
    o.databases.map((d) => h("option", { value: d.name, selected: d.name === state.database }, d.name)));
  replace(document.getElementById("top"),
    h("span", { class: "brand", title: `PostgreSQL ${o.version}, as ${o.user}` }, o.title || "nself", h("small", {}, "studio")),
    select, o.read_only ? h("span", { class: "badge", title: "It was started with --read-only" }, "read only") : null,
    h("nav", { "aria-label": "Views" }, keys.filter((k) => k !== "backups" || o.backups).map((k) => h("a", { href: link(k), "aria-current": k === current ? "page" : null }, titles[k]))));
}

// choose shows another database: no table, and no search, is carried over.
function choose(database, view) {
  state.database = database;
  sessionStorage.setItem("database", database);
  sessionStorage.removeItem("find");
  if (location.hash === link(view)) show();
  else go(view);
}

async function show() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const name = views[parts[0]] ? parts[0] : "tables";
  if (leave) leave();
  leave = null;
  header(name);
  document.title = `${titles[name]} · ${state.overview.title || "nself"} studio`;
  const body = document.getElementById("body"), main = h("main", { id: "main", tabindex: "-1" });
  body.className = name;
  replace(body, main);
  try {
    leave = (await views[name].show(main, parts.slice(1))) || null;
  } catch (e) {
    if (main.isConnected) replace(main, failed(e));
  }
}

function signedOut() {
  replace(document.getElementById("top"), h("span", { class: "brand" }, "nself", h("small", {}, "studio")));
  replace(document.getElementById("body"), h("main", { id: "main" }, empty("This browser is not signed in.",
    h("p", {}, "An address of the studio works once, and until the studio ends. Run ", h("code", {}, "nself studio"), " again, and open the address that it prints."))));
}

async function begin() {
  const token = /^#token=(.+)$/.exec(location.hash);
  if (token) {
    history.replaceState(null, "", "/"); // it is used up, and has no place in the history
    await enter(token[1]);
  }
  state.overview = await call("overview");
  const names = state.overview.databases.map((d) => d.name), was = sessionStorage.getItem("database");
  state.database = names.includes(was) ? was : state.overview.database;
  addEventListener("hashchange", show);
  await show();
}

// refresh reads the list of databases again.
export async function refresh() {
  state.overview = await call("overview");
  header(location.hash.split("/")[1] || "tables");
}

addEventListener("studio-signed-out", signedOut);
addEventListener("keydown", (e) => {
  if (!e.altKey || e.ctrlKey || e.metaKey || !/^Digit[1-9]$/.test(e.code)) return;
  const shown = keys.filter((k) => k !== "backups" || state.overview?.backups), k = shown[Number(e.code.slice(5)) - 1];
  if (k && state.overview) { e.preventDefault(); go(k); }
});
begin().catch((e) => {
  if (e.status === 401) signedOut();
  else replace(document.getElementById("main"), failed(e), button("Try again", () => location.reload()));
});
