// Who changed what, and when.
import { get } from "./api.js";
import { action, el, notify, tableHead } from "./dom.js";
import { fleet } from "./state.js";
import { time } from "./words.js";

export function showAudit(main) {
  const body = el("tbody");
  const more = action("Earlier ones", () => load());
  let next = null;
  const load = async () => {
    const answer = await get(`audit${next ? `?before=${next}` : ""}`);
    body.append(
      ...answer.changes.map((change) =>
        el(
          "tr",
          {},
          el("td", { "data-label": "When", class: "short" }, time(change.at)),
          el("th", { scope: "row", "data-label": "Who", class: "short" }, change.who),
          el("td", { "data-label": "By", class: "short" }, change.via),
          el("td", { "data-label": "What" }, change.what),
          el("td", { "data-label": "How it ended" }, change.outcome),
        ),
      ),
    );
    next = answer.next;
    more.hidden = !next;
  };
  main.replaceChildren(
    el("p", {}, el("a", { href: "#/access" }, "← Access")),
    el("h1", {}, "Who changed what"),
    el("p", {}, el("a", { href: "api/v1/audit?format=csv&limit=1000", download: true }, "The latest 1,000 as CSV")),
    el("table", {}, tableHead(["When", "Who", "By", "What", "How it ended"]), body),
    more,
  );
  fleet.follow([]);
  load().catch((error) => notify(error.message, "error"));
}
