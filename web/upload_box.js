// A place for module files: dropped, in folders or archives, or chosen; and what became of each.
import { upload } from "./api.js";
import { filesDropped, modulesIn } from "./archive.js";
import { el, setText } from "./dom.js";
import { plural, titled } from "./words.js";
import { t, told } from "./text.js";

/** `area`: where files may be dropped; `done()`: after something was uploaded. `end()` when the view goes. */
export function uploadBox(area, done) {
  const input = el("input", {
    type: "file",
    multiple: true,
    id: "files",
    class: "visually-hidden",
    accept: ".bin,.zip,.tar,.tgz,.gz",
  });
  const drop = el(
    "label",
    { for: "files", class: "drop" },
    t`Drop module files (.bin), a folder, or a Device OS release (.zip, .tar.gz) here, or click to choose`,
    input,
  );
  const bar = el("progress", { max: "1", value: "0", hidden: true, "aria-label": t`Uploading` });
  const totals = el("p", { role: "status", class: "totals" });
  const verdicts = el("ul", { class: "plain verdicts" });
  const line = (kind, name, words) => el("li", { class: kind }, el("strong", {}, name), ` ${words}`);

  const send = async (files) => {
    setText(totals, t`Looks at the files…`);
    const { modules, problems, others } = await modulesIn(files);
    const counts = { added: 0, known: 0, refused: 0 };
    verdicts.replaceChildren(...problems.map((words) => line("bad", "", words)));
    bar.hidden = modules.length === 0;
    for (const [number, file] of modules.entries()) {
      setText(totals, t`Uploads ${file.name}, ${number + 1} of ${modules.length}`);
      try {
        const module = await upload(file, (part) => {
          bar.value = (number + part) / modules.length;
        });
        counts[module.known_already ? "known" : "added"] += 1;
        if (!module.known_already)
          verdicts.append(line("good", file.name, t`is ${module.platform_name} ${titled(module)}`));
      } catch (error) {
        counts.refused += 1;
        // The name stands before it already.
        const why = error.message.startsWith(`${file.name}: `)
          ? error.message.slice(file.name.length + 2)
          : error.message;
        verdicts.append(line("bad", file.name, t`was refused: ${told(why)}`));
      }
    }
    bar.hidden = true;
    const parts = [
      counts.added && t`${counts.added} new`,
      counts.known && t`${counts.known} there already`,
      counts.refused && t`${counts.refused} refused`,
      others && plural(others, t`no module file, left out`, t`no module files, left out`),
    ].filter(Boolean);
    setText(totals, parts.length ? `${parts.join(", ")}.` : t`Nothing in there is a module file.`);
    if (counts.added) await done();
  };
  let turn = Promise.resolve();
  const take = (files) => {
    turn = turn
      .then(() => files.then(send))
      .catch((error) => setText(totals, t`It could not be read: ${error.message}`));
    return turn;
  };

  input.addEventListener("change", () => {
    take(Promise.resolve([...input.files])).finally(() => {
      input.value = "";
    });
  });
  const over = (event) => {
    event.preventDefault();
    drop.classList.add("over");
  };
  const out = () => drop.classList.remove("over");
  const dropped = (event) => {
    event.preventDefault();
    out();
    take(filesDropped(event.dataTransfer));
  };
  const listeners = { dragenter: over, dragover: over, dragleave: out, drop: dropped };
  for (const [kind, listener] of Object.entries(listeners)) area.addEventListener(kind, listener);
  const end = () => {
    for (const [kind, listener] of Object.entries(listeners)) area.removeEventListener(kind, listener);
  };
  return { elements: [drop, bar, totals, verdicts], end };
}
