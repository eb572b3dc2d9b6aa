// The library: what there is to send, what is missing, and a place to drop files on.
import { get, remove } from "./api.js";
import { action, el, notify, tableHead } from "./dom.js";
import { kilobytes, nameOf, plural, titled, versionOf } from "./words.js";
import { fleet } from "./state.js";
import { uploadBox } from "./upload_box.js";
import { t, told } from "./text.js";

function needsOf(module) {
  return module.dependencies.map((need) => `${told(need.module)} ${need.version}`).join(", ") || "–";
}

// Who has it is said before it goes.
async function removeFile(m, platform, done) {
  const uses = await get(`firmware/${m.sha256}/uses`);
  const users = [
    uses.devices > 0 &&
      plural(uses.devices, t`device runs this version, and keeps it`, t`devices run this version, and keep it`),
    uses.targets > 0 && t`it is the target firmware of ${plural(uses.targets, t`device`, t`devices`)}`,
    uses.releases.length > 0 && t`it belongs to ${uses.releases.join(", ")}`,
  ].filter(Boolean);
  const words = users.length ? `${users.join("; ")}.` : t`Nothing uses it.`;
  if (!confirm(t`Remove ${m.file} (${platform} ${titled(m)}) from the library? ${words}`)) return;
  await remove(`firmware/${m.sha256}`);
  await done();
}

// Another file of the same slot and version: which one is sent is not for the eye to see.
function twinsOf(m, files) {
  return files.filter(
    (other) =>
      other.sha256 !== m.sha256 &&
      other.function === m.function &&
      other.index === m.index &&
      other.version === m.version &&
      m.function !== 5,
  );
}

function fileRow(m, files, platform, done) {
  const twins = twinsOf(m, files);
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, m.companion ? told(m.module) + t` with ${titled(m.companion)}` : told(m.module)),
    el("td", { "data-label": t`Version` }, versionOf(m)),
    el("td", { "data-label": t`Needs` }, needsOf(m)),
    el("td", { "data-label": t`Size` }, kilobytes(m.size)),
    el(
      "td",
      { "data-label": t`File`, class: "file" },
      m.file,
      twins.length > 0 && el("span", { class: "quiet" }, ` (${m.sha256.slice(0, 8)}…)`),
      twins.length > 0 &&
        el(
          "strong",
          { class: "older" },
          t` The same version as ${twins.map((twin) => `${twin.file} (${twin.sha256.slice(0, 8)}…)`).join(", ")}, and another file: remove the wrong one.`,
        ),
    ),
    el(
      "td",
      {},
      fleet.may("flash") &&
        action(t`Remove`, () => removeFile(m, platform, done), { "aria-label": t`Remove ${m.file}` }),
    ),
  );
}

function releaseItem(release) {
  const complete = release.missing.length === 0;
  return el(
    "li",
    { class: complete ? "good" : "" },
    el("strong", {}, t`Device OS ${release.device_os}`),
    complete
      ? t` ✓ complete`
      : t` lacks ${release.missing.map(({ words, file }) => told(words) + (file ? t` (${file}….bin)` : "")).join(", ")}`,
  );
}

function platformSection(platform, files, releases, done) {
  return el(
    "section",
    {},
    el("h2", {}, platform),
    releases.length > 0 &&
      el("ul", { class: "verdicts plain", "aria-label": t`Releases for ${platform}` }, releases.map(releaseItem)),
    el(
      "table",
      {},
      tableHead([t`Module`, t`Version`, t`Needs`, t`Size`, t`File`, ""]),
      el(
        "tbody",
        {},
        files.map((m) => fileRow(m, files, platform, done)),
      ),
    ),
  );
}

export function showFirmware(main) {
  const list = el("div");
  const missing = el("div");
  const box = fleet.may("flash") ? uploadBox(document.body, () => load()) : null;

  const load = async () => {
    const { modules, releases } = await get("firmware");
    const platforms = new Map();
    for (const module of modules)
      platforms.set(module.platform_name, [...(platforms.get(module.platform_name) || []), module]);
    list.replaceChildren(
      ...[...platforms].map(([platform, files]) =>
        platformSection(
          platform,
          files,
          releases.filter((release) => release.platform === files[0].platform),
          load,
        ),
      ),
    );
    if (modules.length === 0)
      list.append(
        el(
          "p",
          { class: "quiet" },
          t`The library is empty. Files come from the releases page of Device OS (particle-iot/device-os on GitHub): single modules (photon-system-part1@3.3.1.bin), or a zip with those of a release. Your application is the .bin that your tools build.`,
        ),
      );
  };
  const showMissing = async () => {
    const needs = new Map();
    for (const device of (await get("devices?state=blocked&limit=200")).devices) {
      // What a device lacks is known in parts while it is connected, and in one sentence later.
      const words = device.missing.length
        ? device.missing.map((need) => told(need.words) + (need.file ? t`. The file is called ${need.file}….bin` : ""))
        : [told(device.state_words)];
      for (const each of words) needs.set(each, [...(needs.get(each) || []), device]);
    }
    missing.replaceChildren(
      ...(needs.size === 0
        ? []
        : [
            el(
              "section",
              { class: "card trouble" },
              el("h2", {}, t`Missing`),
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
                    devices.length > 5 ? t` and ${devices.length - 5} more` : "",
                    ")",
                  ),
                ),
              ),
            ),
          ]),
    );
  };
  main.replaceChildren(el("h1", {}, t`Firmware`), ...(box?.elements ?? []), missing, list);
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
