// How the fleet is, in one sentence and a tile for each state that some devices are in.
import { el, setText } from "./dom.js";
import { fleet } from "./state.js";
import { countedStates, needsPerson, plural } from "./words.js";
import { t } from "./text.js";

// Behind a number, of one device or many.

function sentence({ devices, states }) {
  if (devices === 0) return t`No device yet.`;
  const waiting = needsPerson.reduce((sum, state) => sum + (states[state] || 0), 0);
  const updating = states.updating || 0;
  const parts = [];
  if (waiting) parts.push(plural(waiting, t`device needs you`, t`devices need you`));
  const others = waiting
    ? [t`is being updated`, t`are being updated`]
    : [t`device is being updated`, t`devices are being updated`];
  if (updating) parts.push(plural(updating, ...others));
  if (parts.length === 0) {
    if ((states.current || 0) === devices) return devices === 1 ? t`All is well.` : t`All ${devices} devices are well.`;
    return t`Nothing needs you. ${states.current || 0} of ${plural(devices, t`device is`, t`devices are`)} up to date.`;
  }
  return `${parts.join(", ")}.`;
}

/** `choose(state)`: a tile was pressed; an empty state: the pressed one again. */
export function fleetSummary(choose) {
  const words = el("p", { id: "summary", role: "status" });
  const note = el("p", { class: "quiet" });
  const tiles = el("div", { class: "tiles", role: "group", "aria-label": t`Devices by state` });
  let chosen = "";
  const known = new Map();
  const tile = (state) => {
    if (known.has(state)) return known.get(state);
    const count = el("strong");
    const button = el(
      "button",
      { type: "button", class: "tile", "data-state": state, onclick: () => choose(chosen === state ? "" : state) },
      el("span", { class: "mark" }),
      count,
      ` ${countedStates[state] || state}`,
    );
    known.set(state, { button, count });
    return known.get(state);
  };
  const show = (state) => {
    chosen = state;
    const { devices, connected, states } = fleet.summary;
    setText(words, sentence(fleet.summary));
    const trouble = needsPerson.some((each) => states[each] && each !== "awaiting_approval");
    words.className = trouble ? "trouble" : devices > 0 && states.current === devices ? "well" : "";
    setText(note, devices ? t`${connected} online${fleet.paused ? t`. All updates are paused by you` : ""}.` : "");
    const order = [...needsPerson, "updating"];
    const rank = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
    const present = Object.keys(states)
      .filter((name) => states[name] > 0)
      .sort((a, b) => rank(a) - rank(b) || states[b] - states[a]);
    if (chosen && !present.includes(chosen)) present.push(chosen);
    const wanted = present.map((name) => tile(name).button);
    for (const name of present) {
      setText(tile(name).count, String(states[name] || 0));
      tile(name).button.setAttribute("aria-pressed", String(name === chosen));
    }
    if (wanted.some((each, i) => tiles.children[i] !== each) || wanted.length !== tiles.children.length)
      tiles.replaceChildren(...wanted);
  };
  return { elements: [words, note, tiles], show };
}
