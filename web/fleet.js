// The fleet: every device in one line, the most urgent state first at a glance.
import { post } from "./api.js";
import { action, el, notify, setText } from "./dom.js";
import { ago, nameOf, stateNames, stateOf, stateWords, versionsOf } from "./words.js";
import { fleet } from "./state.js";

const columns = ["State", "Device", "Platform", "Seen", "Versions"];

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
    this.text = `${nameOf(device)} ${device.id} ${device.platform_name} ${device.address}`.toLowerCase();
    this.element.dataset.state = this.state;
    setText(this.words, stateWords(device));
    setText(this.link, nameOf(device));
    setText(this.platform, device.platform_name + (device.safe_mode ? ", safe mode" : ""));
    setText(this.seen, device.connected ? "online" : (device.session_known ? "heard " : "") + ago(device.last_seen));
    this.seen.className = device.connected ? "online" : "";
    setText(this.versions, versionsOf(device));
    this.approve.hidden = !(fleet.mayChange && device.approval === "pending");
    this.bar.hidden = !device.progress;
    if (device.progress) this.bar.value = (100 * device.progress.bytes) / device.progress.bytes_total;
  }
}

export function showFleet(main) {
  const rows = new Map();
  const body = el("tbody");
  const summary = el("p", { id: "summary", role: "status" });
  const search = el("input", { type: "search", placeholder: "Name, id, platform, address", "aria-label": "Search" });
  const filter = el(
    "select",
    { "aria-label": "Show" },
    el("option", { value: "" }, "all states"),
    Object.entries(stateNames).map(([value, name]) => el("option", { value }, name)),
  );
  const empty = el("p", { class: "quiet", hidden: true });
  const pause = action("", async () => {
    await post(fleet.paused ? "fleet/resume" : "fleet/pause");
  });
  const forget = action(
    "Forget all waiting",
    async () => {
      const waiting = [...fleet.devices.values()].filter((device) => device.approval === "pending").length;
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
    await post("fleet/update");
    notify("Every approved device is looked at again.");
  });

  const shown = (row) =>
    (!filter.value || row.state === filter.value) && row.text.includes(search.value.trim().toLowerCase());
  const refilter = () => {
    let count = 0;
    for (const row of rows.values()) {
      const visible = shown(row);
      row.element.hidden = !visible;
      count += visible;
    }
    empty.hidden = count > 0;
    setText(
      empty,
      rows.size === 0
        ? "No device has connected yet. 'drydock keys export' says how to point one here."
        : "No device is like that.",
    );
  };
  const summarise = () => {
    const counts = new Map();
    let online = 0;
    for (const device of fleet.devices.values()) {
      counts.set(stateOf(device), (counts.get(stateOf(device)) || 0) + 1);
      online += device.connected;
    }
    const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([state, count]) => `${count} ${stateNames[state]}`);
    const total = fleet.devices.size;
    const well = total > 0 && counts.get("current") === total;
    setText(
      summary,
      `${total} device${total === 1 ? "" : "s"}, ${online} online${parts.length ? ": " + parts.join(", ") : ""}${fleet.paused ? ". All updates are paused" : ""}.`,
    );
    summary.className = well
      ? "well"
      : counts.get("parked") || counts.get("blocked") || counts.get("unknown_key")
        ? "trouble"
        : "";
    forget.hidden = !counts.get("awaiting_approval");
    setText(pause, fleet.paused ? "Resume updates" : "Pause updates");
  };
  const rebuild = () => {
    const devices = [...fleet.devices.values()].sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
    for (const id of rows.keys()) if (!fleet.devices.has(id)) rows.delete(id);
    for (const device of devices) {
      if (rows.has(device.id)) rows.get(device.id).update(device);
      else rows.set(device.id, new Row(device));
    }
    body.replaceChildren(...devices.map((device) => rows.get(device.id).element));
  };
  const onChange = (event) => {
    if (!event.detail || [...event.detail].some((id) => !rows.has(id))) rebuild();
    else for (const id of event.detail) rows.get(id).update(fleet.devices.get(id));
    summarise();
    refilter();
  };

  search.addEventListener("input", refilter);
  filter.addEventListener("change", refilter);
  main.replaceChildren(
    el("h1", { class: "visually-hidden" }, "Fleet"),
    summary,
    el(
      "div",
      { class: "bar" },
      search,
      filter,
      el("span", { class: "grow" }),
      fleet.mayChange && forget,
      fleet.mayChange && pause,
      fleet.mayChange && update,
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
  );
  fleet.addEventListener("change", onChange);
  onChange({ detail: null });
  const clock = setInterval(() => {
    for (const [id, row] of rows) row.update(fleet.devices.get(id));
  }, 60_000);
  return () => {
    fleet.removeEventListener("change", onChange);
    clearInterval(clock);
  };
}
