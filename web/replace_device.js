// A new board in the place of one that is no more.
import { get, post } from "./api.js";
import { action, el, notify } from "./dom.js";
import { nameOf } from "./words.js";
import { t } from "./text.js";

/** A button and the question that it opens. `done` is told the id of the one that has the place now,
 *  `leaving` whether this one is about to go. */
export function replaceDevice(device, leaving, done) {
  const place = el("div", { class: "card narrow", hidden: true, role: "group", "aria-label": t`Replace this device` });
  const close = () => {
    place.hidden = true;
    place.replaceChildren();
    open.focus();
  };
  const open = action(t`Replace…`, async () => {
    const { devices } = await get("devices?sort=-first_seen&limit=200");
    const others = devices.filter(
      (each) => each.id !== device().id && each.approval !== "refused" && !each.changed_key,
    );
    const choice = el(
      "select",
      { id: "replacement" },
      el("option", { value: "" }, t`choose`),
      others.map((each) =>
        el(
          "option",
          { value: each.id },
          `${nameOf(each)} (${each.platform_name}${each.approval === "pending" ? t`, waits for approval` : ""})`,
        ),
      ),
    );
    place.hidden = false;
    if (others.length === 0) {
      place.replaceChildren(
        el("p", {}, t`There is no other device yet. Let the new board connect first: it appears in the list.`),
        action(t`Close`, async () => close()),
      );
      return place.querySelector("button").focus();
    }
    place.replaceChildren(
      el(
        "p",
        {},
        t`Another board takes the name, group, labels, notes, pause and rules of ${nameOf(device())}, and its target firmware if it is of the same kind. ` +
          t`It is approved, and this device is deleted with its history.`,
      ),
      el("label", { for: "replacement" }, t`The new board`),
      choice,
      el(
        "div",
        { class: "bar" },
        action(
          t`Replace`,
          async () => {
            if (!choice.value) return choice.focus();
            leaving(true); // what comes now is of a device that is not there
            try {
              await post(`devices/${device().id}/replace`, { by: choice.value });
            } catch (error) {
              leaving(false);
              throw error;
            }
            notify(t`Replaced.`);
            done(choice.value);
          },
          { class: "danger" },
        ),
        action(t`Cancel`, async () => close()),
      ),
    );
    choice.focus();
  });
  return { open, place };
}
