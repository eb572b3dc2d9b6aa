// One device: what it has, what it should have, what happens next and why, and what happened.
import { vitalsOf } from "./vitals.js";
import { get, patch, post, put, remove } from "./api.js";
import { applicationOf } from "./application.js";
import { signal } from "./cloud.js";
import { action, el, notify, setText, tableHead } from "./dom.js";
import { changedKey } from "./changed_key.js";
import { eventList } from "./events.js";
import { targetFirmware } from "./target_firmware.js";
import { deviceCard, reported } from "./device_card.js";
import { deviceHistory } from "./device_history.js";
import { replaceDevice } from "./replace_device.js";
import { updatePath } from "./update_path.js";
import { nameOf, versionOf } from "./words.js";
import { fleet } from "./state.js";
import { t, told } from "./text.js";

const slot = (module) => `${module.function}/${module.index}`;

function table(headings, rows) {
  return el(
    "table",
    {},
    tableHead(headings),
    el(
      "tbody",
      {},
      rows.map((cells) =>
        el(
          "tr",
          {},
          cells.map((cell, i) =>
            el(i === 0 ? "th" : "td", i === 0 ? { scope: "row" } : { "data-label": headings[i] }, cell),
          ),
        ),
      ),
    ),
  );
}

function shouldBe(device, module) {
  const target = device.targets.find((target) => slot(target) === slot(module));
  const step = device.plan.filter((planned) => slot(planned) === slot(module)).at(-1);
  const missing = device.missing.find((need) => slot(need) === slot(module));
  if (step) return t`version ${versionOf(step)}`;
  if (missing) return t`version ${missing.version} or later, which the library lacks`;
  if (target) return t`version ${target.version}, your target`;
  return t`no change`;
}

function modulesOf(device) {
  const installed = device.modules.map((m) => [
    told(m.module) + (m.main ? "" : t` (other store)`),
    t`version ${versionOf(m)}`,
    m.main ? shouldBe(device, m) : "–",
    m.failed_checks ? t`failed: ${m.failed_checks}` : t`passed`,
  ]);
  const new_ones = device.plan
    .filter((step) => !device.modules.some((m) => m.main && slot(m) === slot(step)))
    .map((step) => [told(step.module), t`not there`, t`version ${versionOf(step)}`, "–"]);
  return table([t`Module`, t`Installed`, t`Target`, t`Integrity`], [...installed, ...new_ones]);
}

function missingOf(device) {
  if (device.missing.length)
    return el(
      "div",
      {},
      el("p", {}, t`Nothing can be sent before these files are in the library:`),
      el(
        "ul",
        {},
        device.missing.map((m) =>
          el(
            "li",
            {},
            told(m.words),
            m.file && t`. The file is called ${m.file}….bin on the releases page of Device OS.`,
          ),
        ),
        device.missing_more > 0 && el("li", {}, t`and ${device.missing_more} more`),
      ),
      el("a", { class: "button", href: "#/firmware" }, t`Add firmware`),
    );
  if (device.plan.length) return "";
  return el(
    "p",
    { class: "quiet" },
    device.modules.length ? t`Nothing is to be sent.` : t`What it needs is known when it has said what it runs.`,
  );
}

// Which rules it follows, and whose they are.
function rulesOf(policy) {
  const says = [
    policy.target && t`It shall have ${told(policy.target.words)}: so says the rule for ${told(policy.target.rule)}.`,
    policy.held_by && t`Its updates are paused: so says the rule for ${told(policy.held_by)}.`,
    ...policy.windows.map(
      (window) => t`It is updated ${told(window.words)}: so says the rule for ${told(window.rule)}.`,
    ),
    policy.rollout && t`Rollout ${policy.rollout} says what it has in the slots of its release.`,
  ].filter(Boolean);
  if (says.length === 0) return "";
  const links = [el("a", { href: "#/targets" }, t`All rules`)];
  if (policy.rollout) links.push(" · ", el("a", { href: "#/rollouts" }, t`Rollouts`));
  return el("p", {}, says.join(" "), " ", links);
}

