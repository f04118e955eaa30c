// The plan of a statement as a tree.

import { call } from "./api.js";
import { state } from "./app.js";
import { button, h, number, replace, seconds, visible } from "./dom.js";
import { mistake } from "./query.js";

// buttons are those of the query page.
export function buttons(ed, out) {
  const explain = async (analyze) => {
    const { sql, from } = ed.chosen();
    ed.clear();
    replace(out, h("p", { class: "busy" }, analyze ? "Running it …" : "Planning …"));
    try {
      const [p] = (await call("explain", { database: state.database, sql, analyze })).plan;
      replace(out, tree(p, analyze));
    } catch (e) {
      replace(out);
      mistake(out, ed, e, sql, from);
    }
  };
  return [button("Explain", () => explain(false), { title: "The plan, without running it" }),
    button("Explain and run", () => explain(true), { title: "The plan with the times of a run, which is rolled back" })];
}

const ms = (n) => seconds(n / 1000);

// own is the time of a node without those below it.
function own(n) {
  const all = (x) => (x["Actual Total Time"] || 0) * (x["Actual Loops"] || 1);
  return Math.max(0, all(n) - (n.Plans || []).reduce((sum, c) => sum + all(c), 0));
}

function tree(p, analyze) {
  const total = p["Execution Time"] || p.Plan["Actual Total Time"] || 0, cost = p.Plan["Total Cost"] || 1;
  const nodes = [];
  const walk = (n) => { nodes.push(n); (n.Plans || []).forEach(walk); };
  walk(p.Plan);
  const slowest = analyze ? nodes.reduce((a, b) => (own(b) > own(a) ? b : a)) : null;
  return h("section", { class: "plan", "aria-label": "Plan" },
    h("p", { class: "foot" }, analyze ? h("strong", {}, `${ms(total)} to run`) : h("strong", {}, `cost ${number(cost)}`), p["Planning Time"] ? h("span", { class: "faint" }, `${ms(p["Planning Time"])} to plan`) : null,
      slowest && total ? h("span", {}, `most of it in ${slowest["Node Type"]}${slowest["Relation Name"] ? " on " + visible(slowest["Relation Name"]) : ""}: ${ms(own(slowest))}`) : null),
    h("div", { class: "scroll", tabindex: "0" }, h("ul", { class: "nodes" }, node(p.Plan, { analyze, total, cost, slowest })), p.Triggers?.length ? h("p", { class: "note" }, p.Triggers.map((t) => `trigger ${visible(t["Trigger Name"])}: ${ms(t.Time)}`).join(", ")) : null));
}

const shown = ["Join Type", "Hash Cond", "Merge Cond", "Index Cond", "Recheck Cond", "Join Filter", "Filter", "Sort Key", "Group Key", "Sort Method", "Sort Space Used", "Hash Batches", "Heap Fetches", "Rows Removed by Filter", "Rows Removed by Join Filter", "Workers Planned", "Workers Launched", "Subplan Name", "CTE Name", "Function Name", "Shared Hit Blocks", "Shared Read Blocks", "Temp Read Blocks", "Temp Written Blocks", "WAL Bytes"];

function node(n, ctx) {
  const loops = n["Actual Loops"] || 1, rows = (n["Actual Rows"] || 0) * loops, planned = n["Plan Rows"] * loops;
  const never = ctx.analyze && n["Actual Loops"] === 0;
  const off = ctx.analyze && !never ? Math.max((rows + 1) / (planned + 1), (planned + 1) / (rows + 1)) : 1;
  const share = ctx.analyze ? (ctx.total ? own(n) / ctx.total : 0) : (n["Total Cost"] - (n.Plans || []).reduce((s, c) => s + c["Total Cost"], 0)) / ctx.cost;
  const bar = h("span", { class: "share", "aria-hidden": "true" }, h("i"));
  bar.firstChild.style.width = Math.max(0, Math.min(100, share * 100)) + "%";
  const on = [n["Index Name"] ? "by " + visible(n["Index Name"]) : "", n["Relation Name"] ? "on " + visible(n["Relation Name"]) + (n.Alias && n.Alias !== n["Relation Name"] ? " " + visible(n.Alias) : "") : ""].filter(Boolean).join(" ");
  const facts = shown.filter((k) => n[k] !== undefined && n[k] !== 0 && n[k] !== "" && k !== "Join Type" || k === "Join Type" && n[k] && n[k] !== "Inner");
  const inner = h("details", { class: n === ctx.slowest ? "hot" : null },
    h("summary", {}, bar, h("strong", {}, n["Node Type"]), on ? h("span", { class: "on" }, on) : null,
      h("span", { class: "faint" }, never ? "never run" : ctx.analyze ? `${ms(own(n))} · ${number(rows)} row${rows === 1 ? "" : "s"}${loops > 1 ? ` in ${number(loops)} rounds` : ""}` : `cost ${number(n["Total Cost"])} · about ${number(n["Plan Rows"])} rows`),
      off >= 10 ? h("span", { class: "warn", title: "Statistics may be old: ANALYZE the table" }, `${number(planned)} expected`) : null),
    h("dl", { class: "facts" }, facts.map((k) => [h("dt", {}, k), h("dd", {}, visible(Array.isArray(n[k]) ? n[k].join(", ") : String(n[k])))])));
  return h("li", {}, inner, n.Plans ? h("ul", {}, n.Plans.map((c) => node(c, ctx))) : null);
}
