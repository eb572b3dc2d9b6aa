// What a device is and how it is, on one card; and all that it said of itself, for experts.
import { copyButton, el, setText } from "./dom.js";
import { ago, stateWords, time, versionsOf } from "./words.js";
import { t } from "./text.js";

const signs = { current: "✓", updating: "⬇", waiting: "…", held: "⏸", unknown: "…" };

function seenWords(device) {
  if (device.connected) return t`online, from ${device.address}`;
  if (!device.last_seen) return t`has not come yet`;
  const heard = device.session_known ? t`session known, last heard` : t`last seen`;
  return t`${heard} ${ago(device.last_seen)}, from ${device.address}`;
}

/** An element and its update(device); labels(list) for what only a question for the device itself tells. */
export function deviceCard() {
  const sign = el("span", { class: "sign large", "aria-hidden": "true" });
  const words = el("span");
  const state = el("p", { class: "state-line", role: "status" }, sign, words);
  const bar = el("progress", { max: "100", hidden: true, "aria-label": t`Progress` });
  const remarks = el("p");
  const facts = el("dl", { class: "facts" });
  const element = el("section", { class: "card", "aria-label": t`The device` }, state, bar, remarks, facts);
  let labels = [];
  let shown = "";
  let device = null;

  const build = () => {
    const rows = [
      [t`Is a`, device.platform_name],
      [t`Runs`, [versionsOf(device), device.safe_mode && t`in safe mode`].filter(Boolean).join(" · ")],
      [t`Seen`, seenWords(device)],
      [t`First seen`, time(device.first_seen)],
      [t`Group`, device.group],
      [t`Labels`, labels.join(", ")],
      [
        t`Id`,
        el(
          "span",
          {},
          el("code", {}, device.id),
          " ",
          copyButton(device.id, { class: "small", "aria-label": t`Copy the id` }),
        ),
      ],
    ];
    facts.replaceChildren(
      ...rows.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
    );
  };
  const show = () => {
    setText(words, stateWords(device));
    setText(sign, signs[device.shown_state] || "!");
    state.dataset.state = device.shown_state;
    bar.hidden = !device.progress;
    if (device.progress) bar.value = (100 * device.progress.bytes) / device.progress.bytes_total;
    setText(remarks, device.remarks);
    const now = JSON.stringify([
      device.platform_name, device.product_id, device.modules, device.safe_mode, seenWords(device), device.group, labels,
    ]); // prettier-ignore
    if (now !== shown) build();
    shown = now;
  };
  return {
    element,
    update: (now) => {
      device = now;
      show();
    },
    labels: (list) => {
      labels = list;
      if (device) show();
    },
    gone: (text) => {
      element.replaceChildren(el("p", { class: "state-line", role: "status" }, text));
    },
  };
}

/** Everything that it reported, as the API has it. */
export function reported() {
  const text = el("code");
  const element = el(
    "details",
    { class: "card" },
    el("summary", {}, t`What it reported, for experts`),
    el("pre", { tabindex: "0" }, text),
  );
  const update = (device) => {
    const said = {
      id: device.id,
      platform: device.platform,
      system_version: device.system_version,
      key: device.fingerprint,
      safe_mode: device.safe_mode,
      updates_enabled: device.updates_enabled,
      modules: device.modules,
      application: device.application,
    };
    setText(text, JSON.stringify(said, null, 2));
  };
  return { element, update };
}
