// Releases on their way to many devices: how each rollout goes, and what people do about it.
import { get, post, remove } from "./api.js";
import { action, el, notify, tableHead } from "./dom.js";
import { check, choice, field, form, more, suggestions } from "./forms.js";
import { releasesSection } from "./releases.js";
import { fleet } from "./state.js";
import { kilobytes } from "./words.js";
import { t, told } from "./text.js";

const refresh = 3000; // milliseconds
const steps = {
  running: ["pause", "abort", "revert"],
  paused: ["resume", "abort", "revert"],
  stopped: ["resume", "abort", "revert"],
  done: ["revert", "remove"],
  aborted: ["revert", "remove"],
  reverting: ["urge", "abort"],
  reverted: ["remove"],
};
const titles = {
  pause: t`Pause`,
  resume: t`Go on`,
  abort: t`Abort`,
  revert: t`Roll back`,
  remove: t`Delete`,
  urge: t`At any hour`,
};
const questions = {
  abort: t`End this rollout where it is? What has begun goes on; nothing else begins.`,
  revert: t`Bring every device of this rollout back to what it had in place of the files of the release?`,
  urge: t`Take all of them back at once, at any hour, and though their application disabled updates?`,
  remove: t`Delete this rollout? Its devices follow what else is said of them from then on.`,
};

const isOver = (rollout) => !["running", "paused", "stopped"].includes(rollout.stage);
const stageOf = (rollout, stage) => (stage === "waiting" && isOver(rollout) ? t`never begun` : told(stage));

function counted(rollout) {
  return Object.entries(rollout.counts)
    .map(([stage, count]) => `${count} ${stageOf(rollout, stage)}`)
    .join(", ");
}

// Each wave with its devices: how many have begun, and how many of those are well.
function waveBars(rollout) {
  const names = rollout.waves.split(", ");
  return el(
    "ol",
    { class: "waves", "aria-label": t`Waves` },
    names.map((name, index) => {
      const begun = rollout.devices.filter((device) => device.wave === index + 1);
      const well = begun.filter((device) => device.stage === "healthy" || device.stage === "reverted").length;
      const failed = begun.filter((device) => device.stage === "failed").length;
      const words = begun.length
        ? t`${well} of ${begun.length} well${failed ? t`, ${failed} failed` : ""}`
        : index + 1 < rollout.wave
          ? t`adds none`
          : isOver(rollout)
            ? t`never begun`
            : t`has not begun`;
      return el(
        "li",
        { "aria-current": index + 1 === rollout.wave ? "step" : false },
        el("span", {}, `${told(name)}: ${words}`),
        el("progress", { max: Math.max(begun.length, 1), value: well, "aria-label": t`Wave ${index + 1}` }),
      );
    }),
  );
}

function deviceTable(rollout, open) {
  const details = el(
    "details",
    { open },
    el("summary", {}, t`${rollout.devices.length} devices: ${counted(rollout)}`),
    el(
      "table",
      {},
      tableHead([t`Device`, t`Wave`, t`Stage`, t`Why`]),
      el(
        "tbody",
        {},
        rollout.devices.map((device) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, el("a", { href: `#/device/${device.id}` }, device.name || device.id)),
            el("td", { "data-label": t`Wave` }, device.wave ?? (device.canary ? t`first` : "–")),
            el("td", { "data-label": t`Stage` }, stageOf(rollout, device.stage)),
            el("td", { "data-label": t`Why` }, told(device.words || device.state) || "–"),
          ),
        ),
      ),
    ),
  );
  return details;
}

