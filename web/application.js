// A device's own application: its functions are called, its variables read and watched.
import { fleet } from "./state.js";
import { action, el, setText, tableHead } from "./dom.js";
import { call, read } from "./cloud.js";
import { t } from "./text.js";

const types = { 1: "bool", 2: "int", 4: "string", 9: "double" };
const calls_shown = 10;
const values_plotted = 60;
const watch_pause = 5000;

const words = (value) => (value === null ? t`not a number` : String(value));

function functionsOf(id, functions) {
  const log = el("tbody");
  const note = (name, arg, outcome) => {
    log.prepend(
      el(
        "tr",
        {},
        el("th", { scope: "row" }, `${name}(${arg})`),
        el("td", {}, outcome),
        el("td", {}, new Date().toLocaleTimeString()),
      ),
    );
    if (log.rows.length > calls_shown) log.lastChild.remove();
  };
  const rows = functions.map((name, number) => {
    const arg = el("input", { id: `function-${number}`, "aria-label": t`Argument of ${name}`, class: "grow" });
    const button = action(t`Call`, async () => {
      try {
        note(name, arg.value, t`returned ${await call(id, name, arg.value)}`);
      } catch (error) {
        note(name, arg.value, error.message);
      }
    });
    button.setAttribute("aria-label", t`Call ${name}`);
    const form = el("form", { class: "bar ask" }, el("label", { for: `function-${number}` }, name), arg, button);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      button.click();
    });
    return form;
  });
  return el("div", {}, el("h2", {}, t`Functions`), rows, el("table", { class: "calls", "aria-label": t`Calls` }, log));
}

// The last values as a line, for numbers.
function plot(values) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const y = (value) => (high === low ? 20 : 38 - (36 * (value - low)) / (high - low));
  line.setAttribute("points", values.map((value, i) => `${(240 * i) / (values_plotted - 1)},${y(value)}`).join(" "));
  svg.setAttribute("viewBox", "0 0 240 40");
  svg.setAttribute("class", "plot");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", t`between ${low} and ${high}`);
  svg.append(line);
  return svg;
}

function variableOf(id, name, type) {
  const value = el("output", {}, "–");
  const line = el("td", { "data-label": "" });
  const numbers = [];
  let timer = null;
  const show = async () => {
    const got = await read(id, name);
    setText(value, words(got));
    if (typeof got !== "number") return;
    numbers.push(got);
    if (numbers.length > values_plotted) numbers.shift();
    if (numbers.length > 1) line.replaceChildren(plot(numbers));
  };
  const watch = el("input", { type: "checkbox", "aria-label": t`Watch ${name}` });
  let watched = 0; // how often it was switched on: an answer to an earlier watch begins no second one
  const again = async (since) => {
    try {
      await show();
    } catch (error) {
      setText(value, error.message);
    }
    if (watch.checked && since === watched) timer = setTimeout(again, watch_pause, since);
  };
  watch.addEventListener("change", () => {
    clearTimeout(timer);
    if (watch.checked) again(++watched);
  });
  const button = action(t`Read`, show, { class: "small" });
  button.setAttribute("aria-label", t`Read ${name}`);
  const row = el(
    "tr",
    {},
    el("th", { scope: "row" }, name),
    el("td", { "data-label": t`Type` }, types[type] || "string"),
    el("td", { "data-label": t`Value` }, value),
    el("td", { "data-label": "" }, button, " ", el("label", {}, watch, t` watch`)),
    line,
  );
  const end = () => {
    watch.checked = false;
    clearTimeout(timer);
  };
  return { row, end };
}

/** Built once for a set of functions and variables; `end` stops what is watched. */
export function applicationOf(id, application) {
  const functions = (fleet.may("call") && application?.functions) || [];
  const variables = Object.entries(application?.variables || {}).map(([name, type]) => variableOf(id, name, type));
  const element = el(
    "div",
    {},
    functions.length > 0 && functionsOf(id, functions),
    variables.length > 0 && [
      el("h2", {}, t`Variables`),
      el(
        "table",
        {},
        tableHead([t`Name`, t`Type`, t`Value`, "", ""]),
        el(
          "tbody",
          {},
          variables.map((variable) => variable.row),
        ),
      ),
    ],
    !functions.length &&
      !variables.length &&
      el("p", { class: "quiet" }, t`Its application has no functions and no variables that you may use.`),
  );
  return { element, end: () => variables.forEach((variable) => variable.end()) };
}
