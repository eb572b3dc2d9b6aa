// Which files of the library a device is to have: chosen here, looked at, and only then sent.
import { get, put } from "./api.js";
import { action, el, notify } from "./dom.js";
import { kilobytes, plural, titled, versionOf } from "./words.js";
import { t, told } from "./text.js";

const slot = (module) => `${module.function}/${module.index}`;

// What would happen, step by step, before it does.
function preview(plan, connected) {
  if (plan.missing.length)
    return [
      el("p", {}, t`Nothing would be sent before these files are in the library:`),
      el(
        "ul",
        {},
        plan.missing.map((need) => el("li", {}, told(need.words))),
      ),
    ];
  if (plan.steps.length === 0) return [el("p", {}, t`It has all of that: nothing would be sent.`)];
  const bytes = plan.steps.reduce((sum, step) => sum + step.size, 0);
  return [
    el(
      "p",
      {},
      connected
        ? t`It is sent, ${kilobytes(bytes)} in all:`
        : t`When it is back it is sent, ${kilobytes(bytes)} in all:`,
    ),
    el(
      "ol",
      {},
      plan.steps.map((step) => {
        const older = step.from_version !== null && step.from_version > step.version;
        return el(
          "li",
          {},
          `${titled(step)} (${kilobytes(step.size)})`,
          older && el("strong", { class: "older" }, t` older than ${step.from_version}, which it has`),
        );
      }),
    ),
  ];
}

/** `update(device, modules)` whenever one of them may be another: choices that were not saved stay. */
export function targetFirmware(id) {
  const element = el("div", { class: "targets" });
  const shown = el("div", { class: "card", role: "region", "aria-label": t`What would be sent`, hidden: true });
  let selects = new Map(); // by slot
  let touched = new Map();
  let key = "";
  let connected = false;

  const chosen = () => [...selects.values()].map((select) => select.value).filter(Boolean);
  const hide = () => {
    shown.hidden = true;
    shown.replaceChildren();
  };
  const save = async (modules) => {
    await put(`devices/${id}/targets`, { modules });
    touched = new Map();
    hide();
    notify(t`Saved.`);
  };
  const look = action(
    t`Look at the plan…`,
    async () => {
      const modules = chosen();
      const plan = await get(`devices/${id}/plan?modules=${modules.join(",")}`);
      if (modules.join() !== chosen().join()) return; // chosen otherwise meanwhile
      const sends = plan.steps.length > 0 && !plan.missing.length;
      const older = plan.downgrades > 0 ? t`, ${plan.downgrades} of them older` : "";
      shown.hidden = false;
      shown.replaceChildren(
        ...preview(plan, connected),
        el(
          "div",
          { class: "bar" },
          action(
            sends ? t`Save and send ${plural(plan.steps.length, t`file`, t`files`)}${older}` : t`Save`,
            () => save(modules),
            {
              class: "primary",
            },
          ),
          action(t`Cancel`, async () => {
            hide();
            look.focus();
          }),
        ),
      );
      shown.querySelector("button").focus();
    },
    { class: "primary" },
  );

  const build = (device, modules) => {
    hide(); // it was of other choices
    const slots = new Map();
    for (const module of modules.filter((m) => m.platform === device.platform))
      slots.set(slot(module), [...(slots.get(slot(module)) || []), module]);
    // Of a file that fills two slots the first one has the choice; of one that is gone, its own.
    const brings = (sha256) => modules.find((module) => module.sha256 === sha256);
    for (const target of device.targets)
      if (target.own && !brings(target.sha256) && !slots.has(slot(target))) slots.set(slot(target), []);
    selects = new Map();
    if (slots.size === 0) {
      element.replaceChildren(
        el(
          "p",
          { class: "quiet" },
          t`The library has no file for this platform. `,
          el("a", { href: "#/firmware" }, t`Add some`),
        ),
      );
      return;
    }
    const fields = [...slots].map(([name, choices]) => {
      const target = device.targets.find((each) => slot(each) === name);
      const field = `target-${name.replace("/", "-")}`;
      const elsewhere = target?.own && brings(target.sha256) && slot(brings(target.sha256)) !== name;
      const own = target?.own && !elsewhere ? target.sha256 : "";
      const gone = own && !choices.some((m) => m.sha256 === own);
      const select = el(
        "select",
        { id: field },
        el(
          "option",
          { value: "" },
          target && !target.own ? t`version ${target.version}, of its rollout` : t`what is needed`,
        ),
        gone &&
          el("option", { value: own, selected: true }, t`version ${target.version}, whose file is not in the library`),
        choices.map((m) =>
          el("option", { value: m.sha256, selected: m.sha256 === own }, t`version ${versionOf(m)} (${m.file})`),
        ),
      );
      if (touched.has(name) && [...select.options].some((option) => option.value === touched.get(name)))
        select.value = touched.get(name);
      select.addEventListener("change", () => {
        touched.set(name, select.value);
        hide();
      });
      selects.set(name, select);
      return [el("label", { for: field }, told(choices[0]?.module || target.module)), select];
    });
    element.replaceChildren(...fields.flat(), el("p", {}, look), shown);
  };
  const update = (device, modules) => {
    connected = device.connected;
    const now = JSON.stringify([device.platform, device.targets, modules.map((m) => m.sha256)]);
    if (now === key) return;
    key = now;
    build(device, modules);
  };
  return { element, update };
}
