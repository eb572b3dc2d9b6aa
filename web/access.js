// Set-up, login, password and tokens.
import { get, post, remove } from "./api.js";
import { action, copyButton, el, notify } from "./dom.js";
import { choice, field, form } from "./forms.js";
import { ago, time } from "./words.js";
import { fleet } from "./state.js";
import { usersSection } from "./users.js";
import { t, told } from "./text.js";

export function showSetup(main, entered) {
  const element = form(
    t`Welcome aboard`,
    t`Nobody has set a password yet. The set-up code is in Drydock's log, and 'drydock status' shows it.`,
    [
      field(t`Set-up code`, {
        name: "code",
        autocomplete: "one-time-code",
        autocapitalize: "none",
        spellcheck: "false",
      }),
      field(t`New password, 8 characters or more`, {
        name: "password",
        type: "password",
        autocomplete: "new-password",
        minlength: "8",
      }),
    ],
    t`Set the password`,
    async (values) => {
      await post("setup", { code: values.code.trim().toLowerCase(), password: values.password });
      entered();
    },
  );
  main.replaceChildren(element);
  element.querySelector("input").focus();
}

export function showLogin(main, entered, users) {
  const element = form(
    t`Log in`,
    t`To this Drydock.`,
    [
      users && field(t`Name (nothing: the owner)`, { name: "user", autocomplete: "username", required: false }),
      field(t`Password`, { name: "password", type: "password", autocomplete: "current-password" }),
    ],
    t`Log in`,
    async (values) => {
      await post("login", { user: values.user || "", password: values.password });
      entered();
    },
  );
  element.append(
    el(
      "details",
      {},
      el("summary", {}, t`Forgotten the password?`),
      el(
        "p",
        {},
        t`On the machine that Drydock runs on, this removes all users, logins and tokens, and prints a new set-up code:`,
      ),
      el("pre", {}, el("code", {}, "sudo drydock password reset")),
      users && el("p", {}, t`Only another user's: the owner gives you a new one, at Access, Users.`),
    ),
  );
  main.replaceChildren(element);
  element.querySelector("input").focus();
}

function endOf(token) {
  if (token.days_left === null) return "";
  return token.days_left ? t`(good for ${token.days_left} more days) ` : t`(its time is over) `;
}

export function showAccess(main, left) {
  if (!fleet.user) {
    main.replaceChildren(
      el(
        "div",
        { class: "card narrow" },
        el("h1", {}, t`Guest`),
        el("p", {}, t`You may look at the fleet. To change something, log in.`),
        el(
          "button",
          {
            class: "primary",
            onclick: () => {
              location.hash = "#/login";
              left();
            },
          },
          t`Log in`,
        ),
      ),
    );
    return;
  }
  const tokens = el("ul", { class: "plain" });
  const load = async () => {
    const answer = await get("tokens");
    tokens.replaceChildren(
      ...answer.tokens.map((token) =>
        el(
          "li",
          {},
          el("strong", {}, token.name),
          t` made ${time(token.created)}${token.user === fleet.user ? "" : t` by ${token.user}`}, may ${token.scopes.map(told).join(", ")}, `,
          token.used ? t`last used ${ago(token.used)} ` : t`never used `,
          endOf(token),
          action(t`Remove`, async () => {
            await remove(`tokens/${token.id}`);
            await load();
          }),
        ),
      ),
    );
    if (answer.tokens.length === 0) tokens.append(el("li", { class: "quiet" }, t`No token.`));
  };
  const made = el("p", { class: "made", role: "status" });
  main.replaceChildren(
    el("h1", {}, t`Access`),
    el("p", {}, t`You are ${fleet.user}, and may ${fleet.scopes.map(told).join(", ")}.`),
    form(
      t`Change your password`,
      t`Your other sessions end, and the tokens that tools got for it.`,
      [
        field(t`Old password`, { name: "old", type: "password", autocomplete: "current-password" }),
        field(t`New password`, { name: "new", type: "password", autocomplete: "new-password", minlength: "8" }),
      ],
      t`Change it`,
      async (values) => {
        await post("password", values);
        notify(t`The password was changed.`);
      },
    ),
    el(
      "section",
      { class: "card narrow" },
      el("h2", {}, t`API tokens`),
      el(
        "p",
        {},
        t`For programs: 'Authorization: Bearer TOKEN'. `,
        el("a", { href: "api/v1/openapi.json" }, t`The API's description`),
      ),
      tokens,
      made,
      form(
        t`New token`,
        "",
        [
          field(t`What it is for`, { name: "name", maxlength: "64" }),
          choice(t`What it may`, "scopes", [
            ["read", t`Read: look at the fleet, read variables, hear events`],
            ["read call", t`Read, and call functions and publish events`],
            ["read call flash", t`Read, call, and change what devices run`],
            ["release", t`Bring firmware into the library, and make releases: for CI`],
            ["metrics", t`Read /metrics: for Prometheus`],
            ["", t`Whatever you may`],
          ]),
          choice(t`How long it is good`, "days", [
            ["", t`until it is removed`],
            ["30", t`30 days`],
            ["90", t`90 days`],
            ["365", t`a year`],
          ]),
        ],
        t`Make a token`,
        async (values) => {
          const days = values.days ? { days: Number(values.days) } : {};
          const answer = await post("tokens", { name: values.name, scopes: values.scopes, ...days });
          const copy = copyButton(answer.token, { "aria-label": t`Copy the token` });
          made.replaceChildren(t`Copy it now, it is not shown again: `, el("code", {}, answer.token), " ", copy || "");
          await load();
        },
      ),
    ),
    fleet.may("administer") ? usersSection() : "",
    fleet.may("administer") ? el("p", {}, el("a", { href: "#/audit" }, t`Who changed what`)) : "",
    el(
      "p",
      {},
      action(t`Log out`, async () => {
        await post("logout");
        location.hash = "#/fleet";
        left();
      }),
    ),
  );
  load();
}
