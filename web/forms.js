// Forms: fields with their labels, and what went wrong below them.
import { el } from "./dom.js";
import { clock } from "./words.js";
import { t } from "./text.js";

let fields = 0; // two forms of a view may both ask for a name

export function field(label, attributes) {
  const id = `field-${++fields}`;
  const input = el("input", { id, required: true, ...attributes });
  return [el("label", { for: id }, label), input];
}

/** What is known already, to choose from where something else may be said too: field(…, { list: id }). */
export function suggestions(id, names) {
  return el(
    "datalist",
    { id },
    names.map((name) => el("option", { value: name })),
  );
}

/** A line with a box to check. */
export function check(label, name) {
  return el("label", { class: "check" }, el("input", { type: "checkbox", name }), ` ${label}`);
}

/** Fields that few people need, behind a line that opens them. */
export function more(...fields) {
  return el("details", {}, el("summary", {}, t`More`), el("div", { class: "fields" }, fields));
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

// Who is locked out would try in vain until then; as another user one may.
async function countDown(seconds, shown, element) {
  const end = performance.now() + seconds * 1000;
  let other = false;
  element.addEventListener("input", () => (other = true), { once: true });
  const ticking = el("span", { "aria-hidden": "true" });
  shown.replaceChildren(t`Too many wrong tries.`, " ", ticking);
  for (let left = seconds; left > 0 && !other && shown.isConnected; left = (end - performance.now()) / 1000) {
    ticking.textContent = t`It goes on in ${clock(left)}.`;
    await new Promise((done) => setTimeout(done, 250));
  }
  shown.textContent = other ? "" : t`You can try again.`;
}

export function form(title, words, fields, button, submit) {
  const problem = el("p", { class: "problem", role: "alert" });
  const element = el(
    "form",
    { class: "card narrow" },
    title && el("h1", {}, title),
    words && el("p", {}, words),
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
      if (error.status === 429 && error.wait) await countDown(error.wait, problem, element);
    } finally {
      element.querySelector("button").disabled = false;
    }
  });
  return element;
}
