// Who is connected, what they do, and whose locks they wait for.

import { call } from "./api.js";
import { state } from "./app.js";
import { button, dialog, empty, failed, h, replace, said, seconds, visible } from "./dom.js";

const EVERY = 2000;

export async function show(main) {
  const area = h("div", { class: "scroll pad", tabindex: "0" }), idle = h("input", { type: "checkbox", checked: sessionStorage.getItem("idle") === "1" });
  const live = h("input", { type: "checkbox", checked: true }), count = h("span", { class: "faint grow" });
  replace(main, h("div", { class: "heading" }, h("h1", {}, "Sessions"), count, h("label", { class: "check" }, idle, "idle ones too"), h("label", { class: "check" }, live, "live")), area);
  let last = "", timer;
  async function load() {
    clearTimeout(timer);
    try {
      const all = await call("sessions", { database: state.database });
      const text = JSON.stringify(all.map((s) => ({ ...s, age: Math.round(s.age), transaction: s.transaction && Math.round(s.transaction) }))) + idle.checked;
      if (text !== last) draw(all);
      last = text;
    } catch (e) {
      replace(area, failed(e));
      last = "";
      if (e.status === 401) return;
    }
    if (main.isConnected) timer = setTimeout(() => (live.checked && !document.hidden ? load() : (timer = setTimeout(load, EVERY))), EVERY);
  }
  idle.addEventListener("change", () => { sessionStorage.setItem("idle", idle.checked ? "1" : ""); load(); });
  live.addEventListener("change", () => load());

  function draw(all) {
    const others = all.filter((s) => !s.own), list = others.filter((s) => idle.checked || s.state !== "idle" || others.some((o) => o.blocked_by.includes(s.pid)));
    const blockers = new Set(others.flatMap((s) => s.blocked_by));
    count.textContent = `${others.length} session${others.length === 1 ? "" : "s"}, ${others.filter((s) => s.state === "active").length} active${all.length > others.length ? `, ${all.length - others.length} of the studio` : ""}`;
    const at = document.activeElement?.dataset?.key;
    replace(area, list.length ? h("table", { class: "list stack sessions" }, h("thead", {}, h("tr", {}, ["Session", "State", "For", "What", ""].map((t) => h("th", { scope: "col" }, t)))), h("tbody", {}, list.map((s) => row(s, blockers)))) :
      empty(others.length ? "All sessions are idle." : "No other session is connected.", h("p", {}, "Sessions appear here as they connect or run something.")));
    if (at) area.querySelector(`[data-key="${at}"]`)?.focus();
  }

  function row(s, blockers) {
    const act = (session) => async () => {
      try {
        await call("sessions/end", { pid: s.pid, session });
        said(session ? `Session ${s.pid} is ended.` : `The statement of session ${s.pid} is canceled.`);
      } catch (e) { said(e.message, "error"); }
      setTimeout(load, 150);
    };
    const sure = () => {
      const d = dialog(`End session ${s.pid}?`, h("p", {}, `The connection of ${visible(s.application || s.user)} is closed, and its open transaction is rolled back.`),
        [button("Keep it", () => d.close(), { autofocus: true }), button("End it", () => { d.close(); act(true)(); }, { class: "danger" })]);
    };
    const waits = s.blocked_by.length;
    return h("tr", { class: waits ? "blocked" : blockers.has(s.pid) ? "blocking" : null },
      h("th", { scope: "row" }, String(s.pid), h("div", { class: "faint small nowrap" }, [s.user, s.database, s.application].filter(Boolean).map(visible).join(" · "))),
      h("td", {}, visible(s.state), s.wait && s.state === "active" ? h("div", { class: "faint small" }, s.wait) : null,
        waits ? h("div", { class: "warn small" }, `waits for ${s.blocked_by.join(", ")}`) : null, blockers.has(s.pid) ? h("div", { class: "warn small" }, "others wait for it") : null),
      h("td", { class: "nowrap" }, seconds(Math.max(1, Math.round(s.age))), s.transaction !== null && s.state !== "active" ? h("div", { class: "faint small" }, `transaction ${seconds(Math.max(1, Math.round(s.transaction)))}`) : null),
      h("td", { class: "what" }, h("code", {}, visible(s.query)), s.locks.length ? h("details", {}, h("summary", { class: "faint small" }, `${s.locks.length} lock${s.locks.length === 1 ? "" : "s"}`), h("ul", {}, s.locks.map((l) => h("li", {}, visible(l))))) : null),
      h("td", { class: "nowrap" }, state.overview.read_only ? null : [s.state === "active" ? button("Cancel", act(false), { "data-key": "c" + s.pid, title: "Cancel its statement" }) : null, " ", button("End …", sure, { class: "danger", "data-key": "e" + s.pid })]));
  }
  await load();
  return () => clearTimeout(timer);
}
