// The library: what there is to send, what is missing, and a place to drop files on.
import { get, remove, upload } from "./api.js";
import { action, el, notify, tableHead } from "./dom.js";
import { kilobytes, nameOf, titled, versionOf } from "./words.js";
import { fleet } from "./state.js";

function needsOf(module) {
  return module.dependencies.map((need) => `${need.module} ${need.version}`).join(", ") || "–";
}

export function showFirmware(main) {
  const list = el("div");
  const missing = el("div");
  const verdicts = el("ul", { class: "plain verdicts", "aria-live": "polite" });
  const input = el("input", { type: "file", multiple: true, id: "files", class: "visually-hidden", accept: ".bin" });
  const drop = el("label", { for: "files", class: "drop" }, "Drop module files (.bin) here, or click to choose", input);

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
    if (modules.length === 0) list.append(el("p", { class: "quiet" }, "The library is empty."));
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
  const take = async (files) => {
    for (const file of files) {
      const bar = el("progress", { max: "1", value: "0", "aria-label": `Uploading ${file.name}` });
      const verdict = el("span", {}, " is being uploaded ");
      const line = el("li", {}, el("strong", {}, file.name), verdict, bar);
      verdicts.prepend(line);
      try {
        const module = await upload(file, (part) => {
          bar.value = part;
        });
        verdict.textContent = ` is ${module.platform_name} ${titled(module)}${module.known_already ? ", and was there already" : ""}`;
        line.className = "good";
      } catch (error) {
        verdict.textContent = ` was refused: ${error.message}`;
        line.className = "bad";
      }
      bar.remove();
    }
    await load();
  };

  input.addEventListener("change", () =>
    take([...input.files]).finally(() => {
      input.value = "";
    }),
  );
  for (const kind of ["dragenter", "dragover"])
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });

  main.replaceChildren(el("h1", {}, "Firmware"), fleet.may("flash") ? drop : "", verdicts, missing, list);
  const onChange = (event) => {
    if (event.detail) return;
    showMissing().catch((error) => notify(error.message, "error"));
    load().catch((error) => notify(error.message, "error"));
  };
  fleet.addEventListener("change", onChange);
  fleet.follow([]);
  onChange({ detail: null });
  return () => fleet.removeEventListener("change", onChange);
}
