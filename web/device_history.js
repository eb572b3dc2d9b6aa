// What happened to a device: for people, by kind, with how long it took and how long ago it was.
import { el, tableHead } from "./dom.js";
import { ago, clock, kilobytes, time } from "./words.js";
import { t, told } from "./text.js";

// What a line of the history is about, and the sign for it.
const subjects = {
  updates: [t`Updates`, "⬇", ["sending", "sent", "verified", "failed", "interrupted", "state", "rollout"]],
  connections: [t`Connections`, "⇄", ["connected", "replaced"]],
  people: [t`What people decided`, "✎", ["decided", "approved"]],
  refusals: [t`Refusals`, "✕", ["refused", "wrong_server_key", "changed_key"]],
  other: [t`Other`, "·", []],
};
const signs = { verified: "✓", failed: "✕", interrupted: "!", sending: "⬇", sent: "⬇" };
const subjectOf = (kind) => Object.keys(subjects).find((name) => subjects[name][2].includes(kind)) || "other";

const stepStates = {
  planned: t`to come`,
  sending: t`being sent`,
  sent: t`sent`,
  verified: t`confirmed running`,
  failed: t`failed`,
  superseded: t`no longer needed`,
};

function when(at) {
  return el("time", { datetime: new Date(at).toISOString(), title: time(at) }, ago(at));
}

function historyTable(lines, shown) {
  return el(
    "table",
    { class: "history" },
    tableHead([t`What happened`, t`When`]),
    el(
      "tbody",
      {},
      lines
        .filter((line) => shown === "all" || subjectOf(line.kind) === shown)
        .map((line) => {
          const subject = subjectOf(line.kind);
          return el(
            "tr",
            { "data-subject": subject },
            el(
              "td",
              {},
              el(
                "span",
                { class: `sign ${line.kind}`, "aria-hidden": "true" },
                signs[line.kind] || subjects[subject][1],
              ),
              told(line.words),
            ),
            el("td", { "data-label": t`When`, class: "short" }, when(line.at)),
          );
        }),
    ),
  );
}

function stepsTable(steps) {
  return el(
    "table",
    {},
    tableHead([t`File`, t`State`, t`Sent`, t`Took`, t`When`, t`Why`]),
    el(
      "tbody",
      {},
      steps.map((step) =>
        el(
          "tr",
          {},
          el("th", { scope: "row", title: `SHA-256 ${step.sha256}` }, t`${told(step.module)} version ${step.version}`),
          el("td", { "data-label": t`State` }, stepStates[step.state] || step.state),
          el(
            "td",
            { "data-label": t`Sent` },
            step.bytes_acknowledged === step.bytes_total
              ? kilobytes(step.bytes_total)
              : t`${kilobytes(step.bytes_acknowledged)} of ${kilobytes(step.bytes_total)}`,
          ),
          el(
            "td",
            { "data-label": t`Took` },
            step.started_at && step.finished_at ? clock((step.finished_at - step.started_at) / 1000) : "–",
          ),
          el("td", { "data-label": t`When` }, when(step.planned_at)),
          el("td", { "data-label": t`Why` }, told(step.error || step.reason)),
        ),
      ),
    ),
  );
}

/** An element and its update(device). What was chosen to be shown stays. */
export function deviceHistory() {
  let lines = [];
  const body = el("div");
  const steps = el("div");
  const choice = el(
    "select",
    { id: "history-subject", onchange: () => body.replaceChildren(historyTable(lines, choice.value)) },
    el("option", { value: "all" }, t`everything`),
    Object.entries(subjects).map(([value, [name]]) => el("option", { value }, name)),
  );
  const element = el(
    "div",
    {},
    el("h2", {}, t`History`),
    el("p", { class: "bar" }, el("label", { for: "history-subject" }, t`Show`), choice),
    body,
    el("h2", {}, t`Files sent`),
    steps,
  );
  const update = (device) => {
    lines = device.history;
    body.replaceChildren(historyTable(lines, choice.value));
    steps.replaceChildren(device.steps.length ? stepsTable(device.steps) : el("p", { class: "quiet" }, t`None yet.`));
  };
  return { element, update };
}
