// Who is told outside of what happens here: webhooks, ntfy, e-mail.
import { get, post, put, remove } from "./api.js";
import { action, copyButton, el, notify } from "./dom.js";
import { check, choice, field, form, more } from "./forms.js";
import { fleet } from "./state.js";
import { plural, time } from "./words.js";
import { t, told } from "./text.js";

// What people may choose, by how the names of these events begin.
const occasions = [
  ["drydock/rollout/stopped", t`a rollout stops by itself`],
  ["drydock/update/given_up", t`a device failed too often and needs attention`],
  ["drydock/update/blocked", t`a device cannot be updated: a file is missing, say`],
  ["drydock/device/changed_key", t`a device came with another key`],
  ["drydock/update/failed", t`a module was not sent, or does not run`],
  ["drydock/update/finished", t`a device has all it needs`],
  ["drydock/device/waiting", t`a new device waits for approval`],
  ["spark/status/safe-mode", t`a device is in safe mode`],
  ["drydock/absence/", t`a device is away for some minutes, and when it is back`],
  ["spark/status", t`devices come and go, also when they reset`],
];
const chosenAtFirst = [
  "drydock/rollout/stopped",
  "drydock/update/given_up",
  "drydock/update/blocked",
  "drydock/device/changed_key",
  "drydock/device/waiting",
];

const kinds = [
  ["ntfy", t`ntfy: to your phone`],
  ["email", t`E-mail`],
  ["webhook", t`Webhook: to a program`],
];
const nameOfKind = (kind) => ({ ntfy: "ntfy", email: t`E-mail`, webhook: t`Webhook` })[kind];

const parts = (text, separator) =>
  text
    .split(separator)
    .map((part) => part.trim())
    .filter(Boolean);

/** The lines of what stands in an area. */
function area(label, attributes, value) {
  const [labelled, input] = field(label, attributes);
  const text = el("textarea", { id: input.id, name: attributes.name, rows: attributes.rows ?? "3" }, value);
  return [labelled, text];
}

function settingsFields(kind, settings) {
  const secret = (label, name) =>
    field(label, {
      name,
      type: "password",
      autocomplete: "off",
      required: false,
      placeholder: settings[name] ? t`stays as it is` : "",
    });
  if (kind === "ntfy")
    return [
      field(t`Address of the topic`, {
        name: "url",
        type: "url",
        placeholder: "https://ntfy.sh/my-topic",
        value: settings.url ?? "",
      }),
      more(secret(t`Access token`, "token")),
    ];
  if (kind === "email")
    return [
      field(t`To (several between commas)`, { name: "to", value: (settings.to ?? []).join(", ") }),
      field(t`From`, { name: "from", type: "email", value: settings.from ?? "" }),
      field(t`Mail server, as smtp.example.org:587`, { name: "server", value: settings.server ?? "" }),
      choice(t`Encryption`, "tls", [
        ["starttls", t`STARTTLS (port 587)`],
        ["tls", t`TLS from the beginning (port 465)`],
        ["off", t`none: without a password only`],
      ]),
      field(t`User`, { name: "user", required: false, autocomplete: "off", value: settings.user ?? "" }),
      secret(t`Password`, "password"),
    ];
  return [
    field(t`Address`, { name: "url", type: "url", placeholder: "https://", value: settings.url ?? "" }),
    more(
      area(t`Body, with {{PARTICLE_EVENT_NAME}} and such; empty: JSON`, { name: "template" }, settings.template ?? ""),
      field(t`Content type of the body`, {
        name: "content_type",
        required: false,
        placeholder: "application/json",
        value: settings.content_type ?? "",
      }),
      area(t`Headers, one in a line, as Name: value`, { name: "headers" }, (settings.headers ?? []).join("\n")),
      secret(t`Secret that signs it (whsec_…); empty: one is made`, "secret"),
    ),
  ];
}

