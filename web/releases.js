// Named sets of firmware files, which never change.
import { get, post, remove } from "./api.js";
import { action, el, notify } from "./dom.js";
import { field, form } from "./forms.js";
import { fleet } from "./state.js";
import { titled } from "./words.js";
import { t, told } from "./text.js";

function fileWords(module) {
  return `${module.platform_name} ${titled(module)}`;
}

function newRelease(load) {
  const files = el("fieldset", {}, el("legend", {}, t`Its files`));
  get("firmware")
    .then(({ modules }) =>
      files.append(
        ...modules.map((module) =>
          el(
            "label",
            { class: "check" },
            el("input", { type: "checkbox", name: "file", value: module.sha256 }),
            ` ${fileWords(module)} (${module.file})`,
          ),
        ),
      ),
    )
    .catch((error) => notify(error.message, "error"));
  return form(
    t`New release`,
    t`A name for files of the library that belong together, for one platform or several.`,
    [field(t`Name`, { name: "name", maxlength: "64" }), field(t`Notes`, { name: "notes", required: false }), files],
    t`Make it`,
    async (values, element) => {
      const chosen = new FormData(element).getAll("file");
      await post("releases", { name: values.name, notes: values.notes, files: chosen });
      element.reset();
      await load();
    },
  );
}

export function releasesSection(releases, load) {
  return el(
    "div",
    {},
    el("h2", {}, t`Releases`),
    releases.length === 0 && el("p", { class: "quiet" }, t`There is no release yet: a rollout begins with one.`),
    el(
      "ul",
      { class: "plain" },
      releases.map((release) =>
        el(
          "li",
          {},
          el("strong", {}, release.name),
          `: ${release.modules.map(fileWords).join(", ")}`,
          release.notes && ` – ${release.notes}`,
          release.needs.length > 0 &&
            el(
              "span",
              { class: "quiet" },
              t` Devices must have what is not in it: ${release.needs.map(told).join(", ")}.`,
            ),
          " ",
          fleet.may("flash") &&
            action(
              t`Remove`,
              async () => {
                if (!confirm(t`Delete release ${release.name}? Its files stay.`)) return;
                await remove(`releases/${encodeURIComponent(release.name)}`);
                await load();
              },
              { "aria-label": t`Remove release ${release.name}` },
            ),
        ),
      ),
    ),
    fleet.may("flash") && newRelease(load),
  );
}