export function showDevice(main, id) {
  const heading = el("h1");
  const card = deviceCard();
  const experts = reported();
  const path = updatePath();
  const replacing = replaceDevice(
    () => fleet.devices.get(id),
    (is) => {
      forgotten = is;
    },
    (other) => {
      location.hash = `#/device/${other}`;
    },
  );
  const rules = el("div");
  const modules = el("div");
  const plan = el("div");
  const history = deviceHistory();
  const target = targetFirmware(id);
  const key = el("div");
  const buttons = el("div", { class: "bar" });
  const application = el("div");
  const events = el("section");
  let endEvents = () => {};
  let endApplication = () => {};
  const away = el("p", { class: "quiet", hidden: true }, t`It is not connected: nothing can be asked of it now.`);
  let shownApplication = "";
  let signaling = false;
  let left = false;
  let forgotten = false;
  let shownKey = "";
  let library = [];
  let steps = [];

  const tell = (path, done, body) => async () => {
    await post(`devices/${id}/${path}`, body);
    notify(done);
  };
  const showButtons = (device) => {
    const state = device.shown_state;
    const flashes = fleet.may("flash");
    const administers = fleet.may("administer");
    buttons.replaceChildren(
      ...[
        administers &&
          device.approval !== "approved" &&
          !device.changed_key &&
          action(t`Approve`, tell("approve", t`Approved.`), { class: "primary" }),
        administers && device.approval !== "refused" && action(t`Refuse`, tell("refuse", t`Refused.`)),
        flashes &&
          state !== "held" &&
          (state === "parked" || state === "waiting") &&
          action(t`Retry now`, tell("retry", t`It is tried again.`), { class: "primary" }),
        flashes &&
          state === "updates_disabled" &&
          !device.forced &&
          action(
            t`Update all the same`,
            tell("force", t`It is told to take its next update though its application disabled updates.`),
            { class: "primary" },
          ),
        flashes &&
          (device.held
            ? action(t`Resume updates`, tell("release", t`It is updated again.`), { class: "primary" })
            : action(t`Pause updates`, tell("hold", t`Its updates are paused.`))),
        fleet.may("call") &&
          device.connected &&
          action(signaling ? t`Stop signaling` : t`Signal`, async () => {
            await signal(id, !signaling);
            signaling = !signaling;
            showButtons(device);
            notify(signaling ? t`Its light shows a rainbow.` : t`Its light is its own again.`);
          }),
        flashes &&
          action(t`Rename`, async () => {
            const name = prompt(t`A name for this device`, device.name);
            if (name === null || name === device.name) return;
            await patch(`devices/${id}`, { name });
            notify(t`Renamed.`, "done", () => patch(`devices/${id}`, { name: device.name }));
          }),
        flashes &&
          action(t`Group`, async () => {
            const group = prompt(t`The group it is in; empty: none`, device.group);
            if (group === null || group.trim() === device.group) return;
            await patch(`devices/${id}`, { group: group.trim() });
            notify(t`Its group is another one.`, "done", () => patch(`devices/${id}`, { group: device.group }));
          }),
        flashes && action(t`Labels`, () => changeLabels()),
        flashes &&
          action(t`Notes`, async () => {
            const remarks = prompt(t`What should be known about this device`, device.remarks);
            if (remarks !== null) await patch(`devices/${id}`, { remarks });
          }),
        administers && replacing.open,
        administers &&
          action(
            t`Delete`,
            async () => {
              if (!confirm(t`Delete ${nameOf(device)}, with its history? It may come again as an unknown device.`))
                return;
              forgotten = true; // what comes now is of a device that is not there
              await post(`devices/${id}/forget`);
              location.hash = fleet.listAddress;
            },
            { class: "danger" },
          ),
      ].filter(Boolean),
    );
  };
  // What was asked before stays to be read.
  const showReachable = (device) => application.children[1]?.toggleAttribute("inert", !device.connected);
  const showApplication = (device) => {
    if (!fleet.user || device.approval !== "approved") return;
    const key = JSON.stringify(device.application);
    away.hidden = device.connected;
    if (key === shownApplication || left) return showReachable(device);
    if (!shownApplication) {
      const list = eventList(id);
      endEvents = list.end;
      events.append(el("h2", {}, t`Events`), list.element);
    }
    shownApplication = key;
    endApplication();
    const built = applicationOf(id, device.application);
    endApplication = built.end;
    application.replaceChildren(away, built.element, vitalsOf(id));
    showReachable(device);
  };
  const changeLabels = async () => {
    const { labels } = await get(`devices/${id}`);
    const text = prompt(t`Its labels, with commas between them`, labels.join(", "));
    if (text === null) return;
    const wanted = new Set(
      text
        .split(",")
        .map((label) => label.trim())
        .filter(Boolean),
    );
    const path = (label) => `devices/${id}/labels/${encodeURIComponent(label)}`;
    for (const label of wanted) if (!labels.includes(label)) await put(path(label), {});
    for (const label of labels) if (!wanted.has(label)) await remove(path(label));
    await showDetails();
  };
  // What only this answer has, and the stream of changes has not.
  const showDetails = async () => {
    const device = await get(`devices/${id}`);
    card.labels(device.labels);
    showApplication(device);
    key.replaceChildren(device.changed_key ? changedKey(device) : "");
    steps = device.steps;
    path.update(fleet.devices.get(id) || device, steps);
    history.update(device);
    experts.update(device);
  };
  const show = (device) => {
    setText(heading, nameOf(device));
    card.update(device);
    path.update(device, steps);
    // Everything below changes rarely: it is built again only when it does.
    const shown = JSON.stringify([
      device.name,
      device.remarks,
      device.connected,
      device.approval,
      device.state,
      device.state_words,
      device.held,
      device.changed_key,
      device.forced,
      device.modules,
      device.plan,
      device.missing,
      device.targets,
      device.policy,
      device.group,
      library.length,
    ]);
    if (shown === shownKey) return;
    shownKey = shown;
    modules.replaceChildren(modulesOf(device));
    plan.replaceChildren(missingOf(device), ...device.notes.map((note) => el("p", { class: "quiet" }, told(note))));
    rules.replaceChildren(rulesOf(device.policy));
    showButtons(device);
    target.update(device, library);
    showDetails().catch((error) => notify(error.message, "error"));
  };
  const onChange = (event) => {
    if (forgotten) return;
    if (!event.detail) return load().catch((error) => notify(error.message, "error"));
    if (!event.detail.has(id)) return;
    const device = fleet.devices.get(id);
    if (device) return show(device);
    setText(heading, t`No such device`);
    card.gone(t`It was deleted, or never was here.`);
    shownKey = "";
    for (const each of [key, target.element, buttons, modules, path.element, plan, rules, history.element, application])
      each.replaceChildren();
  };
  // Of a device that is away the stream says nothing.
  const load = async () => {
    if (forgotten) return;
    try {
      fleet.devices = new Map([[id, await get(`devices/${id}`)]]);
    } catch (error) {
      if (error.status !== 404) throw error;
      fleet.devices = new Map();
    }
    onChange({ detail: new Set([id]) });
  };

  main.replaceChildren(
    el("p", {}, el("a", { href: fleet.listAddress }, t`← Fleet`)),
    heading,
    card.element,
    key,
    buttons,
    replacing.place,
    rules,
    el("section", {}, el("h2", {}, t`What happens next`), path.element, plan),
    el("section", {}, application),
    el("section", {}, el("h2", {}, t`Modules`), modules),
    fleet.may("flash") ? el("section", {}, el("h2", {}, t`Target firmware`), target.element) : "",
    events,
    el("section", {}, history.element),
    experts.element,
  );
  fleet.addEventListener("change", onChange);
  fleet.follow([id]);
  load().catch((error) => notify(error.message, "error"));
  get("firmware").then((answer) => {
    library = answer.modules;
    if (fleet.devices.has(id)) onChange({ detail: new Set([id]) });
  });
  return () => {
    fleet.removeEventListener("change", onChange);
    left = true;
    endEvents();
    endApplication();
  };
}
