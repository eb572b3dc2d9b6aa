// Groups and labels, and which devices come into which group by themselves.
import { get, post, remove } from "./api.js";
import { action, el, notify } from "./dom.js";
import { field, form } from "./forms.js";
import { fleet } from "./state.js";
import { t } from "./text.js";

function counts(list, what) {
  return list.length
    ? el("p", {}, `${what}: `, list.map(({ name, devices }) => `${name} (${devices})`).join(", "))
    : el("p", { class: "quiet" }, t`${what}: none yet.`);
}

// Of which devices a rule is.
function subject(rule) {
  const parts = [
    rule.platform_name && t`a ${rule.platform_name}`,
    rule.product_id !== null && t`of product ${rule.product_id}`,
    rule.name && t`called ${rule.name}`,
    rule.addresses && t`from ${rule.addresses}`,
  ].filter(Boolean);
  return parts.join(t` and `) || t`every device`;
}

export function groupsSection() {
  const shown = el("div");
  const load = async () => {
    const { groups, labels, rules } = await get("groups");
    shown.replaceChildren(
      counts(groups, t`Groups`),
      counts(labels, t`Labels`),
      el(
        "ul",
        { class: "plain" },
        rules.map((rule) =>
          el(
            "li",
            {},
            t`${subject(rule)} comes into `,
            el("strong", {}, rule.group),
            " ",
            fleet.may("flash") &&
              action(
                t`Remove`,
                async () => {
                  if (!confirm(t`Remove the rule for ${subject(rule)}? Devices stay in their groups.`)) return;
                  await remove(`groups/rules/${rule.id}`);
                  await load();
                },
                { "aria-label": t`Remove the rule for ${subject(rule)}` },
              ),
          ),
        ),
      ),
    );
  };
  load().catch((error) => notify(error.message, "error"));
  return el(
    "section",
    {},
    el("h2", {}, t`Groups`),
    el("p", {}, t`A device is in one group, and has any number of labels: its own page says which, and changes them.`),
    shown,
    fleet.may("flash") &&
      form(
        t`New rule for groups`,
        t`New devices, and those in no group, come into the group of the first rule that fits.`,
        [
          field(t`Group`, { name: "group", maxlength: "64" }),
          field(t`Platform: photon, p1, argon, …`, { name: "platform", maxlength: "16", required: false }),
          field(t`Product's number`, { name: "product", type: "number", min: "0", max: "65535", required: false }),
          field(t`Pattern of names or ids, greenhouse-* say`, { name: "name", maxlength: "64", required: false }),
          field(t`Addresses, 192.168.4.0/24 say`, { name: "addresses", maxlength: "64", required: false }),
        ],
        t`Add it`,
        async (values, element) => {
          const { devices } = await post("groups/rules", {
            group: values.group.trim(),
            platform: values.platform.trim(),
            ...(values.product && { product_id: Number(values.product) }),
            name: values.name.trim(),
            addresses: values.addresses.trim(),
          });
          element.reset();
          notify(t`${devices} devices that were in no group are in it now.`);
          await load();
        },
      ),
  );
}
