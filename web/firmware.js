// The library: what there is to send, what is missing, and a place to drop files on.
import { get, remove } from "./api.js";
import { action, el, notify, tableHead } from "./dom.js";
import { kilobytes, nameOf, titled, versionOf } from "./words.js";
import { fleet } from "./state.js";
import { uploadBox } from "./upload_box.js";

function needsOf(module) {
  return module.dependencies.map((need) => `${need.module} ${need.version}`).join(", ") || "–";
}

export function showFirmware(main) {
  const list = el("div");
  const missing = el("div");
  const box = fleet.may("flash") ? uploadBox(document.body, () => load()) : null;

  const load = async () => {
    const { modules } = await get("firmware");
    const platforms = new Map();
    for (const module of modules)
      platforms.set(module.platform_name, [...(platforms.get(module.platform_name) || []), module]);
    list.replaceChildren(
      ...[...platforms].map(([platform, files]) =>
        el(
          "section",
          {},
          el("h2", {}, platform),
          el(
            "table",
            {},
            tableHead(["Module", "Version", "Needs", "Size", "File", ""]),
            el(
              "tbody",
              {},
              files.map((m) =>
                el(
                  "tr",
                  {},
                  el("th", { scope: "row" }, m.companion ? `${m.module} with ${titled(m.companion)}` : m.module),
                  el("td", { "data-label": "Version" }, versionOf(m)),
                  el("td", { "data-label": "Needs" }, needsOf(m)),
                  el("td", { "data-label": "Size" }, kilobytes(m.size)),
                  el("td", { "data-label": "File", class: "file" }, m.file),
                  el(
                    "td",
                    {},
                    fleet.may("flash") &&
                      action(
                        "Remove",
                        async () => {
                          if (
                            !confirm(
                              `Remove ${m.file} (${platform} ${titled(m)}) from the library? Devices that run it keep it.`,
                            )
                          )
                            return;
                          await remove(`firmware/${m.sha256}`);
                          await load();
                        },
                        { "aria-label": `Remove ${m.file}` },
                      ),
                  ),
                ),
              ),
            ),
          ),
        ),
      ),
    );
    if (modules.length === 0)
      list.append(
        el(
          "p",
          { class: "quiet" },
          "The library is empty. Files come from the releases page of Device OS (particle-iot/device-os on GitHub): the zip of your platform has all modules of a release. Your application is the .bin that your tools build.",
        ),
      );
  };
  const showMissing = async () => {
    const needs = new Map();
    for (const device of (await get("devices?state=blocked&limit=200")).devices) {
      // What a device lacks is known in parts while it is connected, and in one sentence later.
      const words = device.missing.length ? device.missing.map((need) => need.words) : [device.state_words];
      for (const each of words) needs.set(each, [...(needs.get(each) || []), device]);
    }
    missing.replaceChildren(
      ...(needs.size === 0
        ? []
        : [
            el(
              "section",
              { class: "card trouble" },
              el("h2", {}, "Missing"),
              el(
                "ul",
                {},
                [...needs].map(([words, devices]) =>
                  el(
                    "li",
                    {},
                    `${words} (`,
                    devices
                      .slice(0, 5)
                      .flatMap((d, i) => [i ? ", " : "", el("a", { href: `#/device/${d.id}` }, nameOf(d))]),
                    devices.length > 5 ? ` and ${devices.length - 5} more` : "",
                    ")",
                  ),
                ),
              ),
            ),
          ]),
    );
  };
  main.replaceChildren(el("h1", {}, "Firmware"), ...(box?.elements ?? []), missing, list);
  const onChange = (event) => {
    if (event.detail) return;
    showMissing().catch((error) => notify(error.message, "error"));
    load().catch((error) => notify(error.message, "error"));
  };
  fleet.addEventListener("change", onChange);
  fleet.follow([]);
  onChange({ detail: null });
  return () => {
    fleet.removeEventListener("change", onChange);
    box?.end();
  };
}