function settingsOf(kind, values) {
  const settings = {};
  const names = {
    ntfy: ["url", "token"],
    email: ["server", "tls", "user", "password", "from"],
    webhook: ["url", "secret", "template", "content_type"],
  }[kind];
  for (const name of names) settings[name] = values[name] ?? "";
  if (kind === "email") settings.to = parts(values.to, ",");
  if (kind === "webhook") settings.headers = parts(values.headers, "\n");
  for (const name of ["token", "password", "secret"]) if (settings[name] === "") delete settings[name];
  return settings;
}

function occasionFields(kind, events) {
  const others = events.filter((event) => !occasions.some(([known]) => known === event));
  return el(
    "fieldset",
    {},
    el("legend", {}, t`Tell when`),
    occasions.map(([event, words]) => {
      const line = check(words, `event ${event}`);
      line.querySelector("input").checked = events.includes(event);
      return line;
    }),
    field(t`and of events whose names begin with (several between commas)`, {
      name: "others",
      required: false,
      value: others.join(", "),
    }),
  );
}

const digests = [
  ["15", t`at once, and then all of a quarter of an hour in one; what needs you at once`],
  ["60", t`at once, and then all of an hour in one; what needs you at once`],
  ["1440", t`at once, and then all of a day in one; what needs you at once`],
  ["0", t`each at once`],
];

// One that a program has set is not among these.
function digestsWith(every) {
  if (digests.some(([value]) => value === String(every))) return digests;
  return [...digests, [String(every), t`at once, and then all of ${every} minutes in one; what needs you at once`]];
}

function editor(kind, integration, saved, close) {
  const every = integration?.digest_minutes ?? 15;
  const element = form(
    "",
    kind === "webhook"
      ? t`Each event is sent by POST, signed as standardwebhooks.com describes. What fails is tried again, in order.`
      : "",
    [
      field(t`Name`, { name: "name", maxlength: "100", value: integration?.name ?? nameOfKind(kind) }),
      settingsFields(kind, integration?.settings ?? {}),
      occasionFields(kind, integration?.events ?? chosenAtFirst),
      kind === "webhook" ? [] : choice(t`How often`, "digest", digestsWith(every)),
    ],
    integration ? t`Save` : t`Add`,
    async (values) => {
      const body = {
        name: values.name,
        kind,
        enabled: integration?.enabled ?? true,
        events: [
          ...occasions.map(([event]) => event).filter((event) => values[`event ${event}`]),
          ...parts(values.others, ","),
        ],
        settings: settingsOf(kind, values),
        digest_minutes: Number(values.digest ?? 0),
      };
      if (integration) {
        await put(`integrations/${integration.id}`, body);
        notify(t`Saved.`);
        await saved(null);
      } else await saved(await post("integrations", body));
    },
  );
  if (kind === "email") element.elements.tls.value = integration?.settings.tls ?? "starttls";
  element.append(
    " ",
    action(t`Cancel`, async () => close()),
  );
  if (kind !== "webhook") element.elements.digest.value = String(every);
  return element;
}

function stateOf(integration) {
  const parts = [];
  if (!integration.enabled) parts.push(t`is off`);
  if (integration.last_error.endsWith("; the others have it"))
    parts.push(t`last sent ${time(integration.last_sent)}`, told(integration.last_error));
  else if (integration.last_error) parts.push(t`the last try failed: ${told(integration.last_error)}`);
  else if (integration.last_sent) parts.push(t`last sent ${time(integration.last_sent)}`);
  else parts.push(t`nothing sent yet`);
  if (integration.waiting) parts.push(plural(integration.waiting, t`message waits`, t`messages wait`));
  if (integration.dropped) parts.push(t`${integration.dropped} left out, as too many waited`);
  return parts.join("; ");
}

