// What devices shall run and when they may be updated: said of all, a platform, a group or one device.
import { get, put, remove } from "./api.js";
import { action, el, notify, tableHead } from "./dom.js";
import { choice, field, form } from "./forms.js";
import { groupsSection } from "./groups.js";
import { fleet } from "./state.js";

const kinds = [
  ["", "Nothing: less particular rules count"],
  ["needs", "What their application needs"],
  ["latest", "The latest Device OS in the library"],
  ["at_least", "At least the Device OS version below"],
  ["exactly", "Exactly the Device OS version below"],
  ["release", "The release below"],
];

const pathOf = (rule) =>
  rule.scope === "fleet" ? "targets/fleet" : `targets/${rule.scope}/${encodeURIComponent(rule.subject)}`;

/** What a rule says, in sentences. */
export function ruleWords(rule) {
  const window = rule.hours || rule.blackout;
  return [
    rule.target &&
      `shall have ${rule.target.words}${rule.target.downgrade ? ", also in place of something newer" : ""}`,
    rule.held === true && "are held back from updates",
    rule.held === false && "are not held back",
    window &&
      `are updated ${rule.hours || "at any time"} (${rule.time_zone || "UTC"})${rule.blackout ? `, not on ${rule.blackout}` : ""}`,
  ]
    .filter(Boolean)
    .join("; ");
}

function ruleTable(rules, load) {
  return el(
    "table",
    {},
    tableHead(["For", "What", ""]),
    el(
      "tbody",
      {},
      rules.map((rule) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, rule.scope === "device" ? `device ${rule.subject}` : rule.rule),
          el("td", { "data-label": "What" }, ruleWords(rule)),
          el(
            "td",
            {},
            fleet.may("flash") &&
              action(
                "Take back",
                async () => {
                  await remove(pathOf(rule));
                  await load();
                },
                { "aria-label": `Take back what was said of ${rule.rule}` },
              ),
          ),
        ),
      ),
    ),
  );
}

function newRule(releases, load) {
  return form(
    "New rule",
    "It takes the place of what was said of them before. Of each matter the most particular rule counts: a device's before its group's, that before its platform's, that before all's.",
    [
      choice("For", "scope", [
        ["fleet", "All devices"],
        ["platform", "A platform"],
        ["group", "A group"],
        ["device", "One device"],
      ]),
      field("Which platform, group or device", { name: "subject", maxlength: "64", required: false }),
      choice("They shall have", "kind", kinds),
      field("Device OS version, 3.3.1 say", { name: "version", maxlength: "16", required: false }),
      releases.length > 0 && choice("Release", "release", [["", "–"], ...releases.map(({ name }) => [name, name])]),
      el(
        "label",
        { class: "check" },
        el("input", { type: "checkbox", name: "downgrade" }),
        " also in place of something newer",
      ),
      choice("Updates", "held", [
        ["", "Nothing: less particular rules count"],
        ["true", "Hold them back"],
        ["false", "Do not hold them back"],
      ]),
      field("Hours, mon-fri 22:00-05:00; sat,sun 00:00-24:00 say", {
        name: "hours",
        maxlength: "200",
        required: false,
      }),
      field("Time zone of the hours", {
        name: "time_zone",
        maxlength: "64",
        required: false,
        value: Intl.DateTimeFormat().resolvedOptions().timeZone || "",
      }),
      field("Days without updates, 2026-12-20/2027-01-06 say", { name: "blackout", maxlength: "200", required: false }),
    ],
    "Set it",
    async (values, element) => {
      const windowed = values.hours.trim() || values.blackout.trim();
      await put(pathOf({ scope: values.scope, subject: values.subject.trim() }), {
        target: values.kind
          ? {
              kind: values.kind,
              version: ["at_least", "exactly"].includes(values.kind) ? values.version.trim() : "",
              release: values.kind === "release" ? values.release || "" : "",
              downgrade: values.downgrade === "on",
            }
          : null,
        held: values.held === "" ? null : values.held === "true",
        hours: values.hours,
        blackout: values.blackout,
        time_zone: windowed ? values.time_zone : "",
      });
      element.reset();
      notify("It counts from now on.");
      await load();
    },
  );
}

export function showTargets(main) {
  const rules = el("div");
  const making = el("div");
  const load = async () => {
    const { targets } = await get("targets");
    rules.replaceChildren(
      targets.length
        ? ruleTable(targets, load)
        : el("p", { class: "quiet" }, "Every device is brought to what its application needs: no rule says more."),
    );
  };
  const loadReleases = async () => {
    const { releases } = await get("releases");
    making.replaceChildren(newRule(releases, load));
  };
  main.replaceChildren(el("h1", {}, "Targets"), rules, making, groupsSection());
  fleet.follow([]);
  load().catch((error) => notify(error.message, "error"));
  if (fleet.may("flash")) loadReleases().catch((error) => notify(error.message, "error"));
}
