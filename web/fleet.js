// The fleet: a page of devices, each in one line, and above them how many there are and where they stand.
import { get, post } from "./api.js";
import { action, el, notify, setText } from "./dom.js";
import { ago, nameOf, stateNames, stateOf, stateWords, versionsOf } from "./words.js";
import { fleet } from "./state.js";

const columns = ["State", "Device", "Platform", "Seen", "Versions"];
const orders = {
  name: "by name",
  state: "by state",
  platform: "by platform",
  "-last_seen": "seen last first",
  last_seen: "away longest first",
};
const devicesOnPage = 100;
// Changes come in showers: a list is asked for once behind them.
const settling = 400;

/** A row that is changed in place: nothing moves under the finger of whoever wants to touch it. */
class Row {
  constructor(device) {
    this.mark = el("span", { class: "mark" });
    this.words = el("span", { class: "words" });
    this.bar = el("progress", { max: "100", hidden: true, "aria-label": "Progress" });
    this.link = el("a", { href: `#/device/${device.id}` });
    this.platform = el("td", { "data-label": "Platform" });
    this.seen = el("td", { "data-label": "Seen" });
    this.versions = el("td", { "data-label": "Versions", class: "versions" });
    this.approve = action(
      "Approve",
      async () => {
        await post(`devices/${device.id}/approve`);
        notify("Approved.");
      },
      { class: "primary small", hidden: true },
    );
    this.element = el(
      "tr",
      { "data-id": device.id },
      el("td", { class: "state" }, this.mark, this.words, this.bar, this.approve),
      el("th", { scope: "row" }, this.link),
      this.platform,
      this.seen,
      this.versions,
    );
    this.update(device);
  }
  update(device) {
    this.state = stateOf(device);
    this.element.dataset.state = this.state;
    setText(this.words, stateWords(device));
    setText(this.link, nameOf(device));
    setText(this.platform, device.platform_name + (device.safe_mode ? ", safe mode" : ""));
    setText(this.seen, device.connected ? "online" : (device.session_known ? "heard " : "") + ago(device.last_seen));
    this.seen.className = device.connected ? "online" : "";
    setText(this.versions, versionsOf(device));
    this.approve.hidden = !(fleet.may("administer") && device.approval === "pending");
    this.bar.hidden = !device.progress;
    if (device.progress) this.bar.value = (100 * device.progress.bytes) / device.progress.bytes_total;
  }
}

export function showFleet(main) {
  const rows = new Map();
  const body = el("tbody");
  const summary = el("p", { id: "summary", role: "status" });
  const search = el("input", {
    type: "search",
    placeholder: "Name, id, group, label, platform, address",
    "aria-label": "Search",
  });
  const filter = el(
    "select",
    { "aria-label": "Show" },
    el("option", { value: "" }, "all states"),
    Object.entries(stateNames).map(([value, name]) => el("option", { value }, name)),
  );
  const order = el(
    "select",
    { "aria-label": "Sort" },
    Object.entries(orders).map(([value, name]) => el("option", { value }, name)),
  );
  const empty = el("p", { class: "quiet", hidden: true });
  const back = action("First page", () => turn([]), { hidden: true });
  const next = action("Next page", () => turn([...pages, following]), { hidden: true });
  let pages = []; // where each page up to this one begins
  let following = null; // where the next one does
  let asked = 0;
  let timer = null;
  const pause = action("", async () => {
    await post(fleet.paused ? "fleet/resume" : "fleet/pause");
  });
  const forget = action(
    "Forget all waiting",
    async () => {
      const waiting = fleet.summary.states.awaiting_approval || 0;
      if (
        !confirm(
          `Forget ${waiting} device${waiting === 1 ? "" : "s"} that wait${waiting === 1 ? "s" : ""} for approval? They may come again.`,
        )
      )
        return;
      await post("fleet/forget_pending");
      notify("Forgotten.");
    },
    { class: "danger", hidden: true },
  );
  const update = action("Update all", async () => {
    const failed = fleet.summary.states.parked || 0;
    const effects = [
      failed > 0 && `${failed} that failed ${failed === 1 ? "is" : "are"} tried again.`,
      fleet.paused && "The pause of all updates ends.",
      "Devices that are held stay held.",
    ].filter(Boolean);
    if (!confirm(`Look at every approved device again? ${effects.join(" ")}`)) return;
    await post("fleet/update");
    notify("Every approved device is looked at again.");
  });

  const summarise = () => {
    const { devices, connected, states } = fleet.summary;
    const parts = Object.entries(states)
      .sort((a, b) => b[1] - a[1])
      .map(([state, count]) => `${count} ${stateNames[state] || state}`);
    setText(
      summary,
      `${devices} device${devices === 1 ? "" : "s"}, ${connected} online${parts.length ? ": " + parts.join(", ") : ""}${fleet.paused ? ". All updates are paused" : ""}.`,
    );
    summary.className =
      devices > 0 && states.current === devices
        ? "well"
        : states.parked || states.blocked || states.unknown_key
          ? "trouble"
          : "";
    forget.hidden = !states.awaiting_approval;
    setText(pause, fleet.paused ? "Resume updates" : "Pause updates");
  };
  const show = (page) => {
    fleet.devices = new Map(page.devices.map((device) => [device.id, device]));
    for (const id of rows.keys()) if (!fleet.devices.has(id)) rows.delete(id);
    for (const device of page.devices) {
      if (rows.has(device.id)) rows.get(device.id).update(device);
      else rows.set(device.id, new Row(device));
    }
    body.replaceChildren(...page.devices.map((device) => rows.get(device.id).element));
    following = page.next;
    next.hidden = !following;
    back.hidden = pages.length === 0;
    empty.hidden = page.devices.length > 0;
    setText(
      empty,
      search.value || filter.value || pages.length
        ? "No device is like that."
        : "No device has connected yet. 'drydock keys export' says how to point one here.",
    );
    fleet.follow(page.devices.map((device) => device.id));
  };
  const load = async () => {
    const number = ++asked;
    const query = new URLSearchParams({ limit: devicesOnPage, sort: order.value });
    if (search.value.trim()) query.set("search", search.value.trim());
    if (filter.value) query.set("state", filter.value);
    if (pages.length) query.set("after", pages[pages.length - 1]);
    const page = await get(`devices?${query}`);
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
  const choose = () => turn([]).catch((error) => notify(error.message, "error"));
  const onChange = (event) => {
    summarise();
    if (!event.detail) return loadSoon();
    for (const id of event.detail) rows.get(id)?.update(fleet.devices.get(id));
  };

  search.addEventListener("input", choose);
  filter.addEventListener("change", choose);
  order.addEventListener("change", choose);
  main.replaceChildren(
    el("h1", { class: "visually-hidden" }, "Fleet"),
    summary,
    el(
      "div",
      { class: "bar" },
      search,
      filter,
      order,
      el("span", { class: "grow" }),
      fleet.may("administer") && forget,
      fleet.may("flash") && pause,
      fleet.may("flash") && update,
    ),
    el(
      "table",
      { class: "fleet" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          columns.map((name) => el("th", { scope: "col" }, name)),
        ),
      ),
      body,
    ),
    empty,
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