function deadSection(integration, load) {
  const list = el("ul", { class: "plain" });
  const show = async () => {
    const { dead } = await get(`integrations/${integration.id}/dead`);
    list.replaceChildren(
      ...dead.map((each) =>
        el("li", {}, `${time(each.published_at)} ${each.device} ${each.event} ${each.data}: `, told(each.error)),
      ),
    );
  };
  const details = el(
    "details",
    {},
    el("summary", {}, plural(integration.dead, t`message was given up`, t`messages were given up`)),
    list,
    action(t`Try again`, async () => {
      await post(`integrations/${integration.id}/retry`);
      await load();
    }),
    " ",
    action(t`Forget them`, async () => {
      await remove(`integrations/${integration.id}/dead`);
      await load();
    }),
  );
  details.addEventListener("toggle", () => details.open && show().catch((error) => notify(error.message, "error")));
  return details;
}

function card(integration, load) {
  const settings = { ...integration.settings };
  delete settings.secret;
  const place = el("div");
  const where = settings.url ?? (settings.to ?? []).join(", ");
  const edit = () => place.replaceChildren(editor(integration.kind, integration, load, () => place.replaceChildren()));
  const turn = async () => {
    for (const name of ["token", "password"]) delete settings[name];
    await put(`integrations/${integration.id}`, {
      name: integration.name,
      kind: integration.kind,
      events: integration.events,
      digest_minutes: integration.digest_minutes,
      settings,
      enabled: !integration.enabled,
    });
    await load();
  };
  return el(
    "section",
    { class: "card" },
    el("h2", {}, integration.name),
    el("p", {}, `${nameOfKind(integration.kind)}: `, el("span", { class: "wraps" }, where)),
    el("p", { class: integration.last_error ? "problem" : "quiet" }, stateOf(integration)),
    integration.dead ? deadSection(integration, load) : null,
    el(
      "p",
      { class: "bar" },
      action(t`Send a test`, async () => {
        await post(`integrations/${integration.id}/test`);
        notify(t`The test was sent to ${integration.name}.`);
      }),
      action(t`Change`, async () => edit()),
      action(integration.enabled ? t`Turn off` : t`Turn on`, turn),
      action(t`Remove`, async () => {
        if (!confirm(t`Remove ${integration.name}, with all that waits for it?`)) return;
        await remove(`integrations/${integration.id}`);
        await load();
      }),
    ),
    place,
  );
}

export function showIntegrations(main) {
  const list = el("div");
  const place = el("div");
  const news = el("div", { role: "status" });
  const load = async (made) => {
    const { integrations } = await get("integrations");
    list.replaceChildren(...integrations.map((each) => card(each, load)));
    if (integrations.length === 0) list.append(el("p", { class: "quiet" }, t`Nobody is told yet.`));
    if (made === undefined) return;
    place.replaceChildren();
    news.replaceChildren();
    if (made?.secret)
      news.append(
        el(
          "p",
          {},
          t`Its secret, which is shown this once: `,
          el("code", { class: "wraps" }, made.secret),
          " ",
          copyButton(made.secret),
        ),
      );
    if (made) notify(t`Added. "Send a test" tells whether it arrives.`);
  };
  main.replaceChildren(
    el("h1", {}, t`Notifications and webhooks`),
    ...(fleet.may("administer")
      ? [
          el(
            "p",
            {},
            t`Drydock tells others what happens here: your phone, by e-mail, or a program of yours. Networks of your own it reaches when /etc/drydock/drydock.toml allows it (integrations.private_networks).`,
          ),
          news,
          list,
          el("h2", {}, t`Another one`),
          el(
            "p",
            { class: "bar" },
            kinds.map(([kind, words]) =>
              action(words, async () => {
                place.replaceChildren(editor(kind, null, load, () => place.replaceChildren()));
                place.querySelector("input").focus();
              }),
            ),
          ),
          place,
        ]
      : [el("p", {}, t`Only who may administer sees this.`)]),
  );
  fleet.follow([]);
  if (!fleet.may("administer")) return () => {};
  load().catch((error) => notify(error.message, "error"));
  // What is being sent shows by itself, unless a person is in the middle of something.
  const busy = () => list.querySelector("form, details[open]") || list.contains(document.activeElement);
  const timer = setInterval(() => busy() || load().catch(() => {}), 3000);
  return () => clearInterval(timer);
}
