// Talks to /v1, as Particle's tools do: what is asked of a device itself, and the events.
import { Problem } from "./api.js";
import { t } from "./text.js";

async function ask(method, path, fields) {
  const options = { method, headers: { "X-Drydock": "1" } };
  if (fields) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(fields);
  }
  let response;
  try {
    response = await fetch(`v1/${path}`, options);
  } catch {
    throw new Problem(0, t`Drydock cannot be reached`);
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, body.error || t`the server answered ${response.status}`);
  return body;
}

const at = (id, name) => `devices/${id}/${encodeURIComponent(name)}`;
export const call = async (id, name, arg) => (await ask("POST", at(id, name), { arg })).return_value;
export const read = async (id, name) => (await ask("GET", at(id, name))).result;
export const vitals = async (id) => (await ask("GET", `diagnostics/${id}/last`)).diagnostics;
export const signal = (id, on) => ask("PUT", `devices/${id}`, { signal: on ? "1" : "0" });
export const publish = (name, data) => ask("POST", "devices/events", { name, data });

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// One event of a stream is some lines "field: value" before an empty one.
function parseEvent(block) {
  const fields = Object.fromEntries(
    block
      .split("\n")
      .map((line) => /^(event|data): (.*)$/.exec(line))
      .filter(Boolean)
      .map(([, field, value]) => [field, value]),
  );
  return fields.event && fields.data ? { name: fields.event, ...JSON.parse(fields.data) } : null;
}

/**
 * Hands every event to `take` from now on, of one device or of all; `state` is told whether it listens. Returns what ends
 * it. (An EventSource only hears events whose names it knows before.) A tab that is hidden does not listen: a browser has
 * six connections for all tabs together.
 */
export function listen(device, take, state) {
  const path = device ? `v1/devices/${device}/events` : "v1/events";
  let ended = false;
  let current = null;
  const once = async (signal) => {
    const response = await fetch(path, { signal });
    if (!response.ok) throw new Problem(response.status, "no events");
    state(true);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (text + value).split("\n\n");
      text = blocks.pop();
      blocks.map(parseEvent).filter(Boolean).forEach(take);
    }
  };
  const follow = async () => {
    const mine = (current = new AbortController());
    while (!ended && !document.hidden && mine === current) {
      await once(mine.signal).catch(() => {});
      if (!ended && mine === current) state(false);
      await pause(3000);
    }
  };
  const shown = () => {
    current?.abort();
    current = null;
    if (!document.hidden) follow();
  };
  document.addEventListener("visibilitychange", shown);
  shown();
  return () => {
    ended = true;
    document.removeEventListener("visibilitychange", shown);
    current?.abort();
  };
}
