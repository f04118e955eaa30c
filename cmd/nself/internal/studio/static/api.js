// The studio's API. The key stays in this origin's storage, which a server on another port cannot see, and goes with every
// call; the cookie goes by itself.

const STORED = "nself-studio-key";

export class Failure extends Error {
  constructor(f, status) {
    super(f.message || "the studio does not answer");
    Object.assign(this, f, { status });
  }
}

async function post(name, body, signal) {
  let r;
  try {
    r = await fetch("/api/" + name, {
      method: "POST", signal, credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-Studio-Key": localStorage.getItem(STORED) || "" },
      body: JSON.stringify(body || {}),
    });
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new Failure({ message: "The studio does not answer.", hint: "It has ended: run nself studio again, and use the new address." }, 0);
  }
  if (!r.ok) {
    const f = await r.json().catch(() => ({ message: r.statusText }));
    if (r.status === 401) dispatchEvent(new CustomEvent("studio-signed-out"));
    throw new Failure(f, r.status);
  }
  return r;
}

// enter gives the one-time token of the address for a key and a cookie.
export async function enter(token) {
  const r = await post("enter", { token });
  localStorage.setItem(STORED, (await r.json()).key);
}

// call is one function of the API.
export async function call(name, body, signal) {
  return (await post(name, body, signal)).json();
}

// lines calls a function that answers with an object a line.
export async function lines(name, body, each, signal) {
  const r = await post(name, body, signal);
  const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    rest += value;
    const parts = rest.split("\n");
    rest = parts.pop();
    for (const p of parts) {
      const v = JSON.parse(p);
      if (v.kind === "error") throw new Failure(v, 422);
      each(v);
    }
  }
  if (rest.trim()) throw new Failure({ message: "The answer broke off." }, 0);
}

// download has the browser save what a function answers with.
export function download(name, body) {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: "/api/" + name, hidden: true });
  for (const [n, v] of [["key", localStorage.getItem(STORED) || ""], ["in", JSON.stringify(body)]]) {
    const i = document.createElement("input");
    Object.assign(i, { type: "hidden", name: n, value: v });
    form.append(i);
  }
  document.body.append(form);
  form.submit();
  form.remove();
}
