// The way of an update, step by step: what the device was seen to have, what it is being sent, what comes then.
import { el } from "./dom.js";
import { clock, kilobytes, titled } from "./words.js";
import { t, told } from "./text.js";

const marks = { done: ["✓", t`done`], now: ["●", t`under way`], next: ["○", t`to come`] };

function stepItem(kind, title, words, bar) {
  const [mark, meaning] = marks[kind];
  return el(
    "li",
    { class: kind, "aria-current": kind === "now" ? "step" : null },
    el("span", { class: "path-mark", "aria-hidden": "true" }, mark),
    el("div", {}, el("strong", {}, title), el("span", { class: "visually-hidden" }, `, ${meaning}`), words, bar),
  );
}

/** Bytes a second of what the device took before; 0: it took nothing yet. */
export function rateOf(steps) {
  const taken = steps.filter((step) => step.finished_at > step.started_at && step.started_at > 0 && !step.error);
  const seconds = taken.reduce((sum, step) => sum + (step.finished_at - step.started_at) / 1000, 0);
  return seconds > 0 ? taken.reduce((sum, step) => sum + step.bytes_total, 0) / seconds : 0;
}

/** An element and its update(device, steps): `steps` are those of its history, newest first. */
export function updatePath() {
  const list = el("ol", { class: "path" });
  const sum = el("p", { class: "quiet" });
  const element = el("div", {}, list, sum);
  let bar = null;
  let shown = "";
  const build = (device, steps) => {
    const done = device.progress ? device.progress.step - 1 : 0;
    const behind = steps
      .filter((step) => step.state === "verified")
      .slice(0, done)
      .reverse();
    const rate = rateOf(steps);
    const lasts = (bytes) => (rate > 0 ? t`, about ${clock(bytes / rate)}` : "");
    bar = device.progress && el("progress", { max: "100", "aria-label": t`Of this file` });
    list.replaceChildren(
      ...behind.map((step) =>
        stepItem(
          "done",
          t`${told(step.module)} version ${step.version}`,
          el("p", { class: "quiet" }, told(step.reason)),
        ),
      ),
      ...device.plan.map((step, i) => {
        const now = i === 0 && device.progress;
        const from = step.from_version === null ? "" : t`, in place of version ${step.from_version}`;
        const older = step.from_version !== null && step.from_version > step.version;
        return stepItem(
          now ? "now" : "next",
          titled(step),
          el(
            "p",
            { class: "quiet" },
            `${kilobytes(step.size)}${now ? "" : lasts(step.size)}${from}. ${told(step.reason)}`,
            older && el("strong", { class: "older" }, t` It is older than what it has.`),
          ),
          now && bar,
        );
      }),
    );
    list.hidden = behind.length + device.plan.length === 0;
    const bytes = device.plan.reduce((all, step) => all + (step.size || 0), 0);
    sum.textContent =
      device.plan.length > 1
        ? t`${device.plan.length} files, ${kilobytes(bytes)}${lasts(bytes)}; the device restarts after each.`
        : "";
  };
  const update = (device, steps) => {
    const now = JSON.stringify([device.plan, device.progress?.step, Boolean(device.progress), steps]);
    if (now !== shown) build(device, steps);
    shown = now;
    if (bar && device.progress) bar.value = (100 * device.progress.bytes) / device.progress.bytes_total;
  };
  return { element, update };
}
