// The users whom the owner lets in.
import { get, put, remove } from "./api.js";
import { action, el, notify } from "./dom.js";
import { choice, field, form } from "./forms.js";

const roles = [
  ["viewer", "Viewer: may look, read variables, hear events"],
  ["operator", "Operator: may also call functions and change what devices run"],
  ["owner", "Owner: may also approve devices, and let people in"],
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
          { "aria-label": `Role of ${user.name}` },
          roles.map(([value]) => el("option", { value, selected: value === user.role }, value)),
        );
        role.addEventListener("change", async () => {
          try {
            await put(path(user.name), { role: role.value });
            notify(`${user.name} is ${role.value} from now on.`);
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
          action("Remove", async () => {
            if (!confirm(`Remove ${user.name}, with what he is logged in with and his tokens?`)) return;
            await remove(path(user.name));
            await load();
          }),
        );
      }),
    );
    if (users.length === 0) list.append(el("li", { class: "quiet" }, "Nobody but you."));
  };
  load().catch((error) => notify(error.message, "error"));
  return el(
    "section",
    { class: "card narrow" },
    el("h2", {}, "Users"),
    el("p", {}, "Each has a name and a password, for this page and for Particle's tools."),
    list,
    form(
      "New user, or a new password for one",
      "",
      [
        field("Name", { name: "name", maxlength: "64", autocomplete: "off" }),
        field("Password, 8 characters or more", {
          name: "password",
          type: "password",
          autocomplete: "new-password",
          minlength: "8",
        }),
        choice("Role", "role", [["", "As it is, or viewer for a new one"], ...roles]),
      ],
      "Save the user",
      async (values, element) => {
        const name = values.name.trim().toLowerCase();
        const { users } = await get("users");
        const role = values.role || (users.some((user) => user.name === name) ? undefined : "viewer");
        await put(path(name), { password: values.password, role });
        element.reset();
        notify("Saved.");
        await load();
      },
    ),
  );
}
