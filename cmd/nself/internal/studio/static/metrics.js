// What the server does, plotted while the page is open.

import { call } from "./api.js";
import { bytes, failed, h, number, replace, svg } from "./dom.js";

const EVERY = 2000, KEEP = 180;
const samples = []; // kept while another view is shown

const rate = (k) => (a, b) => Math.max(0, (b[k] - a[k]) / (b.at - a.at));
const per = (n) => (n >= 100 ? number(n) : n.toFixed(1));
const charts = [
  { title: "Connections", unit: number, lines: [["active", (a, b) => b.active], ["idle", (a, b) => b.idle], ["idle in a transaction", (a, b) => b.in_tx], ["waiting for a lock", (a, b) => b.waiting]], note: (s) => `of ${s.limit}` },
  { title: "Transactions a second", unit: per, lines: [["committed", rate("commits")], ["rolled back", rate("rollbacks")]], note: (s) => (s.deadlocks ? `${number(s.deadlocks)} deadlocks so far` : "") },
  { title: "Rows a second", unit: per, lines: [["read", rate("returned")], ["changed", rate("changed")]] },
  { title: "Found in shared buffers, %", unit: (n) => n.toFixed(1), max: 100, lines: [["hits", (a, b) => { const hit = b.hits - a.hits, all = hit + b.reads - a.reads; return all > 0 ? (100 * hit) / all : null; }]] },
  { title: "Blocks a second from outside them", unit: per, lines: [["read", rate("reads")]] },
  { title: "Bytes a second into files", unit: bytes, lines: [["write-ahead log", rate("wal")], ["temporary files", rate("temp")]], note: (s) => `${number(s.checkpoints)} checkpoints so far` },
];

export async function show(main) {
  const area = h("div", { class: "charts" }), problem = h("div"), note = h("span", { class: "faint grow" });
  replace(main, h("div", { class: "heading" }, h("h1", {}, "Metrics"), note), problem, h("div", { class: "scroll pad", tabindex: "0" }, area));
  let timer;
  async function tick() {
    try {
      const s = await call("metrics");
      if (samples.length && s.at - samples.at(-1).at > 30) samples.length = 0; // too long away to join
      samples.push(s);
      if (samples.length > KEEP) samples.shift();
      replace(problem);
      note.textContent = samples.length > 1 ? `all databases, the last ${Math.round(s.at - samples[0].at)} s; the studio's own connections are not counted` : "A moment: growth needs two looks.";
      replace(area, charts.map((c) => chart(c, s)));
    } catch (e) {
      replace(problem, failed(e));
      if (e.status === 401) return;
    }
    if (main.isConnected) timer = setTimeout(tick, document.hidden ? EVERY * 5 : EVERY);
  }
  await tick();
  return () => clearTimeout(timer);
}

const W = 380, H = 110;

function chart(c, now) {
  const series = c.lines.map(([name, f]) => ({ name, at: samples.slice(1).map((b, i) => [b.at, f(samples[i], b)]).filter(([, v]) => v !== null && isFinite(v)) }));
  const span = Math.max(60, now.at - samples[0].at);
  const most = c.max || Math.max(1, ...series.flatMap((s) => s.at.map(([, v]) => v)));
  const top = c.max || nice(most), x = (t) => W - ((now.at - t) / span) * W, y = (v) => H - 4 - (v / top) * (H - 12);
  const drawing = svg("svg", { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", "aria-hidden": "true" }, [0, 0.5, 1].map((g) => svg("line", { x1: 0, x2: W, y1: y(top * g), y2: y(top * g), class: "gridline" })),
    series.map((s, i) => svg("polyline", { class: "series s" + i, points: s.at.map(([t, v]) => x(t).toFixed(1) + "," + y(v).toFixed(1)).join(" ") })));
  return h("figure", {}, h("figcaption", {}, h("strong", {}, c.title), h("span", { class: "faint" }, c.note ? c.note(now) : "")), h("div", { class: "plot" }, h("span", { class: "top faint" }, c.unit(top)), drawing),
    h("ul", { class: "legend" }, series.map((s, i) => h("li", {}, h("i", { class: "s" + i }), s.name + " ", h("b", {}, s.at.length ? c.unit(s.at.at(-1)[1]) : "–")))));
}

// nice is the next number above that begins with 1, 2 or 5.
function nice(n) {
  const p = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 5, 10].map((k) => k * p).find((k) => k >= n * 0.999);
}
