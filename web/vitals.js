// A device's vitals: what it says of itself when it is asked, or said last.
import { action, el, setText, tableHead } from "./dom.js";
import { vitals } from "./cloud.js";
import { time } from "./words.js";
import { t } from "./text.js";

// {"network": {"signal": {"at": "LTE"}}} as ["network signal at", "LTE"].
function lines(value, path = []) {
  if (typeof value !== "object") return [[path.join(" ").replaceAll("_", " "), value]];
  return Object.entries(value).flatMap(([name, inner]) => lines(inner, [...path, name]));
}

export function vitalsOf(id) {
  const when = el("p", { class: "quiet" });
  const body = el("tbody");
  const table = el("table", { hidden: true }, tableHead([t`What`, t`Value`]), body);
  const button = action(t`Ask for its vitals`, async () => {
    const told = await vitals(id);
    setText(when, t`As of ${time(Date.parse(told.updated_at))}.`);
    table.hidden = false;
    body.replaceChildren(
      ...lines(told.payload.device).map(([name, value]) =>
        el("tr", {}, el("th", { scope: "row" }, name), el("td", { "data-label": "" }, String(value))),
      ),
    );
  });
  return el("section", {}, el("h2", {}, t`Vitals`), el("p", {}, button), when, table);
}
