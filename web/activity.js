// What happened to all devices, and who was turned away.
import { get } from "./api.js";
import { action, el, notify, tableHead } from "./dom.js";
import { fleet } from "./state.js";
import { shortId, time } from "./words.js";

const kinds = {
  "": "everything",
  decided: "what people decided",
  verified: "updates confirmed running",
  failed: "updates that failed",
  connected: "devices that came",
  wrong_server_key: "turned away: set up for another server",
  changed_key: "turned away: another key",
  refused: "turned away: other reasons",
};

export function showActivity(main) {
  const body = el("tbody");
  const none = el("p", { class: "quiet", hidden: true }, "Nothing of the kind yet.");
  const choice = el(
    "select",
    { id: "activity-kind", onchange: () => load().catch((error) => notify(error.message, "error")) },
    Object.entries(kinds).map(([value, words]) => el("option", { value }, words)),
  );
  const load = async () => {
    const { history } = await get(`history?kind=${choice.value}`);
    none.hidden = history.length > 0;
    body.replaceChildren(
      ...history.map((line) =>
        el(
          "tr",
          {},
          el("td", { "data-label": "When", class: "short" }, time(line.at)),
          el(
            "td",
            { "data-label": "Device", class: "short" },
            line.device ? el("a", { href: `#/device/${line.device}` }, line.name || shortId(line.device)) : "–",
          ),
          el("td", { "data-label": "What" }, line.words),
        ),
      ),
    );
  };
  main.replaceChildren(
    el("h1", {}, "Activity"),
    el(
      "p",
      { class: "bar" },
      el("label", { for: "activity-kind" }, "Show"),
      choice,
      action("Look again", load),
      fleet.may("administer") && el("a", { class: "button", href: "#/audit" }, "Who changed what"),
    ),
    el("table", {}, tableHead(["When", "Device", "What"]), body),
    none,
  );
  fleet.follow([]);
  load().catch((error) => notify(error.message, "error"));
}
