// What is done to many devices at once: to those that are selected, or to all.
import { get, patch, post, put } from "./api.js";
import { action, el, notify, setText } from "./dom.js";
import { plural } from "./words.js";
import { fleet } from "./state.js";

const at_once = 4;
const devices_in_a_list = 200;
const devices = (count) => plural(count, "device", "devices");

// Each by itself, so that one that fails keeps no other back.
async function each(ids, change, told) {
  const failed = [];
  let done = 0;
  const waiting = [...ids];
  const work = async () => {
    while (waiting.length) {
      const id = waiting.shift();
      try {
        await change(id);
        done += 1;
      } catch (error) {
        failed.push(error.message);
      }
      told(done + failed.length);
    }
  };
  await Promise.all(Array.from({ length: at_once }, work));
  if (done) notify(`Done for ${devices(done)}.`);
  if (failed.length) notify(`${devices(failed.length)} could not be changed: ${failed[0]}`, "error");
}

const told = (name) => (id) => post(`devices/${id}/${name}`);
const actions = [
  ["Approve", "administer", () => told("approve")],
  ["Pause", "flash", () => told("hold")],
  ["Resume", "flash", () => told("release")],
  ["Retry", "flash", () => told("retry")],
  [
    "Label…",
    "flash",
    () => {
      const label = prompt("The label that they get", "")?.trim();
      return label && ((id) => put(`devices/${id}/labels/${encodeURIComponent(label)}`, {}));
    },
  ],
  [
    "Group…",
    "flash",
    () => {
      const group = prompt("The group that they come into; empty: none", "");
      return group === null ? null : (id) => patch(`devices/${id}`, { group: group.trim() });
    },
  ],
  [
    "Delete",
    "administer",
    (count) =>
      confirm(`Delete ${devices(count)}, with their history? They may come again as unknown devices.`) &&
      told("forget"),
  ],
];

/** The ids of all devices that a list would show, whatever page they are on. */
export async function idsLike(query) {
  const ids = [];
  const asked = new URLSearchParams(query);
  asked.set("limit", devices_in_a_list);
  asked.delete("after");
  for (;;) {
    const page = await get(`devices?${asked}`);
    ids.push(...page.devices.map((device) => device.id));
    if (!page.next) return ids;
    asked.set("after", page.next);
  }
}

/** A bar that is there while something is selected. `selected` is a set of ids, `all` selects whatever the list is of. */
export function selectionBar(selected, all, clear) {
  const count = el("strong", { role: "status" });
  const progress = el("progress", { max: "1", value: "0", hidden: true, "aria-label": "Done so far" });
  const buttons = actions
    .filter(([, scope]) => fleet.may(scope))
    .map(([name, , begin]) =>
      action(
        name,
        async () => {
          const ids = [...selected];
          const change = begin(ids.length);
          if (!change) return;
          progress.hidden = false;
          await each(ids, change, (done) => {
            progress.value = done / ids.length;
          });
          progress.hidden = true;
          clear();
        },
        name === "Delete" ? { class: "danger" } : {},
      ),
    );
  const bar = el(
    "div",
    { class: "bar selection", role: "group", "aria-label": "Selected devices", hidden: true },
    count,
    action("Select all that are listed", all),
    action("Clear", clear),
    buttons,
    progress,
  );
  const update = () => {
    bar.hidden = selected.size === 0;
    setText(count, `${selected.size} selected`);
  };
  return { element: bar, update };
}

/** What is said to the whole fleet. */
export function fleetButtons() {
  const pause = action("", async () => {
    await post(fleet.paused ? "fleet/resume" : "fleet/pause");
  });
  const forget = action(
    "Delete all waiting",
    async () => {
      const waiting = fleet.summary.states.awaiting_approval || 0;
      if (!confirm(`Delete ${devices(waiting)} waiting for approval? They may come again.`)) return;
      await post("fleet/forget_pending");
      notify("Deleted.");
    },
    { class: "danger", hidden: true },
  );
  const update = action("Update all", async () => {
    const failed = fleet.summary.states.parked || 0;
    const effects = [
      failed > 0 && `${failed} that failed ${failed === 1 ? "is" : "are"} tried again.`,
      fleet.paused && "The pause of all updates ends.",
      "Devices that are paused stay paused.",
    ].filter(Boolean);
    if (!confirm(`Look at every approved device again? ${effects.join(" ")}`)) return;
    await post("fleet/update");
    notify("Every approved device is looked at again.");
  });
  const show = () => {
    forget.hidden = !fleet.summary.states.awaiting_approval;
    setText(pause, fleet.paused ? "Resume all updates" : "Pause all updates");
  };
  const elements = [fleet.may("administer") && forget, fleet.may("flash") && pause, fleet.may("flash") && update];
  return { elements, show };
}
