// Set-up, login, password and tokens.
import { get, post, remove } from "./api.js";
import { action, el, notify } from "./dom.js";
import { time } from "./words.js";
import { fleet } from "./state.js";

function field(label, attributes) {
  const id = `field-${attributes.name}`;
  const input = el("input", { id, required: true, ...attributes });
  return [el("label", { for: id }, label), input];
}

function form(title, words, fields, button, submit) {
  const problem = el("p", { class: "problem", role: "alert" });
  const element = el(
    "form",
    { class: "card narrow" },
    el("h1", {}, title),
    el("p", {}, words),
    fields,
    problem,
    el("button", { class: "primary" }, button),
  );
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    element.querySelector("button").disabled = true;
    try {
      await submit(Object.fromEntries(new FormData(element)));
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      element.querySelector("button").disabled = false;
    }
  });
  return element;
}

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

export function showLogin(main, entered) {
  const element = form(
    "Log in",
    "To this Drydock.",
    field("Password", { name: "password", type: "password", autocomplete: "current-password" }),
    "Log in",
    async (values) => {
      await post("login", { password: values.password });
      entered();
    },
  );
  main.replaceChildren(element);
  element.querySelector("input").focus();
}

export function showAccess(main, left) {
  if (!fleet.mayChange) {
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
          ` made ${time(token.created)} `,
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
    form(
      "Change the password",
      "All other sessions end.",
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
        field("What it is for", { name: "name", maxlength: "64" }),
        "Make a token",
        async (values) => {
          const answer = await post("tokens", { name: values.name });
          made.replaceChildren("Copy it now, it is not shown again: ", el("code", {}, answer.token));
          await load();
        },
      ),
    ),
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
