// The appliance: what runs, where it listens, a copy of everything, and its log.
import { download, get, post, sendFile } from "./api.js";
import { action, el, notify, setText, tableHead } from "./dom.js";
import { field, form } from "./forms.js";
import { notificationsSection } from "./notifications.js";
import { fleet } from "./state.js";
import { clock, kilobytes, number, plural, time } from "./words.js";
import { t, told } from "./text.js";

const megabytes = (bytes) => t`${number(bytes / 1024 / 1024)} MB`;

function factsOf(system) {
  const libraries = Object.entries(system.libraries).map(([name, version]) => `${name} ${version}`);
  const hours = system.running_ms / 3_600_000;
  const rows = [
    [t`Version`, t`Drydock ${system.version}, with ${libraries.join(", ")}`],
    [t`This machine`, `${system.host}: ${system.addresses.join(", ")}`],
    [
      t`Devices find it at`,
      t`TCP port ${system.ports.tcp} (Photon, P1, Core), UDP port ${system.ports.udp} (all others)`,
    ],
    [
      t`The page`,
      system.tls
        ? t`port ${system.ports.page}, over TLS`
        : t`port ${system.ports.page}, without TLS: web.tls in the configuration adds it`,
    ],
    system.certificate && [t`Its certificate`, system.certificate],
    system.mqtt && [
      t`MQTT broker`,
      system.mqtt.connected
        ? t`${system.mqtt.broker}, connected`
        : t`${system.mqtt.broker}, not connected: ${told(system.mqtt.problem)}`,
    ],
    [t`Database`, system.database + (system.database_bytes === null ? "" : `, ${kilobytes(system.database_bytes)}`)],
    [
      t`State folder`,
      system.state_folder + (system.free_bytes === null ? "" : t`, ${megabytes(system.free_bytes)} free`),
    ],
    [
      t`Has run for`,
      hours >= 48 ? t`${Math.floor(hours / 24)} days in all` : t`${clock(system.running_ms / 60_000)} h in all`,
    ],
  ].filter(Boolean);
  return el(
    "dl",
    {},
    rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
}

function backupForm() {
  const element = form(
    "",
    t`One file with everything: devices, rules, history, firmware, and the keys by which devices know this server. ` +
      t`Keep it where nobody else can read it. It comes back with 'drydock restore FILE' on this machine or another.`,
    [field(t`Password`, { name: "password", type: "password", autocomplete: "current-password" })],
    t`Make a backup and download it`,
    async (values) => {
      const day = new Date().toISOString().slice(0, 10);
      await download("backup", { password: values.password }, `drydock-${day}.backup`);
      element.reset();
      notify(t`The backup was made.`);
    },
  );
  return element;
}

// What was here before lies aside on the machine: nothing is lost by the wrong file.
function restoreForm() {
  const bar = el("progress", { max: "1", value: "0", hidden: true, "aria-label": t`Uploading` });
  const element = form(
    "",
    t`A backup takes the place of everything here: devices, rules, history, firmware, users and keys. What was here is kept aside on the machine. Drydock begins anew with it, and devices come back by themselves.`,
    [
      field(t`The backup's file`, { name: "file", type: "file", accept: ".backup" }),
      field(t`Your password`, { name: "password", type: "password", autocomplete: "current-password" }),
      bar,
    ],
    t`Restore`,
    async (values) => {
      if (!confirm(t`Replace everything here by what is in ${values.file.name}?`)) return;
      bar.hidden = false;
      try {
        await sendFile("restore/file", values.file, (part) => {
          bar.value = part;
        });
        await post("restore", { password: values.password });
      } finally {
        bar.hidden = true;
      }
      notify(t`Drydock begins anew with the backup. The log says how it went; log in as it was then.`);
    },
  );
  return element;
}

function logTable(lines) {
  return el(
    "table",
    { class: "log" },
    tableHead([t`When`, t`How grave`, t`What`]),
    el(
      "tbody",
      {},
      [...lines]
        .reverse()
        .map((line) =>
          el(
            "tr",
            { "data-level": line.level },
            el("td", { "data-label": t`When`, class: "short" }, time(line.at)),
            el("td", { "data-label": t`How grave`, class: "short" }, told(line.level)),
            el("td", { "data-label": t`What`, lang: "en" }, line.text),
          ),
        ),
    ),
  );
}

const verdicts = { good: ["✓", "good"], problem: ["!", "bad"], later: ["…", ""] };

// As 'drydock check' on the machine.
function checkSection() {
  const list = el("ul", { class: "plain verdicts", "aria-label": t`What was looked at` });
  const sum = el("p", { role: "status" });
  const run = async () => {
    setText(sum, t`Looks at files, database and keys…`);
    const { lines } = await get("check");
    const problems = lines.filter((line) => line.verdict === "problem").length;
    setText(sum, problems ? plural(problems, t`problem`, t`problems`) : t`Everything is as it should be.`);
    list.replaceChildren(
      ...lines.map(({ verdict, what, words }) =>
        el(
          "li",
          { class: verdicts[verdict][1] },
          el("span", { class: "sign", "aria-hidden": "true" }, verdicts[verdict][0]),
          el("strong", {}, told(what)),
          ` ${told(words)}`,
        ),
      ),
    );
  };
  return el("div", {}, el("p", {}, action(t`Check everything`, run)), sum, list);
}

export function showSystem(main) {
  const facts = el("div");
  const log = el("div");
  const grave = el(
    "select",
    { id: "grave", onchange: () => show() },
    el("option", { value: "" }, t`everything`),
    el("option", { value: "warning" }, t`warnings and errors`),
  );
  let lines = [];
  const show = () => {
    const shown = lines.filter((line) => grave.value === "" || ["warning", "error"].includes(line.level));
    log.replaceChildren(shown.length ? logTable(shown) : el("p", { class: "quiet" }, t`Nothing of the kind.`));
  };
  const load = async () => {
    facts.replaceChildren(factsOf(await get("system")));
    lines = (await get("log")).lines;
    show();
  };
  main.replaceChildren(
    el("h1", {}, t`System`),
    ...(fleet.may("administer")
      ? [
          el("section", { class: "card" }, facts),
          el(
            "p",
            {},
            t`What is configured stands in /etc/drydock/drydock.toml, unless another file was named. `,
            el("a", { href: "#/access" }, t`Password, users and tokens`),
            " · ",
            el("a", { href: "#/audit" }, t`Who changed what`),
            " · ",
            el("a", { href: "#/integrations" }, t`Notifications and webhooks`),
          ),
          el("h2", {}, t`This browser`),
          notificationsSection(),
          el("h2", {}, t`Check`),
          checkSection(),
          el("h2", {}, t`Backup`),
          backupForm(),
          el("h2", {}, t`Restore`),
          restoreForm(),
          el("h2", {}, t`Log`),
          el("p", { class: "bar" }, el("label", { for: "grave" }, t`Show`), grave, action(t`Look again`, load)),
          log,
        ]
      : [el("p", {}, t`Only who may administer sees this.`)]),
  );
  fleet.follow([]);
  if (fleet.may("administer")) load().catch((error) => notify(error.message, "error"));
}
