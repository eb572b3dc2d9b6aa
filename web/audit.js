// Who changed what, and when.
import { get } from "./api.js";
import { action, el, notify, tableHead } from "./dom.js";
import { fleet } from "./state.js";
import { time } from "./words.js";
import { t, told } from "./text.js";

export function showAudit(main) {
  const body = el("tbody");
  const more = action(t`Earlier ones`, () => load());
  let next = null;
  const load = async () => {
    const answer = await get(`audit${next ? `?before=${next}` : ""}`);
    body.append(
      ...answer.changes.map((change) =>
        el(
          "tr",
          {},
          el("td", { "data-label": t`When`, class: "short" }, time(change.at)),
          el("th", { scope: "row", "data-label": t`Who`, class: "short" }, change.who),
          el("td", { "data-label": t`By`, class: "short" }, told(change.via)),
          el("td", { "data-label": t`What`, lang: "en", class: "wraps" }, change.what),
          el("td", { "data-label": t`How it ended` }, told(change.outcome)),
        ),
      ),
    );
    next = answer.next;
    more.hidden = !next;
  };
  main.replaceChildren(
    el("p", {}, el("a", { href: "#/access" }, t`← Access`)),
    el("h1", {}, t`Who changed what`),
    el("p", {}, el("a", { href: "api/v1/audit?format=csv&limit=1000", download: true }, t`The latest 1,000 as CSV`)),
    el("table", {}, tableHead([t`When`, t`Who`, t`By`, t`What`, t`How it ended`]), body),
    more,
  );
  fleet.follow([]);
  load().catch((error) => notify(error.message, "error"));
}
