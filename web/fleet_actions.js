// What is done to many devices at once: to those that are selected, or to all.
import { get, patch, post, put, remove } from "./api.js";
import { action, el, notify, setText } from "./dom.js";
import { plural } from "./words.js";
import { fleet } from "./state.js";
import { t } from "./text.js";

const at_once = 4;
const devices_in_a_list = 200;
const devices = (count) => plural(count, t`device`, t`devices`);

// Each by itself, so that one that fails keeps no other back. What `change` gives takes it back again.
async function each(ids, change, told) {
  const failed = [];
  const undo = new Map();
  let done = 0;
  const waiting = [...ids];
  const work = async () => {
    while (waiting.length) {
      const id = waiting.shift();
      try {
        const back = await change(id);
        if (back) undo.set(id, back);
        done += 1;
      } catch (error) {
        failed.push(error.message);
      }
      told(done + failed.length);
    }
  };
  await Promise.all(Array.from({ length: at_once }, work));
  const takeBack = () =>
    each(
      undo.keys(),
      (id) =>
        undo
          .get(id)()
          .then(() => null),
      () => {},
    );
  if (done) notify(t`Done for ${devices(done)}.`, "done", undo.size > 0 ? takeBack : null);
  if (failed.length) notify(t`${devices(failed.length)} could not be changed: ${failed[0]}`, "error");
}

const tell = (name) => (id) => post(`devices/${id}/${name}`).then(() => null);

// Those that are so already are left alone, then and when it is taken back.
const hold = (held) => async (id) => {
  if ((await get(`devices/${id}`)).held === held) return null;
  await post(`devices/${id}/${held ? "hold" : "release"}`);
  return () => post(`devices/${id}/${held ? "release" : "hold"}`);
};
const label = (name) => async (id) => {
  if ((await get(`devices/${id}`)).labels.includes(name)) return null;
  const path = `devices/${id}/labels/${encodeURIComponent(name)}`;
  await put(path, {});
  return () => remove(path);
};
const group = (name) => async (id) => {
  const { group: before } = await get(`devices/${id}`);
  await patch(`devices/${id}`, { group: name });
  return before === name ? null : () => patch(`devices/${id}`, { group: before });
};
const actions = [
  [t`Approve`, "administer", () => tell("approve")],
  [t`Pause`, "flash", () => hold(true)],
  [t`Resume`, "flash", () => hold(false)],
  [t`Retry`, "flash", () => tell("retry")],
  [
    t`Label…`,
    "flash",
    () => {
      const name = prompt(t`The label that they get`, "")?.trim();
      return name && label(name);
    },
  ],
  [
    t`Group…`,
    "flash",
    () => {
      const name = prompt(t`The group that they come into; empty: none`, "");
      return name === null ? null : group(name.trim());
    },
  ],
  [
    t`Delete`,
    "administer",
    (count) =>
      confirm(t`Delete ${devices(count)}, with their history? They may come again as unknown devices.`) &&
      tell("forget"),
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
    action(t`Clear selection`, clear),
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
    t`Delete all without approval`,
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
