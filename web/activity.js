// What happened to all devices, and who was turned away.
import { get } from "./api.js";
import { action, el, notify, tableHead } from "./dom.js";
import { fleet } from "./state.js";
import { shortId, time } from "./words.js";
import { t, told } from "./text.js";

const kinds = {
  "": t`everything`,
  decided: t`what people decided`,
  verified: t`updates confirmed running`,
  failed: t`updates that failed`,
  connected: t`devices that came`,
  wrong_server_key: t`turned away: set up for another server`,
  changed_key: t`turned away: another key`,
  refused: t`turned away: other reasons`,
};

export function showActivity(main) {
  const body = el("tbody");
  const none = el("p", { class: "quiet", hidden: true }, t`Nothing of the kind yet.`);
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
          el("td", { "data-label": t`When`, class: "short" }, time(line.at)),
          el(
            "td",
            { "data-label": t`Device`, class: "short" },
            line.device ? el("a", { href: `#/device/${line.device}` }, line.name || shortId(line.device)) : "–",
          ),
          el("td", { "data-label": t`What` }, told(line.words)),
        ),
      ),
    );
  };
  main.replaceChildren(
    el("h1", {}, t`Activity`),
    el(
      "p",
      { class: "bar" },
      el("label", { for: "activity-kind" }, t`Show`),
      choice,
      action(t`Look again`, load),
      fleet.may("administer") && el("a", { class: "button", href: "#/audit" }, t`Who changed what`),
    ),
    el("table", {}, tableHead([t`When`, t`Device`, t`What`]), body),
    none,
  );
  fleet.follow([]);
  load().catch((error) => notify(error.message, "error"));
}
