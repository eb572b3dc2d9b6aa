// Set-up, login, password and tokens.
import { get, post, remove } from "./api.js";
import { action, el, notify } from "./dom.js";
import { choice, field, form } from "./forms.js";
import { time } from "./words.js";
import { fleet } from "./state.js";
import { usersSection } from "./users.js";

export function showSetup(main, entered) {
  const element = form(
    "Welcome aboard",
    "Nobody has set a password yet. The set-up code is in Drydock's log, and 'drydock status' shows it.",
    [
      field("Set-up code", {
        name: "code",
        autocomplete: "one-time-code",
        autocapitalize: "none",
        spellcheck: "false",
      }),
      field("New password, 8 characters or more", {
        name: "password",
        type: "password",
        autocomplete: "new-password",
        minlength: "8",
      }),
    ],
    "Set the password",
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
    "Log in",
    "To this Drydock.",
    [
      users && field("Name (nothing: the owner)", { name: "user", autocomplete: "username", required: false }),
      field("Password", { name: "password", type: "password", autocomplete: "current-password" }),
    ],
    "Log in",
    async (values) => {
      await post("login", { user: values.user || "", password: values.password });
      entered();
    },
  );
  main.replaceChildren(element);
  element.querySelector("input").focus();
}

export function showAccess(main, left) {
  if (!fleet.user) {
    main.replaceChildren(
      el(
        "div",
        { class: "card narrow" },
        el("h1", {}, "Guest"),
        el("p", {}, "You may look at the fleet. To change something, log in."),
        el(
          "button",
          {
            class: "primary",
            onclick: () => {
              location.hash = "#/login";
              left();
            },
          },
          "Log in",
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
          ` made ${time(token.created)}${token.user === fleet.user ? "" : ` by ${token.user}`}, may ${token.scopes.join(", ")} `,
          action("Remove", async () => {
            await remove(`tokens/${token.id}`);
            await load();
          }),
        ),
      ),
    );
    if (answer.tokens.length === 0) tokens.append(el("li", { class: "quiet" }, "No token."));
  };
  const made = el("p", { class: "made", role: "status" });
  main.replaceChildren(
    el("h1", {}, "Access"),
    el("p", {}, `You are ${fleet.user}, and may ${fleet.scopes.join(", ")}.`),
    form(
      "Change your password",
      "Your other sessions end, and the tokens that tools got for it.",
      [
        field("Old password", { name: "old", type: "password", autocomplete: "current-password" }),
        field("New password", { name: "new", type: "password", autocomplete: "new-password", minlength: "8" }),
      ],
      "Change it",
      async (values) => {
        await post("password", values);
        notify("The password was changed.");
      },
    ),
    el(
      "section",
      { class: "card narrow" },
      el("h2", {}, "API tokens"),
      el(
        "p",
        {},
        "For programs: 'Authorization: Bearer TOKEN'. ",
        el("a", { href: "api/v1/openapi.json" }, "The API's description"),
      ),
      tokens,
      made,
      form(
        "New token",
        "",
        [
          field("What it is for", { name: "name", maxlength: "64" }),
          choice("What it may", "scopes", [
            ["", "Whatever you may"],
            ["read", "Read: look at the fleet, read variables, hear events"],
            ["read call", "Read, and call functions and publish events"],
            ["read call flash", "Read, call, and change what devices run"],
          ]),
        ],
        "Make a token",
        async (values) => {
          const answer = await post("tokens", { name: values.name, scopes: values.scopes });
          made.replaceChildren("Copy it now, it is not shown again: ", el("code", {}, answer.token));
          await load();
        },
      ),
    ),
    fleet.may("administer") ? usersSection() : "",
    fleet.may("administer") ? el("p", {}, el("a", { href: "#/audit" }, "Who changed what")) : "",
    el(
      "p",
      {},
      action("Log out", async () => {
        await post("logout");
        location.hash = "#/fleet";
        left();
      }),
    ),
  );
  load();
}
