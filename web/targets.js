// What devices shall run and when they may be updated: said of all, a platform, a group or one device.
import { get, put, remove } from "./api.js";
import { action, el, notify, tableHead } from "./dom.js";
import { check, choice, field, form, suggestions } from "./forms.js";
import { groupsSection } from "./groups.js";
import { fleet } from "./state.js";
import { t, told } from "./text.js";

const kinds = [
  ["", t`Nothing: less particular rules count`],
  ["needs", t`What their application needs`],
  ["latest", t`The latest Device OS in the library`],
  ["at_least", t`At least the Device OS version below`],
  ["exactly", t`Exactly the Device OS version below`],
  ["release", t`The release below`],
];

const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";

const pathOf = (rule) =>
  rule.scope === "fleet" ? "targets/fleet" : `targets/${rule.scope}/${encodeURIComponent(rule.subject)}`;

/** What a rule says, in sentences. */
export function ruleWords(rule) {
  const window = rule.hours || rule.blackout;
  return [
    rule.target &&
      t`shall have ${told(rule.target.words)}${rule.target.downgrade ? t`, also in place of something newer` : ""}`,
    rule.held === true && t`are paused`,
    rule.held === false && t`are not paused`,
    window &&
      t`are updated ${rule.hours || t`at any time`} (${rule.time_zone || "UTC"})${rule.blackout ? t`, not on ${rule.blackout}` : ""}`,
  ]
    .filter(Boolean)
    .join("; ");
}

function ruleTable(rules, load, change) {
  return el(
    "table",
    {},
    tableHead([t`For`, t`What`, ""]),
    el(
      "tbody",
      {},
      rules.map((rule) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, told(rule.rule)),
          el("td", { "data-label": t`What` }, ruleWords(rule)),
          el(
            "td",
            { class: "actions" },
            fleet.may("flash") && [
              action(t`Change`, () => change(rule), { "aria-label": t`Change what was said of ${told(rule.rule)}` }),
              " ",
              action(
                t`Take back`,
                async () => {
                  if (!confirm(t`Take back what was said of ${told(rule.rule)}: ${ruleWords(rule)}?`)) return;
                  await remove(pathOf(rule));
                  await load();
                },
                { "aria-label": t`Take back what was said of ${told(rule.rule)}` },
              ),
            ],
          ),
        ),
      ),
    ),
  );
}

function newRule(releases, groups, load) {
  return form(
    t`New rule`,
    t`It takes the place of what was said of them before. Of each matter the most particular rule counts: a device's before its group's, that before its platform's, that before all's.`,
    [
      suggestions(
        "known-groups",
        groups.map(({ name }) => name),
      ),
      choice(t`For`, "scope", [
        ["fleet", t`All devices`],
        ["platform", t`A platform`],
        ["group", t`A group`],
        ["device", t`One device`],
      ]),
      field(t`Which platform, group or device`, {
        name: "subject",
        maxlength: "64",
        required: false,
        list: "known-groups",
      }),
      choice(t`They shall have`, "kind", kinds),
      field(t`Device OS version, 3.3.1 say`, { name: "version", maxlength: "16", required: false }),
      releases.length > 0 && choice(t`Release`, "release", [["", "–"], ...releases.map(({ name }) => [name, name])]),
      check(t`also in place of something newer`, "downgrade"),
      choice(t`Updates`, "held", [
        ["", t`Nothing: less particular rules count`],
        ["true", t`Pause their updates`],
        ["false", t`Do not pause them`],
      ]),
      field(t`Hours, mon-fri 22:00-05:00; sat,sun 00:00-24:00 say`, {
        name: "hours",
        maxlength: "400",
        required: false,
      }),
      field(t`Time zone of the hours`, { name: "time_zone", maxlength: "64", required: false, value: ownZone }),
      field(t`Days without updates, 2026-12-20/2027-01-06 say`, {
        name: "blackout",
        maxlength: "400",
        required: false,
      }),
    ],
    t`Set it`,
    async (values, element) => {
      const subject = values.subject.trim();
      if (values.scope !== "fleet" && !subject) throw new Error(t`Say which platform, group or device.`);
      const windowed = values.hours.trim() || values.blackout.trim();
      await put(pathOf({ scope: values.scope, subject }), {
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
      const empty = values.scope === "group" && !groups.some(({ name }) => name === subject);
      notify(empty ? t`It counts from now on; no device is in group ${subject} yet.` : t`It counts from now on.`);
      await load();
    },
  );
}

// As it is, to be changed and set again.
function fill(element, rule) {
  const values = {
    scope: rule.scope,
    subject: rule.scope === "platform" ? rule.rule.replace("platform ", "") : rule.subject,
    kind: rule.target?.kind || "",
    version: rule.target?.version || "",
    release: rule.target?.release || "",
    held: rule.held === null ? "" : String(rule.held),
    hours: rule.hours,
    time_zone: rule.time_zone || ownZone,
    blackout: rule.blackout,
  };
  for (const [name, value] of Object.entries(values)) if (element.elements[name]) element.elements[name].value = value;
  element.elements.downgrade.checked = Boolean(rule.target?.downgrade);
  element.scrollIntoView();
  element.elements.kind.focus();
}

export function showTargets(main) {
  const rules = el("div");
  const making = el("div");
  const load = async () => {
    const { targets } = await get("targets");
    rules.replaceChildren(
      targets.length
        ? ruleTable(targets, load, (rule) => fill(making.querySelector("form"), rule))
        : el("p", { class: "quiet" }, t`Every device is brought to what its application needs: no rule says more.`),
    );
  };
  const loadReleases = async () => {
    const [{ releases }, { groups }] = await Promise.all([get("releases"), get("groups")]);
    making.replaceChildren(newRule(releases, groups, load));
  };
  main.replaceChildren(el("h1", {}, t`Targets`), rules, making, groupsSection());
  fleet.follow([]);
  load().catch((error) => notify(error.message, "error"));
  if (fleet.may("flash")) loadReleases().catch((error) => notify(error.message, "error"));
}
