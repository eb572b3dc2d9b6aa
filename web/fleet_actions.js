// What is done to many devices at once: to those that are selected, or to all.
import { get, patch, post, put } from "./api.js";
import { action, el, notify, setText } from "./dom.js";
import { plural } from "./words.js";
import { fleet } from "./state.js";
import { t } from "./text.js";

const at_once = 4;
const devices_in_a_list = 200;
const devices = (count) => plural(count, t`device`, t`devices`);

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
  if (done) notify(t`Done for ${devices(done)}.`);
  if (failed.length) notify(t`${devices(failed.length)} could not be changed: ${failed[0]}`, "error");
}

const told = (name) => (id) => post(`devices/${id}/${name}`);
const actions = [
  [t`Approve`, "administer", () => told("approve")],
  [t`Pause`, "flash", () => told("hold")],
  [t`Resume`, "flash", () => told("release")],
  [t`Retry`, "flash", () => told("retry")],
  [
    t`Label…`,
    "flash",
    () => {
      const label = prompt(t`The label that they get`, "")?.trim();
      return label && ((id) => put(`devices/${id}/labels/${encodeURIComponent(label)}`, {}));
    },
  ],
  [
    t`Group…`,
    "flash",
    () => {
      const group = prompt(t`The group that they come into; empty: none`, "");
      return group === null ? null : (id) => patch(`devices/${id}`, { group: group.trim() });
    },
  ],
  [
    t`Delete`,
    "administer",
    (count) =>
      confirm(t`Delete ${devices(count)}, with their history? They may come again as unknown devices.`) &&
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
  const progress = el("progress", { max: "1", value: "0", hidden: true, "aria-label": t`Done so far` });
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
        name === t`Delete` ? { class: "danger" } : {},
      ),
    );
  const bar = el(
    "div",
    { class: "bar selection", role: "group", "aria-label": t`Selected devices`, hidden: true },
    count,
    action(t`Select all that are listed`, all),
    action(t`Clear`, clear),
    buttons,
    progress,
  );
  const update = () => {
    bar.hidden = selected.size === 0;
    setText(count, t`${selected.size} selected`);
  };
  return { element: bar, update };
}

/** What is said to the whole fleet. */
export function fleetButtons() {
  const pause = action("", async () => {
    await post(fleet.paused ? "fleet/resume" : "fleet/pause");
  });
  const forget = action(
    t`Delete all waiting`,
    async () => {
      const waiting = fleet.summary.states.awaiting_approval || 0;
      if (!confirm(t`Delete ${devices(waiting)} waiting for approval? They may come again.`)) return;
      await post("fleet/forget_pending");
      notify(t`Deleted.`);
    },
    { class: "danger", hidden: true },
  );
  const update = action(t`Update all`, async () => {
    const failed = fleet.summary.states.parked || 0;
    const effects = [
      failed > 0 && plural(failed, t`that failed is tried again.`, t`that failed are tried again.`),
      fleet.paused && t`The pause of all updates ends.`,
      t`Devices that are paused stay paused.`,
    ].filter(Boolean);
    if (!confirm(t`Look at every approved device again? ${effects.join(" ")}`)) return;
    await post("fleet/update");
    notify(t`Every approved device is looked at again.`);
  });
  const show = () => {
    forget.hidden = !fleet.summary.states.awaiting_approval;
    setText(pause, fleet.paused ? t`Resume all updates` : t`Pause all updates`);
  };
  const elements = [fleet.may("administer") && forget, fleet.may("flash") && pause, fleet.may("flash") && update];
  return { elements, show };
}
