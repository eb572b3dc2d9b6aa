// Elements are made here and nowhere else, and text is always text: nothing a device or a file is called can become
// markup.
import { t } from "./text.js";

/** el("p", {class: "quiet"}, "text", node, …): attributes; `on…` are listeners; false and null leave one out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

/** The head of a table; an empty heading is that of a column of buttons. */
export function tableHead(headings) {
  return el(
    "thead",
    {},
    el(
      "tr",
      {},
      headings.map((heading) =>
        el("th", { scope: "col" }, heading || el("span", { class: "visually-hidden" }, t`What can be done`)),
      ),
    ),
  );
}

/** Changes an element's text only when it differs, so that nothing jumps and no screen reader repeats itself. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Says something for a few seconds; errors stay until they are clicked away. `undo` takes back what was done. */
export function notify(text, kind = "done", undo = null) {
  const close = () => notice.remove();
  const takeBack = async () => {
    close();
    await undo();
  };
  const notice = el(
    "p",
    { class: `notice ${kind}${text.startsWith(t`Drydock cannot be reached`) ? " unreachable" : ""}` },
    text,
    undo && action(t`Undo`, takeBack),
    el("button", { type: "button", "aria-label": t`Close`, onclick: close }, "×"),
  );
  document.getElementById("notices").append(notice);
  if (kind === "done") setTimeout(close, undo ? 20_000 : 5000);
}

/** A button that copies a text; nothing where a browser allows no page to: without TLS. */
export function copyButton(text, attributes = {}) {
  if (!navigator.clipboard) return null;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    notify(t`Copied.`);
  };
  return action(t`Copy`, copy, attributes);
}

/** A button that does one thing at a time and says what went wrong. */
export function action(label, run, attributes = {}) {
  const button = el("button", { type: "button", ...attributes }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await run();
    } catch (error) {
      notify(error.message, "error");
    } finally {
      button.disabled = false;
    }
  });
  return button;
}
