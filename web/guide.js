// The way to the first device, step by step: firmware, the key that devices know this Drydock by, and the device that
// knocks.
import { get, now, patch, post } from "./api.js";
import { action, copyButton, el, notify, setText } from "./dom.js";
import { field, form } from "./forms.js";
import { ago, nameOf, plural, stateWords } from "./words.js";
import { fleet } from "./state.js";
import { uploadBox } from "./upload_box.js";
import { t, told } from "./text.js";

// What a person does with each kind; PROTOCOL §8.2 for where the key goes.
const kinds = {
  photon: { words: t`Photon or P1`, key: "tcp", button: "SETUP", dfu: ["2b04:d006", "2082"] },
  core: { words: "Core", key: "tcp", button: "MODE", dfu: null },
  electron: { words: "Electron", key: "udp", button: "MODE", dfu: ["2b04:d00a", "3298"] },
  argon: { words: "Argon", key: "udp", button: "MODE", dfu: ["2b04:d00c", "3298"] },
  boron: { words: "Boron", key: "udp", button: "MODE", dfu: ["2b04:d00d", "3298"] },
  bsom: { words: "B SoM", key: "udp", button: "MODE", dfu: ["2b04:d017", "3298"] },
  b5som: { words: "B5 SoM", key: "udp", button: "MODE", dfu: ["2b04:d019", "3298"] },
  tracker: { words: "Tracker", key: "udp", button: "MODE", dfu: ["2b04:d01a", "3298"] },
  p2: { words: t`P2 or Photon 2`, key: "udp", button: "MODE", dfu: ["2b04:d020", "3298"] },
};
const look_again = 3000;
const fixed_port = 5684;

// A block of lines to type, and a button that copies them.
function lines(text) {
  const block = el("pre", {}, el("code", {}, text));
  return el("div", { class: "lines" }, block, copyButton(text));
}

function keyStep(keys) {
  const kind = el(
    "select",
    { id: "kind" },
    Object.entries(kinds).map(([value, each]) => el("option", { value }, each.words)),
  );
  const host = el("input", { id: "host", value: keys.addresses[0] || location.hostname, list: "addresses" });
  const told = el("div", { "aria-live": "polite" });
  const show = () => {
    const { key, button, dfu } = kinds[kind.value];
    const { port, fingerprint } = keys[key];
    const file = key === "udp" ? "drydock-udp.pub.der" : "drydock.pub.der";
    const address = host.value.trim();
    told.replaceChildren(
      el(
        "ol",
        {},
        el("li", {}, el("a", { class: "button", href: `api/v1/keys/${key}`, download: file }, t`Download ${file}`)),
        el(
          "li",
          {},
          t`Connect the device by USB and put it into DFU mode: hold ${button}, tap RESET, and let go of ${button} when its light blinks yellow.`,
        ),
        el(
          "li",
          {},
          t`On the computer that it is connected to, where the file is:`,
          lines(`particle keys server ${file} --host ${address} --port ${port}\nparticle keys address`),
        ),
        el(
          "li",
          {},
          t`Tap RESET. The light blinks green while it looks for the network, then cyan while it comes here.`,
        ),
      ),
      dfu
        ? el(
            "details",
            {},
            el("summary", {}, t`Without particle-cli, by dfu-util`),
            el(
              "p",
              {},
              el(
                "a",
                { href: `api/v1/keys/${key}?host=${encodeURIComponent(address)}`, download: `whole-${file}` },
                t`Download whole-${file}`,
              ),
              t`, which has the address in it, and type:`,
            ),
            lines(`dfu-util -d ${dfu[0]} -a 1 -s ${dfu[1]} -D whole-${file}`),
          )
        : "",
      key === "udp" && port !== fixed_port
        ? el("p", { class: "problem" }, t`Mind the port: these devices use ${fixed_port}, whatever is written to them.`)
        : "",
      el("p", { class: "quiet" }, t`Fingerprint of the key: ${fingerprint}`),
    );
  };
  kind.addEventListener("change", show);
  host.addEventListener("input", show);
  show();
  return [
    el("label", { for: "kind" }, t`Which device is it?`),
    kind,
    el("label", { for: "host" }, t`The address at which it reaches this Drydock`),
    host,
    el(
      "datalist",
      { id: "addresses" },
      keys.addresses.map((address) => el("option", { value: address })),
    ),
    told,
  ];
}

