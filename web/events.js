// What devices and programs publish, as it comes: of one device, or of the whole fleet.
import { fleet } from "./state.js";
import { action, el, setText, tableHead } from "./dom.js";
import { listen, publish } from "./cloud.js";
import { t } from "./text.js";

const shown = 200;

/** A list that fills itself until `end` is called, newest first. */
export function eventList(device) {
  const state = el("p", { class: "quiet", role: "status" }, t`Connecting…`);
  const body = el("tbody");
  const filter = el("input", { type: "search", placeholder: t`Filter`, "aria-label": t`Filter events` });
  let paused = false;
  let held = []; // what came while it was paused, newest first
  let connected = false;
  let events = [];
  const words = () => {
    if (paused) return t`Paused. ${held.length}${held.length === shown ? t` or more` : ""} came meanwhile.`;
    if (!connected) return t`Not listening. Trying again…`;
    return events.length ? t`Listening.` : t`Listening. Nothing was published since this view was opened.`;
  };
  const wanted = (event) => {
    const text = filter.value.toLowerCase();
    return [event.name, event.data, event.coreid].some((part) => (part || "").toLowerCase().includes(text));
  };
  const row = (event) =>
    el(
      "tr",
      {},
      el("th", { scope: "row", "data-label": t`Event` }, event.name),
      el("td", { "data-label": t`Data` }, event.data ?? ""),
      !device &&
        el(
          "td",
          { "data-label": t`From` },
          event.coreid === "api" ? t`a program` : el("a", { href: `#/device/${event.coreid}` }, event.coreid),
        ),
      el("td", { "data-label": t`When` }, new Date(event.published_at).toLocaleTimeString()),
    );
  const show = () => body.replaceChildren(...events.filter(wanted).map(row));
  const take = (event) => {
    if (paused) {
      held = [event, ...held].slice(0, shown);
      return setText(state, words());
    }
    events.unshift(event);
    if (wanted(event)) body.prepend(row(event));
    if (events.length > shown) {
      events = events.slice(0, shown);
      while (body.rows.length > shown) body.lastChild.remove();
    }
    setText(state, words());
  };
  filter.addEventListener("input", show);
  const pause = el("button", { type: "button" }, t`Pause`);
  pause.addEventListener("click", () => {
    paused = !paused;
    events = [...held, ...events].slice(0, shown);
    held = [];
    show();
    setText(pause, paused ? t`Go on` : t`Pause`);
    setText(state, words());
  });
  const clear = action(t`Clear`, () => {
    events = [];
    show();
    setText(state, words());
  });
  const headings = [t`Event`, t`Data`, ...(device ? [] : [t`From`]), t`When`];
  const element = el(
    "div",
    {},
    el("div", { class: "bar" }, filter, pause, clear),
    state,
    el("table", {}, tableHead(headings), body),
  );
  const end = listen(device, take, (now) => {
    connected = now;
    setText(state, words());
  });
  return { element, end };
}

export function showEvents(main) {
  const list = eventList("");
  const name = el("input", { id: "event-name", maxlength: "64", required: true });
  const data = el("input", { id: "event-data", maxlength: "1024" });
  const form = el(
    "form",
    { class: "bar" },
    el("label", { for: "event-name" }, t`Name`),
    name,
    el("label", { for: "event-data" }, t`Data`),
    data,
    action(t`Publish`, async () => {
      if (form.reportValidity()) await publish(name.value, data.value);
    }),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    form.querySelector("button").click();
  });
  main.replaceChildren(
    el("h1", {}, t`Events`),
    list.element,
    (fleet.may("call") &&
      el(
        "section",
        {},
        el("h2", {}, t`Publish`),
        el("p", { class: "quiet" }, t`To every device that subscribes to the name, and to everybody who listens.`),
        form,
      )) ||
      "",
  );
  return list.end;
}