function rolloutCard(rollout, open, load) {
  const over = !steps[rollout.stage] || ["done", "aborted"].includes(rollout.stage);
  return el(
    "section",
    {
      class: rollout.stage === "stopped" ? "card trouble" : "card",
      "data-stage": rollout.stage,
      "data-id": rollout.id,
      "aria-label": t`Rollout ${rollout.id}`,
    },
    el("h2", {}, t`Rollout ${rollout.id} of ${rollout.release}: ${told(rollout.stage)}`),
    rollout.words && el("p", { class: "problem" }, t`It stopped by itself: ${told(rollout.words)}`),
    waveBars(rollout),
    deviceTable(rollout, open),
    fleet.may("flash") &&
      el(
        "p",
        { class: over ? "quiet" : "" },
        (steps[rollout.stage] || []).map((step) => [
          action(titles[step], async () => {
            if (questions[step] && !confirm(questions[step])) return;
            if (step === "remove") await remove(`rollouts/${rollout.id}`);
            else if (step === "urge") await post(`rollouts/${rollout.id}/revert`, { force: true });
            else await post(`rollouts/${rollout.id}/${step}`);
            await load();
          }),
          " ",
        ]),
      ),
  );
}

function planWords(plan) {
  const inside = plan.devices.filter((device) => !device.left_out);
  const bytes = inside.reduce((sum, device) => sum + device.bytes, 0);
  const all = inside.reduce((sum, device) => sum + device.steps.length, 0);
  const minutes = Math.ceil(plan.expected_ms / 60000);
  return el(
    "div",
    { role: "status" },
    el("p", {}, t`${inside.length} devices would get ${all} files, ${kilobytes(bytes)} together.`),
    inside.length > 0 &&
      el(
        "p",
        {},
        t`Waves of ${plan.wave_sizes.join(", ")} devices; about ${minutes < 120 ? t`${minutes} minutes` : t`${Math.round(minutes / 60)} hours`} if all goes well.`,
      ),
    el(
      "ul",
      {},
      plan.devices
        .filter((device) => device.left_out || device.no_way_back || device.waits)
        .slice(0, 50)
        .map((device) =>
          el(
            "li",
            {},
            `${device.name || device.id} `,
            [
              device.left_out && t`is left out: ${told(device.left_out)}`,
              device.waits && t`waits first: ${told(device.waits)}`,
              device.no_way_back && t`could not be taken back: ${told(device.no_way_back)}`,
            ]
              .filter(Boolean)
              .join("; "),
          ),
        ),
    ),
  );
}