// What knocked since `since`: devices that wait, or came in; and who was turned away, and why.
function waitStep() {
  const since = now();
  const words = el("p", { role: "status", class: "waiting" }, t`Waiting for your device…`);
  const found = el("div");
  const away = el("ul", { class: "plain verdicts" });
  const shown = new Map();
  let timer = null;
  let ended = false;

  const present = (device) => {
    const link = el("a", { href: `#/device/${device.id}` }, nameOf(device));
    const state = el("span");
    const approve = action(
      t`Approve`,
      async () => {
        await post(`devices/${device.id}/approve`);
        notify(t`Approved.`);
        await look();
        name.querySelector("input").focus();
      },
      { class: "primary", "aria-label": t`Approve ${nameOf(device)}` },
    );
    const name = form(
      "",
      "",
      [field(t`A name for it`, { name: "name", maxlength: "64" })],
      t`Name it`,
      async (values) => {
        await patch(`devices/${device.id}`, { name: values.name });
        setText(link, values.name);
        notify(t`Named.`);
      },
    );
    const compare = el("a", { href: `#/device/${device.id}`, class: "button", hidden: true }, t`Compare keys`);
    const element = el(
      "section",
      { class: "card", "aria-label": `${device.platform_name} ${device.id}` },
      el("p", {}, el("strong", {}, device.platform_name), " ", link, " ", state),
      approve,
      compare,
      name,
    );
    const update = (latest) => {
      setText(state, stateWords(latest));
      approve.hidden = latest.approval !== "pending" || Boolean(latest.changed_key) || !fleet.may("administer");
      compare.hidden = !latest.changed_key;
      name.hidden = latest.approval !== "approved" || Boolean(latest.changed_key);
    };
    update(device);
    return { element, update };
  };
  const look = async () => {
    const list = await get("devices?sort=-first_seen&limit=20");
    const waiting = list.devices.filter(
      (device) => device.approval === "pending" || device.first_seen >= since || shown.has(device.id),
    );
    for (const device of waiting) {
      if (!shown.has(device.id)) {
        shown.set(device.id, present(device));
        found.append(shown.get(device.id).element);
      } else shown.get(device.id).update(device);
    }
    const { refusals } = await get("status");
    const turned = refusals.filter((each) => each.at >= since - 60_000);
    away.replaceChildren(
      ...turned.slice(0, 3).map((each) => el("li", { class: "bad" }, `${ago(each.at)}: ${told(each.words)}`)),
    );
    setText(
      words,
      shown.size
        ? shown.size === 1
          ? t`A device is here:`
          : t`${shown.size} devices are here:`
        : turned.length
          ? t`Somebody knocked and was turned away:`
          : t`Waiting for your device…`,
    );
  };
  const again = async () => {
    await look().catch(() => {});
    if (!ended) timer = setTimeout(again, look_again);
  };
  again();
  return {
    elements: [words, found, away],
    end: () => {
      ended = true;
      clearTimeout(timer);
    },
  };
}

export function showGuide(main) {
  const library = el("p", { role: "status" });
  const count = async () => {
    const { modules } = await get("firmware");
    setText(
      library,
      modules.length
        ? t`The library has ${plural(modules.length, t`file`, t`files`)}. `
        : t`The library is empty so far.`,
    );
  };
  const box = fleet.may("flash") ? uploadBox(document.body, count) : null;
  const keys = el("div", { class: "fields" });
  const wait = waitStep();
  fleet.follow([]);
  main.replaceChildren(
    el("h1", {}, t`Bring in a device`),
    el(
      "p",
      {},
      t`Three steps. You can leave at any time, and come back by “Add a device” on the fleet's page. `,
      el("a", { href: "#/fleet" }, t`Skip`),
    ),
    el(
      "section",
      { class: "card" },
      el("h2", {}, t`1. Firmware`),
      el(
        "p",
        {},
        t`What your devices shall run: the modules of a Device OS release, or a zip with them (from the releases page of particle-iot/device-os on GitHub), and your application's .bin. It can wait: Drydock says what a device lacks.`,
      ),
      box?.elements ?? "",
      library,
    ),
    el("section", { class: "card" }, el("h2", {}, t`2. Point the device here`), keys),
    el("section", { class: "card" }, el("h2", {}, t`3. Let it in`), ...wait.elements),
  );
  count().catch((error) => notify(error.message, "error"));
  get("keys")
    .then((answer) => keys.replaceChildren(...keyStep(answer)))
    .catch((error) => notify(error.message, "error"));
  return () => {
    wait.end();
    box?.end();
  };
}
