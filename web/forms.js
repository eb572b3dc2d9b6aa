// Forms: fields with their labels, and what went wrong below them.
import { el } from "./dom.js";

let fields = 0; // two forms of a view may both ask for a name

export function field(label, attributes) {
  const id = `field-${++fields}`;
  const input = el("input", { id, required: true, ...attributes });
  return [el("label", { for: id }, label), input];
}

export function choice(label, name, options) {
  const id = `field-${++fields}`;
  const select = el(
    "select",
    { id, name },
    options.map(([value, words]) => el("option", { value }, words)),
  );
  return [el("label", { for: id }, label), select];
}

export function form(title, words, fields, button, submit) {
  const problem = el("p", { class: "problem", role: "alert" });
  const element = el(
    "form",
    { class: "card narrow" },
    el("h1", {}, title),
    el("p", {}, words),
    fields,
    problem,
    el("button", { class: "primary" }, button),
  );
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    element.querySelector("button").disabled = true;
    try {
      await submit(Object.fromEntries(new FormData(element)), element);
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      element.querySelector("button").disabled = false;
    }
  });
  return element;
}