function startForm(releases, { groups, labels }, load) {
  const plan = el("div");
  const wish = (values) => ({
    release: values.release,
    ...(values.group.trim() && { group: values.group.trim() }),
    ...(values.label.trim() && { label: values.label.trim() }),
    ...(!values.group.trim() && !values.label.trim() && { all: true }),
    waves: values.waves,
    soak_minutes: Number(values.soak),
    ...(values.canary.trim() && { canaries: [values.canary.trim()] }),
    ...(values.at_once && { at_once: Number(values.at_once) }),
    ...(values.rate && { bytes_per_second: Number(values.rate) * 1024 }),
    ...(values.per_minute && { per_minute: Number(values.per_minute) }),
    lost_after_minutes: Number(values.lost_after),
    failures: Number(values.failures),
    failure_percent: Number(values.failure_percent),
    ...((values.hours.trim() || values.blackout.trim()) && {
      hours: values.hours,
      blackout: values.blackout,
      time_zone: values.time_zone,
    }),
    health_event: values.health_event.trim(),
    downgrade: values.downgrade === "on",
    forced: values.forced === "on",
  });
  const element = form(
    t`New rollout`,
    t`Each wave begins when all devices of the one before have proved well.`,
    [
      suggestions(
        "known-groups",
        groups.map(({ name }) => name),
      ),
      suggestions(
        "known-labels",
        labels.map(({ name }) => name),
      ),
      choice(
        t`Release`,
        "release",
        releases.map(({ name }) => [name, name]),
      ),
      field(t`Group; with neither group nor label: all devices`, {
        name: "group",
        maxlength: "64",
        required: false,
        list: "known-groups",
      }),
      field(t`Or a label`, { name: "label", maxlength: "64", required: false, list: "known-labels" }),
      field(t`Waves`, { name: "waves", value: "1, 5%, 25%, all" }),
      field(t`Minutes a device must stay well`, { name: "soak", type: "number", min: "0", max: "10000", value: "10" }),
      more(
        field(t`A device that begins before others`, { name: "canary", maxlength: "64", required: false }),
        field(t`Devices under way at once, at most`, { name: "at_once", type: "number", min: "1", required: false }),
        field(t`Devices that begin in a minute, at most`, {
          name: "per_minute",
          type: "number",
          min: "1",
          required: false,
        }),
        field(t`Kilobytes a second for all together, at most`, {
          name: "rate",
          type: "number",
          min: "4",
          required: false,
        }),
        field(t`Minutes after which one that went away has failed`, {
          name: "lost_after",
          type: "number",
          min: "1",
          max: "10000",
          value: "30",
        }),
        field(t`Failures before their share counts`, { name: "failures", type: "number", min: "1", value: "2" }),
        field(t`Share of failures that stops it, in %`, {
          name: "failure_percent",
          type: "number",
          min: "0",
          max: "100",
          value: "5",
        }),
        field(t`Event that a device publishes when it is well`, {
          name: "health_event",
          maxlength: "64",
          required: false,
        }),
        field(t`Hours, mon-fri 22:00-05:00 say`, { name: "hours", maxlength: "400", required: false }),
        field(t`Time zone of the hours`, {
          name: "time_zone",
          maxlength: "64",
          required: false,
          value: Intl.DateTimeFormat().resolvedOptions().timeZone || "",
        }),
        field(t`Days without, 2026-12-20/2027-01-06 say`, { name: "blackout", maxlength: "400", required: false }),
        check(t`also devices that have something newer`, "downgrade"),
        check(t`at once, though their application disabled updates, and at any hour`, "forced"),
      ),
      plan,
    ],
    t`Begin`,
    async (values) => {
      const wanted = wish(values);
      if (wanted.all && !confirm(t`Begin to bring ${values.release} to all devices?`)) return;
      await post("rollouts", wanted);
      plan.replaceChildren();
      notify(t`The rollout has begun.`);
      await load();
    },
  );
  element.append(
    " ",
    action(t`What would happen?`, async () => {
      plan.replaceChildren();
      const problem = element.querySelector("[role=alert]");
      problem.textContent = "";
      let answer;
      try {
        answer = await post("rollouts", { ...wish(Object.fromEntries(new FormData(element))), dry_run: true });
      } catch (error) {
        problem.textContent = error.message;
        return;
      }
      plan.replaceChildren(planWords(answer));
    }),
  );
  return element;
}

export function showRollouts(main) {
  const list = el("div");
  const making = el("div");
  let shown = "";
  const load = async () => {
    const { rollouts } = await get("rollouts");
    const text = JSON.stringify(rollouts);
    if (text === shown) return;
    shown = text;
    const open = new Set(
      [...list.querySelectorAll("section")]
        .filter((s) => s.querySelector("details").open)
        .map((s) => Number(s.dataset.id)),
    );
    list.replaceChildren(...rollouts.map((rollout) => rolloutCard(rollout, open.has(rollout.id), load)));
    if (rollouts.length === 0) list.append(el("p", { class: "quiet" }, t`There was no rollout yet.`));
  };
  const loadReleases = async () => {
    const [{ releases }, known] = await Promise.all([get("releases"), get("groups")]);
    making.replaceChildren(
      fleet.may("flash") && releases.length ? startForm(releases, known, load) : "",
      releasesSection(releases, loadReleases),
    );
  };
  main.replaceChildren(el("h1", {}, t`Rollouts`), list, making);
  fleet.follow([]);
  for (const first of [load, loadReleases]) first().catch((error) => notify(error.message, "error"));
  // The page's stream tells of devices, not of rollouts.
  let timer = 0;
  const again = async () => {
    if (!document.hidden) await load().catch(() => {});
    timer = setTimeout(again, refresh);
  };
  timer = setTimeout(again, refresh);
  return () => clearTimeout(timer);
}
