// The fleet: a page of devices, each in one line, and above them how they are.
import { get } from "./api.js";
import { action, el, notify, setText } from "./dom.js";
import { fleetButtons, idsLike, selectionBar } from "./fleet_actions.js";
import { Row } from "./fleet_row.js";
import { fleetSummary } from "./fleet_summary.js";
import { stateNames } from "./words.js";
import { fleet } from "./state.js";
import { t } from "./text.js";

const orders = {
  urgency: t`what needs you first`,
  name: t`by name`,
  state: t`by state`,
  platform: t`by platform`,
  "-last_seen": t`seen last first`,
  last_seen: t`away longest first`,
};
const devicesOnPage = 100;
// Changes come in showers: a list is asked for once behind them.
const settling = 400;

const options = (names) => Object.entries(names).map(([value, name]) => el("option", { value }, name));

// What the list is of stands in the address: it is still there when somebody comes back, and can be sent to another.
function readAddress() {
  return new URLSearchParams(location.hash.split("?")[1] || "");
}
function writeAddress(fields) {
  const query = new URLSearchParams(Object.entries(fields).filter(([, value]) => value));
  fleet.listAddress = `#/fleet${query.size ? `?${query}` : ""}`;
  history.replaceState(null, "", fleet.listAddress);
}

export function showFleet(main) {
  const asks = readAddress();
  fleet.listAddress = location.hash;
  const rows = new Map();
  const selected = new Set();
  const body = el("tbody");
  const search = el("input", {
    type: "search",
    placeholder: t`Name, id, group, label, platform, version, address`,
    "aria-label": t`Search`,
    value: asks.get("search") || "",
  });
  const filter = el(
    "select",
    { "aria-label": t`Show` },
    el("option", { value: "" }, t`all states`),
    options(stateNames),
  );
  const order = el("select", { "aria-label": t`Sort` }, options(orders));
  filter.value = asks.get("state") || "";
  order.value = Object.hasOwn(orders, asks.get("sort") ?? "") ? asks.get("sort") : "urgency";
  const empty = el("p", { class: "quiet", hidden: true });
  const lead = el(
    "p",
    { hidden: true },
    el("a", { href: "#/start", class: "button primary" }, t`Bring in your first device`),
  );
  const back = action(t`First page`, () => turn([]), { hidden: true });
  const next = action(t`Next page`, () => turn([...pages, following]), { hidden: true });
  let pages = []; // where each page up to this one begins
  let following = null; // where the next one does
  let asked = 0;
  let timer = null;

  const query = () => {
    const fields = new URLSearchParams({ limit: devicesOnPage, sort: order.value });
    if (search.value.trim()) fields.set("search", search.value.trim());
    if (filter.value) fields.set("state", filter.value);
    if (pages.length) fields.set("after", pages[pages.length - 1]);
    return fields;
  };
  const pick = (ids, on) => {
    for (const id of ids) {
      if (on) selected.add(id);
      else selected.delete(id);
      rows.get(id)?.select(on);
    }
    selection.update();
    whole.checked = body.rows.length > 0 && [...rows.keys()].every((id) => selected.has(id));
  };
  const selection = selectionBar(
    selected,
    async () => pick(await idsLike(query()), true),
    () => pick([...selected], false),
  );
  const whole = el("input", { type: "checkbox", "aria-label": t`Select every device of this page` });
  whole.addEventListener("change", () => pick([...rows.keys()], whole.checked));
  const buttons = fleetButtons();
  const summary = fleetSummary((state) => {
    filter.value = state;
    choose();
  });
  const summarise = () => {
    summary.show(filter.value);
    buttons.show();
  };

  const show = (page) => {
    fleet.devices = new Map(page.devices.map((device) => [device.id, device]));
    for (const id of rows.keys()) if (!fleet.devices.has(id)) rows.delete(id);
    for (const device of page.devices) {
      if (rows.has(device.id)) rows.get(device.id).update(device);
      else {
        rows.set(device.id, new Row(device, (id, on) => pick([id], on)));
        rows.get(device.id).select(selected.has(device.id));
      }
    }
    const wanted = page.devices.map((device) => rows.get(device.id).element);
    // A list that is the same is left alone: who has the focus in it keeps it.
    if (wanted.some((each, i) => body.children[i] !== each) || wanted.length !== body.children.length) {
      const focused = body.contains(document.activeElement) ? document.activeElement : null;
      body.replaceChildren(...wanted);
      if (focused && body.contains(focused)) focused.focus({ preventScroll: true });
    }
    pick([], true);
    following = page.next;
    next.hidden = !following;
    back.hidden = pages.length === 0;
    empty.hidden = page.devices.length > 0;
    const filtered = search.value || filter.value || pages.length > 0;
    lead.hidden = page.devices.length > 0 || Boolean(filtered) || !fleet.may("administer");
    setText(empty, filtered ? t`No device is like that.` : t`No device has connected yet.`);
    fleet.follow(page.devices.map((device) => device.id));
  };
  const load = async () => {
    const number = ++asked;
    const page = await get(`devices?${query()}`);
    if (number !== asked) return; // another one was asked for meanwhile
    show(page);
  };
  const loadSoon = () => {
    timer ??= setTimeout(() => {
      timer = null;
      load().catch((error) => notify(error.message, "error"));
    }, settling);
  };
  const turn = async (to) => {
    pages = to;
    await load();
  };
  const choose = () => {
    writeAddress({
      search: search.value.trim(),
      state: filter.value,
      sort: order.value === "urgency" ? "" : order.value,
    });
    summarise();
    return turn([]).catch((error) => notify(error.message, "error"));
  };
  const onChange = (event) => {
    summarise();
    if (!event.detail) return loadSoon();
    for (const id of event.detail) rows.get(id)?.update(fleet.devices.get(id));
  };

  search.addEventListener("input", choose);
  filter.addEventListener("change", choose);
  order.addEventListener("change", choose);
  const head = ([kind, name]) => el("th", { scope: "col", class: kind }, name);
  main.replaceChildren(
    el("h1", { class: "visually-hidden" }, t`Fleet`),
    ...summary.elements,
    el(
      "div",
      { class: "bar" },
      search,
      filter,
      order,
      el("span", { class: "grow" }),
      fleet.may("administer") && el("a", { href: "#/start", class: "button" }, t`Add a device`),
      buttons.elements,
    ),
    selection.element,
    el(
      "table",
      { class: "fleet" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          fleet.may("flash") && el("th", { scope: "col", class: "pick" }, whole),
          [
            ["device", t`Device`],
            ["state", t`State`],
            ["platform", t`Platform`],
            ["seen", t`Seen`],
            ["versions", t`Versions`],
          ].map(head),
        ),
      ),
      body,
    ),
    empty,
    lead,
    el("div", { class: "bar" }, back, next),
  );
  fleet.addEventListener("change", onChange);
  summarise();
  load().catch((error) => notify(error.message, "error"));
  const clock = setInterval(() => {
    for (const [id, row] of rows) row.update(fleet.devices.get(id));
  }, 60_000);
  return () => {
    fleet.removeEventListener("change", onChange);
    clearInterval(clock);
    clearTimeout(timer);
    asked = -1;
  };
}
