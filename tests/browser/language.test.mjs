// The page in German: every text has its translation, what the server says too, and nothing English is left on any view.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { row, stock, together, views, visit } from "./test_system.mjs";

const root = new URL("../..", import.meta.url).pathname;
const web = join(root, "web");
const scripts = readdirSync(web).filter((name) => name.endsWith(".js") && !/^(german|text|service_worker)/.test(name));
const { texts, sentences } = await import(join(web, "german.js"));

// The keys of t`…` in a source: what stands between its values, which may have texts in them again.
function keysOf(source) {
  const keys = [];
  const template = (at) => {
    let key = "";
    let values = 0;
    for (; source[at] !== "`"; at += 1) {
      if (source[at] === "\\") key += source[(at += 1)];
      else if (source.startsWith("${", at)) {
        key += `{${values++}}`;
        at = code(at + 2, "}");
      } else key += source[at];
    }
    return { key, at };
  };
  // Up to the bracket that closes what was opened.
  const code = (at, end) => {
    for (let depth = 0; at < source.length; at += 1) {
      const c = source[at];
      if (c === end && depth === 0) return at;
      if (c === "{") depth += 1;
      if (c === "}") depth -= 1;
      if (source.startsWith("//", at) && source[at - 1] !== ":") at = source.indexOf("\n", at);
      else if (source.startsWith("/*", at)) at = source.indexOf("*/", at) + 1;
      else if (c === '"') while (source[(at += 1)] !== '"') at += source[at] === "\\";
      else if (c === "`") {
        const tagged = /(^|[^\w.])t$/.test(source.slice(Math.max(0, at - 2), at));
        const found = template(at + 1);
        if (tagged) keys.push(found.key);
        at = found.at;
      }
    }
    return at;
  };
  code(0, "");
  return keys;
}

const places = (text) => (text.replaceAll("=}", "}").match(/\{\d\}/g) || []).sort().join();

test("every text of the page has its German, and no other", () => {
  const used = new Set(scripts.flatMap((name) => keysOf(readFileSync(join(web, name), "utf8"))));
  const frame = readFileSync(join(web, "index.html"), "utf8");
  for (const [, words] of frame.matchAll(/<a (?:class="skip"|href="#\/\w+")[^>]*>([^<]+)<\/a>/g)) used.add(words);
  assert.ok(used.size > 500, `${used.size} found`);
  assert.deepEqual(
    [...used].filter((text) => !texts.has(text)),
    [],
    "without German",
  );
  assert.deepEqual(
    [...texts.keys()].filter((text) => !used.has(text)),
    [],
    "used nowhere",
  );
  for (const [english, german] of texts) assert.equal(places(german), places(english), english);
  // What is advice for the command line may be said otherwise.
  for (const [english, german] of sentences)
    for (const place of places(german).split(",")) assert.ok(places(english).includes(place), english);
});

test("what is German for the server's words is what the server says", () => {
  const sources = [
    "server",
    "planning",
    "device",
    "firmware",
    "store",
    "web",
    "service",
    "transport",
    "base",
    "integrations",
  ]
    .flatMap((room) => readdirSync(join(root, "src", room)).map((name) => join(root, "src", room, name)))
    .filter((name) => /\.[ch]pp$/.test(name))
    .map((name) => readFileSync(name, "utf8"))
    .join("\n")
    .replace(/"\s*\n\s*"/g, "") // one literal over several lines
    .replaceAll('\\"', '"');
  const unsaid = [...sentences.keys()]
    .flatMap((english) => english.split(/\{\d\}|[,:;.()]+ ?/))
    .map((part) => part.trim())
    .filter((part) => /[a-z]{3}/.test(part) && !sources.includes(part));
  assert.deepEqual(unsaid, []);
});

test("each sentence of the server finds its own German, and names stay what they are", async () => {
  Object.defineProperty(globalThis, "navigator", { value: { languages: ["fr", "de-AT"] }, configurable: true });
  const { language, told } = await import(join(web, "text.js"));
  assert.equal(language, "de");
  for (const [english, german] of sentences) {
    const filled = (text) => text.replace(/\{(\d)=?\}/g, (_, number) => `X${number}Y`);
    assert.equal(told(filled(english)), filled(german), english);
  }
  assert.equal(told("named 'failed; done'"), "benannt 'failed; done'");
  assert.equal(told("group 'page'"), "Gruppe 'page'");
  assert.equal(
    told("failed, needs attention: system part 1 version 3 was tried 3 times: the device fell silent"),
    "fehlgeschlagen, braucht Sie: Systemteil 1 Version 3 wurde 3-mal versucht: das Gerät verstummte",
  );
  assert.equal(told("something new that nobody translated"), "something new that nobody translated");
});

test("in a German browser nothing English is left on any view", async () => {
  await together("approve", { locale: "de-DE" }, async (test_system, browser, page) => {
    browser.expected.push(/404/); // a device that is not there
    await page.goto(test_system.url);
    await page.getByLabel("Einrichtungscode").fill(test_system.code);
    await page.getByLabel("Neues Passwort").fill("correct horse");
    await page.getByRole("button", { name: "Passwort setzen" }).click();
    await page.getByRole("link", { name: "Überspringen" }).click();
    assert.equal(await page.locator("html").getAttribute("lang"), "de");
    stock(test_system);
    test_system.drydock("firmware", "add", join(test_system.modules, "next-application.bin"));
    test_system.drydock("targets", "set", "--group", "pumpen", "--latest", "--hours", "22:00-23:00");
    test_system.drydock("releases", "create", "sieben", "next-application.bin");
    test_system.launch(2, "--chunk", "60", "--peace", "600000");
    await row(page, 0).getByText("wartet auf Freigabe").waitFor();
    await row(page, 1).getByRole("button", { name: "freigeben" }).click();
    await row(page, 1)
      .getByText(/wird aktualisiert \d+ %/)
      .waitFor();
    const english =
      /\b(the|of|and|is|are|it|its|with|not|for|from|to|what|when|by|this|that|device|devices|file|files|has|have|waits?|sent|seen|approved?|pause|update|updates|name|group|needs?|other|more|none|yet|part|version)\b/;
    const allowed = [/auth|'drydock |particle-iot|particle keys|dfu-util|fetch/];
    const left = [];
    for (const view of [...views, `device/${"f".repeat(24)}`]) {
      await visit(page, view);
      const said = await page.evaluate(() => {
        const found = [];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        // What devices and logs say, and what is to be typed, stays as it is.
        const own = "code, pre, noscript, script, [lang=en], output";
        while (walker.nextNode())
          if (!walker.currentNode.parentElement.closest(own)) found.push(walker.currentNode.textContent.trim());
        for (const element of document.querySelectorAll("[aria-label], [placeholder], [title], [data-label]"))
          for (const name of ["aria-label", "placeholder", "title", "data-label"])
            if (element.hasAttribute(name)) found.push(element.getAttribute(name));
        return found.filter(Boolean);
      });
      for (const words of said)
        if (english.test(words) && !allowed.some((pattern) => pattern.test(words))) left.push(`${view}: ${words}`);
    }
    assert.deepEqual(left, []);
  });
});
