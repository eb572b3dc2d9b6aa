// The appliance: what runs, where it listens, a copy of everything, and its log.
import { download, get } from "./api.js";
import { action, el, notify, tableHead } from "./dom.js";
import { field, form } from "./forms.js";
import { notificationsSection } from "./notifications.js";
import { fleet } from "./state.js";
import { clock, kilobytes, time } from "./words.js";

const megabytes = (bytes) => `${Math.round(bytes / 1024 / 1024)} MB`;

function factsOf(system) {
  const libraries = Object.entries(system.libraries).map(([name, version]) => `${name} ${version}`);
  const hours = system.running_ms / 3_600_000;
  const rows = [
    ["Version", `Drydock ${system.version}, with ${libraries.join(", ")}`],
    ["This machine", `${system.host}: ${system.addresses.join(", ")}`],
    [
      "Devices find it at",
      `TCP port ${system.ports.tcp} (Photon, P1, Core), UDP port ${system.ports.udp} (all others)`,
    ],
    [
      "The page",
      `port ${system.ports.page}, ${system.tls ? "over TLS" : "without TLS: web.tls in the configuration adds it"}`,
    ],
    system.certificate && ["Its certificate", system.certificate],
    ["Database", system.database + (system.database_bytes === null ? "" : `, ${kilobytes(system.database_bytes)}`)],
    [
      "State folder",
      system.state_folder + (system.free_bytes === null ? "" : `, ${megabytes(system.free_bytes)} free`),
    ],
    [
      "Has run for",
      hours >= 48 ? `${Math.floor(hours / 24)} days in all` : `${clock(system.running_ms / 60_000)} h in all`,
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
    "One file with everything: devices, rules, history, firmware, and the keys by which devices know this server. " +
      "Keep it where nobody else can read it. It comes back with 'drydock restore FILE' on this machine or another.",
    [field("Password", { name: "password", type: "password", autocomplete: "current-password" })],
    "Make a backup and download it",
    async (values) => {
      const day = new Date().toISOString().slice(0, 10);
      await download("backup", { password: values.password }, `drydock-${day}.backup`);
      element.reset();
      notify("The backup was made.");
    },
  );
  return element;
}

function logTable(lines) {
  return el(
    "table",
    { class: "log" },
    tableHead(["When", "How grave", "What"]),
    el(
      "tbody",
      {},
      [...lines]
        .reverse()
        .map((line) =>
          el(
            "tr",
            { "data-level": line.level },
            el("td", { "data-label": "When", class: "short" }, time(line.at)),
            el("td", { "data-label": "How grave", class: "short" }, line.level),
            el("td", { "data-label": "What" }, line.text),
          ),
        ),
    ),
  );
}

export function showSystem(main) {
  const facts = el("div");
  const log = el("div");
  const grave = el(
    "select",
    { id: "grave", onchange: () => show() },
    el("option", { value: "" }, "everything"),
    el("option", { value: "warning" }, "warnings and errors"),
  );
  let lines = [];
  const show = () => {
    const shown = lines.filter((line) => grave.value === "" || ["warning", "error"].includes(line.level));
    log.replaceChildren(shown.length ? logTable(shown) : el("p", { class: "quiet" }, "Nothing of the kind."));
  };
  const load = async () => {
    facts.replaceChildren(factsOf(await get("system")));
    lines = (await get("log")).lines;
    show();
  };
  main.replaceChildren(
    el("h1", {}, "System"),
    ...(fleet.may("administer")
      ? [
          el("section", { class: "card" }, facts),
          el(
            "p",
            {},
            "What is configured stands in /etc/drydock/drydock.toml, unless another file was named; 'drydock check' on the machine looks at all of it and says what to do. ",
            el("a", { href: "#/access" }, "Password, users and tokens"),
            " · ",
            el("a", { href: "#/audit" }, "Who changed what"),
          ),
          el("h2", {}, "This browser"),
          notificationsSection(),
          el("h2", {}, "Backup"),
          backupForm(),
          el("h2", {}, "Log"),
          el("p", { class: "bar" }, el("label", { for: "grave" }, "Show"), grave, action("Look again", load)),
          log,
        ]
      : [el("p", {}, "Only who may administer sees this.")]),
  );
  fleet.follow([]);
  if (fleet.may("administer")) load().catch((error) => notify(error.message, "error"));
}
