// The users whom the owner lets in.
import { get, put, remove } from "./api.js";
import { action, el, notify } from "./dom.js";
import { choice, field, form } from "./forms.js";
import { t, told } from "./text.js";

const roles = [
  ["viewer", t`Viewer: may look, read variables, hear events`],
  ["operator", t`Operator: may also call functions and change what devices run`],
  ["owner", t`Owner: may also approve devices, and let people in`],
];

export function usersSection() {
  const list = el("ul", { class: "plain" });
  const path = (name) => `users/${encodeURIComponent(name)}`;
  const load = async () => {
    const { users } = await get("users");
    list.replaceChildren(
      ...users.map((user) => {
        const role = el(
          "select",
          { "aria-label": t`Role of ${user.name}` },
          roles.map(([value]) => el("option", { value, selected: value === user.role }, told(value))),
        );
        role.addEventListener("change", async () => {
          try {
            await put(path(user.name), { role: role.value });
            notify(t`${user.name} is ${told(role.value)} from now on.`);
          } catch (error) {
            notify(error.message, "error");
          }
          await load();
        });
        return el(
          "li",
          {},
          el("strong", {}, user.name),
          " ",
          role,
          " ",
          action(t`Remove`, async () => {
            if (!confirm(t`Remove ${user.name}, with what he is logged in with and his tokens?`)) return;
            await remove(path(user.name));
            await load();
          }),
        );
      }),
    );
    if (users.length === 0) list.append(el("li", { class: "quiet" }, t`Nobody but you.`));
  };
  load().catch((error) => notify(error.message, "error"));
  return el(
    "section",
    { class: "card narrow" },
    el("h2", {}, t`Users`),
    el("p", {}, t`Each has a name and a password, for this page and for Particle's tools.`),
    list,
    form(
      t`New user, or a new password for one`,
      "",
      [
        field(t`Name`, { name: "name", maxlength: "64", autocomplete: "off" }),
        field(t`Password, 8 characters or more`, {
          name: "password",
          type: "password",
          autocomplete: "new-password",
          minlength: "8",
        }),
        choice(t`Role`, "role", [["", t`As it is, or viewer for a new one`], ...roles]),
      ],
      t`Save the user`,
      async (values, element) => {
        const name = values.name.trim().toLowerCase();
        const { users } = await get("users");
        const role = values.role || (users.some((user) => user.name === name) ? undefined : "viewer");
        await put(path(name), { password: values.password, role });
        element.reset();
        notify(t`Saved.`);
        await load();
      },
    ),
  );
}
