// One device's line in the list of the fleet.
import { post } from "./api.js";
import { action, el, notify, setText } from "./dom.js";
import { ago, nameOf, shortId, stateWords, versionsOf } from "./words.js";
import { fleet } from "./state.js";
import { t } from "./text.js";

/** A row that is changed in place: nothing moves under the finger of whoever wants to touch it. */
export class Row {
  /** `onSelect(id, selected)`: its box was ticked or cleared. */
  constructor(device, onSelect) {
    this.box = el("input", { type: "checkbox" });
    this.box.addEventListener("change", () => onSelect(device.id, this.box.checked));
    this.mark = el("span", { class: "mark" });
    this.words = el("span", { class: "words" });
    this.bar = el("progress", { max: "100", hidden: true, "aria-label": t`Progress` });
    this.link = el("a", { href: `#/device/${device.id}` });
    this.id = el("span", { class: "id", title: device.id });
    this.group = el("span", { class: "id" });
    this.platform = el("td", { "data-label": t`Platform` });
    this.seen = el("td", { "data-label": t`Seen` });
    this.versions = el("td", { "data-label": t`Versions`, class: "versions" });
    this.approve = action(
      t`Approve`,
      async () => {
        await post(`devices/${device.id}/approve`);
        notify(t`${nameOf(device)} is approved.`);
        this.link.focus();
      },
      { class: "primary small", hidden: true },
    );
    this.key = el("a", { href: `#/device/${device.id}`, class: "button small", hidden: true }, t`Compare keys`);
    this.element = el(
      "tr",
      { "data-id": device.id },
      fleet.may("flash") && el("td", { class: "pick" }, this.box),
      el("th", { scope: "row" }, this.link, this.id, this.group),
      el("td", { class: "state" }, this.mark, this.words, this.bar, this.approve, this.key),
      this.platform,
      this.seen,
      this.versions,
    );
    this.update(device);
  }
  update(device) {
    this.element.dataset.state = device.shown_state;
    setText(this.words, stateWords(device));
    setText(this.link, device.name || shortId(device.id));
    this.link.title = device.id;
    setText(this.id, device.name ? shortId(device.id) : "");
    setText(this.group, device.group);
    this.box.setAttribute("aria-label", t`Select ${nameOf(device)}`);
    this.approve.setAttribute("aria-label", t`Approve ${nameOf(device)}`);
    this.key.setAttribute("aria-label", t`Compare the keys of ${nameOf(device)}`);
    setText(this.platform, device.platform_name + (device.safe_mode ? t`, safe mode` : ""));
    setText(this.seen, device.connected ? t`online` : (device.session_known ? t`heard ` : "") + ago(device.last_seen));
    this.seen.className = device.connected ? "online" : "";
    setText(this.versions, versionsOf(device));
    this.approve.hidden = !(fleet.may("administer") && device.approval === "pending" && !device.changed_key);
    this.key.hidden = !device.changed_key;
    this.bar.hidden = !device.progress;
    if (device.progress) this.bar.value = (100 * device.progress.bytes) / device.progress.bytes_total;
  }
  select(selected) {
    this.box.checked = selected;
  }
}
