// Backups: made, verified, and restored into a database of another name.

import { call, lines } from "./api.js";
import { refresh, state } from "./app.js";
import { button, bytes, dialog, empty, failed, h, replace, visible } from "./dom.js";

export async function show(main) {
  const area = h("div", { class: "scroll pad", tabindex: "0" }), job = h("div", { class: "job", "aria-live": "polite" });
  const make = button("Make a backup", () => work("backups/create", { database: state.database }, `Backing up ${state.database}`), { class: "primary" });
  replace(main, h("div", { class: "heading" }, h("h1", {}, "Backups"), h("span", { class: "faint grow" }), make), job, area);
  let abort = null;

  async function load() {
    try {
      const list = (await call("backups")).reverse();
      replace(area, list.length ? h("table", { class: "list stack" }, h("thead", {}, h("tr", {}, ["Backup", "Made", "Of", "Size", ""].map((t) => h("th", { scope: "col" }, t)))), h("tbody", {}, list.map(row))) :
        empty("There is no backup of this project yet.", h("p", {}, "A backup is a dump of one database with sums to prove it by. It is kept where ", h("code", {}, "nself backup list"), " looks.")));
    } catch (e) { replace(area, failed(e)); }
  }
  const row = (b) => h("tr", {}, h("th", { scope: "row" }, visible(b.id), b.damaged ? h("div", { class: "warn small" }, "damaged: " + visible(b.damaged)) : null), h("td", { class: "nowrap" }, new Date(b.created).toLocaleString()),
    h("td", {}, b.database ? visible(b.database) : "all databases", h("div", { class: "faint small" }, b.format)), h("td", { class: "nowrap" }, b.size ? bytes(b.size) : ""),
    h("td", { class: "nowrap" }, b.damaged ? null : [button("Verify", () => work("backups/verify", { id: b.id }, `Verifying ${b.id}`)), " ",
      state.overview.read_only ? null : b.database ? button("Restore …", () => restore(b)) : h("span", { class: "faint small", title: `nself backup restore ${b.id}` }, "restored by nself backup restore")]));

  function restore(b) {
    const day = new Date().toISOString().slice(0, 10).replaceAll("-", "");
    const name = h("input", { id: "into", value: `${b.database}_restored_${day}`, spellcheck: "false", autocomplete: "off", oninput: () => fit() });
    const yes = h("input", { type: "checkbox", id: "sure", onchange: () => fit() }), text = h("label", { for: "sure" }), go = button("Restore", () => { d.close(); work("backups/restore", { id: b.id, database: name.value }, `Restoring ${b.id} into ${name.value}`); }, { class: "primary" });
    const fit = () => { text.textContent = `Make the new database ${name.value} of this backup`; go.disabled = !yes.checked || !name.value; };
    const d = dialog("Restore a backup", [h("p", {}, "It becomes a new database beside the others. No database is replaced: that is ", h("code", {}, `nself backup restore ${b.id}`), "."),
      h("div", { class: "field" }, h("label", { for: "into" }, "Name of the new database"), name), h("p", { class: "check" }, yes, text)], [button("Cancel", () => d.close()), go]);
    fit();
    name.focus();
  }

  async function work(name, body, title) {
    if (abort) return;
    abort = new AbortController();
    const step = h("span", { class: "faint grow" }), stop = button("Stop", () => abort?.abort());
    make.disabled = true;
    replace(job, h("p", { class: "foot" }, h("strong", {}, title), step, stop));
    try {
      await lines(name, body, (m) => { step.textContent = m.text; if (m.kind === "finished") replace(job, h("p", { class: "foot good" }, h("strong", {}, title + ": done"), h("span", {}, visible(m.text)))); }, abort.signal);
      await refresh();
    } catch (e) {
      if (e.name === "AbortError") replace(job, h("p", { class: "foot" }, title + ": stopped."));
      else replace(job, failed(e));
    }
    abort = null;
    make.disabled = false;
    if (main.isConnected) await load();
  }
  await load();
  return () => abort?.abort();
}
