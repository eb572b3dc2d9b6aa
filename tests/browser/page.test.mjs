// What a person sees and does, in a real browser, with a real service and virtual devices.
import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { firstMinutes } from "./first_minutes.mjs";
import { Browser, Harbour, exported, password, row, stock, together, until, views, visit } from "./test_system.mjs";

test("set-up, log out, log in", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    browser.expected.push(/401/);
    await page.goto(test_system.url);
    await page.getByLabel("Set-up code").fill("aaaa-aaaa-aaaa");
    await page.getByLabel("New password").fill(password);
    await page.getByRole("button", { name: "Set the password" }).click();
    await page.getByText("this is not the set-up code").waitFor();
    await browser.enter(test_system);
    await page.getByRole("link", { name: "Access" }).click();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    await page.getByLabel("Password").fill("not this one");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("this is not the password").waitFor();
    await page.getByLabel("Password").fill(password);
    await page.keyboard.press("Enter");
    await page.locator("#summary").waitFor();
    // The cookie is not for scripts.
    assert.equal(await page.evaluate(() => document.cookie), "");
  });
});

test("over TLS: led there from http, with its own certificate, live as ever", async () => {
  const test_system = new Harbour("open");
  test_system.configuration = join(test_system.folder, "drydock.toml");
  writeFileSync(test_system.configuration, '[web]\ntls = "redirect"\n');
  await test_system.start();
  const browser = await Browser.open({ ignoreHTTPSErrors: true });
  try {
    const page = browser.page;
    browser.expected.push(/SSL certificate error/); // no worker by a certificate that is not trusted
    await browser.enter(test_system);
    assert.equal(page.url(), `https://127.0.0.1:${test_system.web}/#/fleet`);
    assert.deepEqual(
      (await browser.context.cookies())
        .filter((cookie) => cookie.name === "drydock_tls")
        .map((cookie) => cookie.secure),
      [true],
    );
    stock(test_system);
    test_system.launch(1);
    await page.locator("#summary.well").waitFor({ timeout: 60_000 }); // without a reload
    await page.reload();
    await row(page, 0).waitFor();
    // An app, as far as a browser minds: a manifest with its icons; words while the appliance is away.
    const manifest = await page.evaluate(async () => {
      const found = await (await fetch(document.querySelector("link[rel=manifest]").href)).json();
      const types = await Promise.all(
        found.icons.map(async ({ src }) => (await fetch(src)).headers.get("Content-Type")),
      );
      return { display: found.display, types };
    });
    assert.deepEqual(manifest, { display: "standalone", types: ["image/svg+xml", "image/png"] });
    assert.deepEqual(browser.faults, []);
  } finally {
    await browser.close();
    await test_system.close();
  }
});

test("the owner lets a viewer in, who looks and finds nothing to change", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    stock(test_system);
    await browser.enter(test_system);
    test_system.launch(1, "--first", "1", "--current", "--peace", "600000");
    await row(page, 1).getByRole("link").waitFor();
    await page.getByRole("link", { name: "Access" }).click();
    await page.getByText("Nobody but you.").waitFor();
    await page.getByLabel("Name", { exact: true }).fill("Vera");
    await page.getByLabel("Password, 8 characters or more").fill("battery staple");
    await page.getByLabel("Role", { exact: true }).selectOption("viewer");
    await page.getByRole("button", { name: "Save the user" }).click();
    await page.getByText("vera", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "Log in" }).waitFor(); // a name is asked for before, too
    await page.getByLabel("Name").fill("vera");
    await page.getByLabel("Password").fill("battery staple");
    await page.getByRole("button", { name: "Log in" }).click();
    await row(page, 1).getByRole("link").click();
    await page.getByRole("button", { name: "Read temperature" }).click();
    await page.getByText("21.5", { exact: true }).waitFor();
    for (const name of ["Refuse", "Pause updates", "Signal", "Rename", "Notes", "Delete", "Call brew"])
      assert.equal(await page.getByRole("button", { name, exact: true }).count(), 0, name);
    assert.equal(await page.getByLabel("Argument of brew").count(), 0);
    await page.getByRole("link", { name: "Fleet", exact: true }).click();
    await row(page, 1).waitFor();
    assert.equal(await page.getByRole("button", { name: /Pause|Update/ }).count(), 0);
    await page.getByRole("link", { name: "Access" }).click();
    await page.getByText("You are vera, and may read.").waitFor();
    assert.equal(await page.getByText("New user").count(), 0);
  });
});

test("three devices come up to date before one's eyes, without a reload", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    stock(test_system);
    await browser.enter(test_system);
    let loads = 0;
    page.on("load", () => ++loads);
    const seen = new Set();
    await page.exposeFunction("see", (text) => seen.add(text));
    await page.evaluate(() =>
      new MutationObserver(() => {
        for (const words of document.querySelectorAll(".words")) globalThis.see(words.textContent);
      }).observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true }),
    );
    test_system.launch(3, "--chunk", "15");
    await page.locator("#summary.well").waitFor({ timeout: 60_000 });
    await page
      .locator("#summary")
      .getByText(/^All 3 devices are well\.$/)
      .waitFor();
    assert.ok(
      [...seen].some((words) => /^updating \d+ % · ETA \d+:\d\d · step 1 of 2$/.test(words)),
      [...seen].join("\n"),
    );
    assert.ok(
      [...seen].some((words) => /^updating \d+ % .*step 2 of 2$/.test(words)),
      [...seen].join("\n"),
    );
    assert.equal(loads, 0);
    await row(page, 1).getByRole("link").click();
    await page.getByRole("heading", { name: "000000000000000000000001" }).waitFor();
    await page.getByText("system part 2 version 3").first().waitFor();
    await page.getByText("installed: the device reports it").first().waitFor();
  });
});

test("an unknown device waits for approval, is approved, renamed, paused and deleted", async () => {
  await together("approve", {}, async (test_system, browser, page) => {
    stock(test_system);
    await browser.enter(test_system);
    test_system.launch(1, "--chunk", "2");
    await row(page, 0).getByText("waits for approval").waitFor();
    await row(page, 0).getByRole("button", { name: "Approve" }).click();
    await page.locator("#summary.well").waitFor({ timeout: 60_000 });
    await row(page, 0).getByRole("link").click();
    await page.getByRole("button", { name: "Pause updates" }).click();
    await page.locator('.state-line[data-state="held"]').waitFor();
    // What touches all is said before, and leaves those alone that a person holds.
    let said = "";
    page.removeAllListeners("dialog");
    page.once("dialog", (dialog) => {
      said = dialog.message();
      dialog.accept();
    });
    await page.getByRole("link", { name: "← Fleet" }).click();
    await page.getByRole("button", { name: "Update all" }).click();
    await page.getByText("Every approved device is looked at again.").waitFor();
    assert.match(said, /Devices that are paused stay paused/);
    await row(page, 0).getByRole("link").click();
    await page.locator('.state-line[data-state="held"]').waitFor();
    await page.getByRole("button", { name: "Resume updates" }).click();
    await page.locator('.state-line[data-state="current"]').waitFor();
    // Names are text, whatever they look like.
    page.removeAllListeners("dialog");
    page.on("dialog", (dialog) =>
      dialog.type() === "prompt"
        ? dialog.accept("<img src=x onerror=alert(1)>")
        : dialog.type() === "confirm"
          ? dialog.accept()
          : browser.faults.push("alert"),
    );
    await page.getByRole("button", { name: "Rename" }).click();
    await page.getByRole("heading", { name: "<img src=x onerror=alert(1)>" }).waitFor();
    await page.getByRole("link", { name: "← Fleet" }).click();
    await page.getByRole("link", { name: "<img src=x onerror=alert(1)>" }).waitFor();
    assert.equal(await page.locator("main img").count(), 0);
    await row(page, 0).getByRole("link").click();
    for (const child of test_system.children.slice(1)) await test_system.kill(child);
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByText("No device has connected yet").waitFor();
  });
});

test("a device that is away stands where people and the library say, at once and after a restart", async () => {
  await together("approve", {}, async (test_system, browser, page) => {
    await browser.enter(test_system);
    const fleet = test_system.launch(1, "--first", "1", "--peace", "600000");
    await row(page, 1).getByText("waits for approval").waitFor();
    await test_system.kill(fleet);
    await row(page, 1).getByRole("button", { name: "Approve" }).click();
    const words = row(page, 1).getByText("approved: what it runs is known when it is back");
    await words.waitFor();
    await page.getByRole("button", { name: /^1 not heard of yet/ }).waitFor();
    assert.match(test_system.drydock("devices", "list"), /approved: what it runs/);
    await row(page, 1).getByRole("checkbox").check();
    await page.getByRole("button", { name: "Pause", exact: true }).click();
    await page.getByText("Done for 1 device.").waitFor();
    await page.getByRole("button", { name: /^1 paused by you/ }).click();
    assert.match(page.url(), /#\/fleet\?state=held$/);
    await row(page, 1).getByRole("link").click();
    await page.getByRole("row", { name: /updates paused/ }).waitFor();
    await page.getByRole("row", { name: /approved/ }).waitFor();
    await page.getByRole("link", { name: "← Fleet" }).click();
    await row(page, 1).waitFor();
    assert.equal(await page.getByLabel("Show").inputValue(), "held"); // as it was left
    test_system.drydock("devices", "hold", "--release", "0".repeat(23) + "1");
    await page.getByText("No device is like that.").waitFor();
    await page.getByLabel("Show").selectOption("");
    await words.waitFor();
  });
});

test("what was chosen and not saved stays, and nothing is sent before its plan was seen", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    stock(test_system);
    for (const file of ["application.bin", "next-application.bin"])
      test_system.drydock("firmware", "add", join(test_system.modules, file));
    await browser.enter(test_system);
    test_system.launch(1, "--current", "--peace", "600000");
    await row(page, 0).getByText("up to date").waitFor();
    await row(page, 0).getByRole("link").click();
    const application = page.getByLabel("application", { exact: true });
    await application.selectOption({ label: "version 7 (next-application.bin)" });
    const chosen = await application.inputValue();
    await page.getByRole("button", { name: "Pause updates" }).click();
    await page.locator('.state-line[data-state="held"]').waitFor();
    assert.equal(await application.inputValue(), chosen);
    await page.getByRole("button", { name: "Resume updates" }).click();
    await page.locator('.state-line[data-state="current"]').waitFor();
    await page.getByRole("button", { name: "Look at the plan…" }).click();
    const plan = page.getByRole("region", { name: "What would be sent" });
    await plan.getByText("application version 7").waitFor();
    await plan.getByRole("button", { name: "Cancel" }).click();
    await plan.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Look at the plan…" }).click();
    await plan.getByRole("button", { name: "Save and send 1 file" }).click();
    await page.getByText("application version 7 is installed").first().waitFor({ timeout: 60_000 });
    await page.getByText("target firmware: application version 7").waitFor();
    // Back to the older one: said before it is sent.
    await application.selectOption({ label: "version 6 (application.bin)" });
    await page.getByRole("button", { name: "Look at the plan…" }).click();
    await plan.getByText("older than 7, which it has").waitFor();
    await plan.getByRole("button", { name: "Save and send 1 file, 1 of them older" }).waitFor();
  });
});

test("a device's page: its way, its history by subject, what it reported, and a board that takes its place", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    await browser.enter(test_system);
    stock(test_system);
    test_system.drydock("firmware", "add", join(test_system.modules, "next-application.bin"));
    const first = test_system.launch(1, "--first", "1", "--chunk", "60", "--peace", "600000");
    await row(page, 1).getByRole("link").click();
    const way = page.locator("ol.path");
    await way.locator("strong").getByText("system part 1 version 3").waitFor();
    await way.locator('[aria-current="step"] progress').waitFor();
    await page.getByText(/^2 files, /).waitFor();
    await way.locator("li.done strong").getByText("system part 1 version 3").waitFor({ timeout: 60_000 });
    await page.locator('.state-line[data-state="current"]').waitFor({ timeout: 60_000 });
    await way.locator("li").first().waitFor({ state: "detached" });
    // What happened, by subject.
    await page
      .getByRole("row", { name: /connected from 127.0.0.1/ })
      .first()
      .waitFor();
    await page.getByLabel("Show", { exact: true }).selectOption("updates");
    await page
      .getByRole("row", { name: /connected from/ })
      .first()
      .waitFor({ state: "detached" });
    await page.locator(".sign.verified").first().waitFor();
    await page.getByRole("row", { name: /system part 1 version 3 confirmed running .* 0:\d\d/ }).waitFor();
    await page.getByText("What it reported, for experts").click();
    await page.getByText('"platform": 6').waitFor();
    // Another board takes its place.
    test_system.drydock("devices", "rename", "0".repeat(23) + "1", "pump");
    test_system.drydock("devices", "label", "north", "pump");
    test_system.drydock("devices", "target", "pump", "next-application.bin");
    await page.getByRole("heading", { name: "pump" }).waitFor();
    await test_system.kill(first);
    test_system.launch(1, "--first", "2", "--current", "--peace", "600000");
    await page.getByRole("link", { name: "← Fleet" }).click();
    await row(page, 2).waitFor();
    await row(page, 1).getByRole("link").click();
    await page.getByRole("button", { name: "Replace…" }).click();
    await page.getByLabel("The new board").selectOption("0".repeat(23) + "2");
    await page.getByRole("button", { name: "Replace", exact: true }).click();
    await page.getByText(/takes the place of pump/).waitFor();
    await page.getByText("north").waitFor();
    await page.getByText("application version 7").first().waitFor();
    assert.match(page.url(), /0002$/);
    await page.getByRole("link", { name: "← Fleet" }).click();
    await row(page, 2).getByText("pump").waitFor();
    await row(page, 1).waitFor({ state: "detached" });
  });
});

test("the system: what runs, a backup, the log; and what happened to all devices", async () => {
  await together("approve", {}, async (test_system, browser, page) => {
    await browser.enter(test_system);
    test_system.launch(1, "--first", "1", "--peace", "600000");
    await row(page, 1).getByRole("button", { name: "Approve" }).click();
    await page.getByRole("link", { name: "System", exact: true }).click();
    await page.getByText(`port ${test_system.web}, without TLS`).waitFor();
    await page.getByText(`TCP port ${test_system.port} (Photon, P1, Core)`).waitFor();
    await page.getByRole("row", { name: /notice .* a new device \(Photon\) connected/ }).waitFor();
    await page.getByLabel("Show", { exact: true }).selectOption("warning");
    await page.getByText("Nothing of the kind.").waitFor();
    browser.expected.push(/403/);
    await page.getByLabel("Password", { exact: true }).fill("not this one");
    await page.getByRole("button", { name: "Make a backup and download it" }).click();
    await page.getByText("this is not the password").waitFor();
    await page.getByLabel("Password", { exact: true }).fill(password);
    const coming = page.waitForEvent("download");
    await page.getByRole("button", { name: "Make a backup and download it" }).click();
    const saved = join(test_system.folder, "saved.backup");
    await (await coming).saveAs(saved);
    assert.match((await coming).suggestedFilename(), /^drydock-\d{4}-\d\d-\d\d\.backup$/);
    assert.equal(readFileSync(saved).subarray(0, 15).toString(), "SQLite format 3");
    await page.getByRole("link", { name: "Activity" }).click();
    await page.getByRole("row", { name: /00000000…0001 approved$/ }).waitFor();
    await page.getByLabel("Show", { exact: true }).selectOption("failed");
    await page.getByText("Nothing of the kind yet.").waitFor();
    await page.getByLabel("Show", { exact: true }).selectOption("decided");
    await page
      .getByRole("row", { name: /00000000…0001/ })
      .getByRole("link")
      .click();
    await page.locator(".state-line").waitFor();
  });
});

test("a browser that was asked to tells of a device that waits, while nobody looks", async () => {
  await together("approve", { permissions: ["notifications"] }, async (test_system, browser, page) => {
    await browser.enter(test_system);
    await page.getByRole("link", { name: "System", exact: true }).click();
    await page.getByRole("button", { name: "Tell me" }).click();
    await page.getByText(/^This browser tells you when/).waitFor();
    await page.evaluate(() => {
      window.told = [];
      ServiceWorkerRegistration.prototype.showNotification = async (title, { body }) => window.told.push(body);
      Object.defineProperty(document, "hidden", { get: () => true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    test_system.launch(1, "--first", "1", "--peace", "600000");
    await until(() => page.evaluate(() => window.told.includes("1 waiting for approval")));
    // Who comes back to it finds it as it is; and while the appliance is away, words instead of the browser's own.
    await test_system.kill(test_system.service);
    browser.expected.push(/./);
    await page.goto(test_system.url).catch(() => {});
    await page.getByRole("heading", { name: "Drydock cannot be reached" }).waitFor();
    await test_system.start();
    await page.locator("#summary").waitFor();
  });
});

test("a device with another key is compared, and trusted or not", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    await browser.enter(test_system);
    const first = test_system.launch(1, "--first", "1", "--peace", "600000");
    await row(page, 1).getByText("online").waitFor();
    await test_system.kill(first);
    test_system.launch(1, "--first", "1", "--one-key", "--peace", "600000");
    await page.getByText("1 device needs you.").waitFor();
    assert.equal(await row(page, 1).getByRole("button", { name: "Approve" }).count(), 0);
    await row(page, 1)
      .getByRole("link", { name: /^Compare the keys/ })
      .click();
    const card = page.getByRole("region", { name: "It came with another key" });
    await card.locator("code").nth(1).waitFor();
    const keys = await card.locator("code").allTextContents();
    assert.equal(keys.length, 2);
    assert.notEqual(keys[0], keys[1]);
    await card.getByRole("button", { name: "Keep the old key" }).click();
    await page.getByText("The key on file stays.").waitFor();
    await page.getByText("the key on file stays; the other one is not trusted").waitFor();
    // It comes again and again.
    await card.getByRole("button", { name: "Trust the new key" }).click({ timeout: 60_000 });
    await page.getByText(/^online, from 127/).waitFor({ timeout: 60_000 });
    await card.waitFor({ state: "detached" });
  });
});

test("from the set-up code to a device out of safe mode, by what the page says alone", async () => {
  await together("approve", { acceptDownloads: true }, async (test_system, browser, page) => {
    const archive = join(test_system.folder, "release.zip");
    const files = ["part1.bin", "part2.bin"].map((file) => join(test_system.modules, file));
    spawnSync("python3", ["-m", "zipfile", "-c", archive, ...files]);
    const launch = () => test_system.launch(1, "--first", "1");
    const { clicks, typed, key } = await firstMinutes(page, { ...test_system, archive, launch });
    assert.ok(key.equals(exported(test_system)));
    await row(page, 1).getByRole("link", { name: "greenhouse" }).waitFor();
    assert.ok(clicks <= 10, `${clicks} clicks`);
    assert.ok(typed <= 4, `${typed} fields`);
  });
});

test("a folder, an archive and files of no use are taken apart, counted and named", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    await browser.enter(test_system);
    await page.getByRole("link", { name: "Firmware", exact: true }).click();
    const broken = join(test_system.folder, "broken.zip");
    writeFileSync(broken, "PK not at all");
    const packed = join(test_system.folder, "release.tar.gz");
    spawnSync("tar", ["-czf", packed, "-C", test_system.modules, "part1.bin"]);
    const noise = join(test_system.folder, "noise.bin");
    writeFileSync(noise, "no module");
    const text = join(test_system.folder, "README.txt");
    writeFileSync(text, "hello");
    browser.expected.push(/422/);
    await page.locator("#files").setInputFiles([broken, packed, noise, text]);
    await page.getByText("1 new, 1 refused, 1 no module file, left out.").waitFor();
    await page.getByText("broken.zip is no zip archive, or was cut off").waitFor();
    await page.getByText(/^noise\.bin was refused: (?!noise)/).waitFor();
    // A size below nothing, at which one could stand still for ever.
    const hostile = Buffer.alloc(1024);
    hostile.write("part1.bin");
    hostile.write("-1000", 124);
    const endless = join(test_system.folder, "endless.tar");
    writeFileSync(endless, hostile);
    await page.locator("#files").setInputFiles([endless]);
    await page.getByText("endless.tar is no tar archive, or was cut off").waitFor();
    await page.locator("#files").setInputFiles([packed]);
    await page.getByText("1 there already.").waitFor();
    // Nothing is removed by one click.
    page.removeAllListeners("dialog");
    const asked = page.waitForEvent("dialog");
    const clicked = page.getByRole("button", { name: "Remove part1.bin" }).click();
    const dialog = await asked;
    assert.match(dialog.message(), /Remove part1\.bin/);
    await dialog.dismiss();
    await clicked;
    await page.getByRole("button", { name: "Remove part1.bin" }).waitFor();
  });
});

test("a device's functions are called, its variables read and its events heard", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    stock(test_system);
    await browser.enter(test_system);
    test_system.launch(1, "--first", "1", "--current", "--peace", "600000");
    browser.expected.push(/408/);
    await row(page, 1).getByRole("link").click();
    const argument = page.getByLabel("Argument of brew");
    await argument.fill("42");
    await argument.press("Enter");
    await page.getByText("returned 42").waitFor();
    await page.getByRole("button", { name: "Read temperature" }).click();
    await page.getByText("21.5", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Ask for its vitals" }).click();
    await page.getByRole("row", { name: "system uptime 12" }).waitFor();
    await page.getByLabel("Watch brewed").check();
    await page
      .getByRole("row", { name: /brewed/ })
      .getByText("1", { exact: true })
      .waitFor();
    await page
      .getByRole("row", { name: /brewed/ })
      .getByRole("img")
      .waitFor();
    await page.getByRole("button", { name: "Signal", exact: true }).click();
    await page.getByRole("button", { name: "Stop signaling" }).waitFor();
    await page.getByRole("button", { name: "Read signaling" }).click();
    await page.getByText("true", { exact: true }).waitFor();
    // With or without its spark/status: that may come before or after the view was opened.
    await page.getByText("Listening.").waitFor();

    await page.getByRole("link", { name: "Events", exact: true }).click();
    await page.getByText("Listening. Nothing").waitFor();
    await page.getByLabel("Name").fill("order");
    await page.getByLabel("Data").fill("<b>tea</b>");
    await page.getByRole("button", { name: "Publish" }).click();
    const heard = page.getByRole("row", { name: /served\/order/ });
    await heard.getByRole("cell", { name: "<b>tea</b>" }).waitFor();
    await page.getByLabel("Filter events").fill("nothing like it");
    await heard.waitFor({ state: "detached" });
    await page.getByLabel("Filter events").fill("SERVED");
    await page.getByRole("button", { name: "Pause", exact: true }).click();
    await page.getByRole("button", { name: "Publish" }).click();
    await page.getByText("Paused. 2 came meanwhile.").waitFor();
    await page.getByRole("button", { name: "Go on" }).click();
    await heard.nth(1).waitFor();
    await heard.first().getByRole("link").waitFor();
    await heard
      .first()
      .getByRole("link", { name: "0".repeat(23) + "1" })
      .click();
    await page.getByRole("heading", { name: "0".repeat(23) + "1" }).waitFor();
    await page.getByRole("button", { name: "Publish" }).waitFor({ state: "detached" });
    for (const child of test_system.children.slice(1)) await test_system.kill(child);
    await page.getByRole("button", { name: "Stop signaling" }).waitFor({ state: "detached" });
    await page.getByText("It is not connected").waitFor();
    await page.locator("[inert]").getByLabel("Argument of brew").waitFor();
    // Its last vitals are still there.
    await page.getByRole("button", { name: "Ask for its vitals" }).click();
    await page.getByRole("row", { name: "system uptime 12" }).waitFor();
  });
});

test("a release goes out in waves before one's eyes, and is taken back", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    stock(test_system);
    await browser.enter(test_system);
    for (const file of ["application.bin", "next-application.bin"])
      test_system.drydock("firmware", "add", join(test_system.modules, file));
    test_system.launch(4, "--first", "1", "--current", "--peace", "600000");
    await row(page, 4).getByText("up to date").waitFor();
    await page.getByRole("link", { name: "Rollouts" }).click();
    await page.getByText("There is no release yet").waitFor();
    await page.getByLabel("Name").fill("application 7");
    await page.getByLabel("next-application.bin").check();
    await page.getByRole("button", { name: "Make it" }).click();
    await page.getByRole("button", { name: "What would happen?" }).click();
    await page.getByText("4 devices would get 4 files").waitFor();
    await page.getByLabel("Waves").first().fill("1, 2, all");
    await page.getByLabel("Minutes a device must stay well").fill("0");
    page.removeAllListeners("dialog");
    page.on("dialog", (dialog) => dialog.accept());
    await page.getByRole("button", { name: "Begin" }).click();
    const rollout = page.getByRole("region", { name: "Rollout 1" });
    await rollout.getByRole("heading", { name: "application 7: running" }).waitFor();
    await rollout.getByText("all: has not begun").waitFor();
    await rollout.getByRole("heading", { name: "application 7: done" }).waitFor({ timeout: 60_000 });
    await rollout.getByText("all: 2 of 2 well").waitFor();
    await rollout.getByText("4 devices: 4 healthy").waitFor();
    await rollout.getByRole("button", { name: "Roll back" }).click();
    await rollout.getByRole("heading", { name: "application 7: reverted" }).waitFor({ timeout: 60_000 });
    browser.expected.push(/409/);
    await page.getByRole("button", { name: "Remove release application 7" }).click();
    await page.getByText("devices have release 'application 7' by a rollout").waitFor();
  });
});

test("what a group shall run is said once, and who said it is written down", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    stock(test_system);
    for (const file of ["application.bin", "next-application.bin"])
      test_system.drydock("firmware", "add", join(test_system.modules, file));
    test_system.drydock("releases", "create", "seven", "next-application.bin");
    await browser.enter(test_system);
    await page.getByRole("link", { name: "Targets" }).click();
    await page.getByText("no rule says more").waitFor();
    // New devices come into the group by themselves.
    await page.getByLabel("Group", { exact: true }).fill("pumps");
    await page.getByLabel("Platform: photon").fill("photon");
    await page.getByRole("button", { name: "Add it" }).click();
    await page.getByText("a Photon comes into pumps").waitFor();
    // Hours that cannot be read are named before anything is said.
    browser.expected.push(/422/);
    await page.getByLabel("For", { exact: true }).selectOption("group");
    await page.getByLabel("Which platform, group or device").fill("pumps");
    await page.getByLabel("They shall have").selectOption("release");
    await page.getByLabel("Release").selectOption("seven");
    await page.getByLabel(/^Hours,/).fill("at night");
    await page.getByRole("button", { name: "Set it" }).click();
    await page.getByRole("alert").getByText("are no hours").waitFor();
    await page.getByLabel(/^Hours,/).fill("");
    await page.getByRole("button", { name: "Set it" }).click();
    await page.getByRole("row", { name: "group 'pumps' shall have release 'seven'" }).waitFor();

    test_system.launch(1, "--current", "--peace", "600000");
    await page.getByRole("link", { name: "Fleet" }).click();
    await row(page, 0).getByText("up to date").waitFor();
    await row(page, 0).getByRole("link").click();
    await page.getByText("so says the rule for group 'pumps'").waitFor();
    await page.getByText("application version 7").first().waitFor();
    page.removeAllListeners("dialog");
    page.once("dialog", (dialog) => dialog.accept("wet, north"));
    await page.getByRole("button", { name: "Labels" }).click();
    await page.getByText("north, wet", { exact: true }).waitFor();

    await page.getByRole("link", { name: "Access" }).click();
    await page.getByRole("link", { name: "Who changed what" }).click();
    await page.getByRole("row", { name: /owner page set targets.group.pumps .* done/ }).waitFor();
    await page.getByRole("row", { name: /command line releases create seven next-application.bin done/ }).waitFor();
    await page.getByRole("link", { name: "Targets" }).click();
    page.on("dialog", (dialog) => dialog.accept());
    await page.getByRole("button", { name: "Change what was said of group 'pumps'" }).click();
    assert.equal(await page.getByLabel("Which platform, group or device").inputValue(), "pumps");
    await page.getByRole("button", { name: "Take back what was said of group 'pumps'" }).click();
    await page.getByText("no rule says more").waitFor();
  });
});

test("a rollout that stopped by itself is said on every view", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    stock(test_system);
    for (const file of ["application.bin", "next-application.bin"])
      test_system.drydock("firmware", "add", join(test_system.modules, file));
    await browser.enter(test_system);
    test_system.launch(2, "--current", "--peace", "600000");
    await row(page, 1).getByText("up to date").waitFor();
    test_system.drydock("releases", "create", "seven", "next-application.bin");
    test_system.drydock("rollouts", "start", "seven", "--all", "--waves", "1, all", "--soak", "60");
    // A device of the first wave falls back to what it had.
    const first = async () => (await page.evaluate(() => fetch("api/v1/rollouts").then((r) => r.json()))).rollouts[0];
    await until(async () => (await first()).counts.soaking === 1, 60_000);
    const device = (await first()).devices.find(({ stage }) => stage === "soaking").id;
    test_system.drydock("devices", "target", device, "application.bin");
    await page.getByText("Rollout 1 of seven has stopped by itself").waitFor({ timeout: 60_000 });
    await page.getByRole("link", { name: "Firmware" }).click();
    await page.getByRole("link", { name: "Look at it" }).click();
    await page.getByRole("region", { name: "Rollout 1" }).getByRole("button", { name: "Abort" }).waitFor();
    page.removeAllListeners("dialog");
    page.on("dialog", (dialog) => dialog.accept());
    await page.getByRole("button", { name: "Abort" }).click();
    await page.getByText("has stopped by itself").waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByText("There was no rollout yet").waitFor();
  });
});

test("good and broken files are uploaded, missing ones named, needed ones kept", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    browser.expected.push(/422|409/);
    await browser.enter(test_system);
    const broken = readFileSync(join(test_system.modules, "part1.bin"));
    broken[1000] ^= 1;
    writeFileSync(join(test_system.folder, "broken.bin"), broken);
    copyFileSync(join(test_system.modules, "part1.bin"), join(test_system.folder, "<b>part1.bin"));
    test_system.launch(1, "--chunk", "60");
    await row(page, 0).getByText("missing in the library").waitFor();
    await page.getByRole("link", { name: "Firmware" }).click();
    await page.getByText("Photon system part 2 version 3 (Device OS 0.4.3)").waitFor();
    await page
      .locator("#files")
      .setInputFiles([
        join(test_system.folder, "broken.bin"),
        join(test_system.folder, "<b>part1.bin"),
        join(test_system.modules, "part2.bin"),
      ]);
    await page.locator(".verdicts .bad", { hasText: "broken.bin was refused: the file is damaged" }).waitFor();
    await page.locator(".verdicts .good", { hasText: "<b>part1.bin is Photon system part 1 version 3" }).waitFor();
    await page.locator(".verdicts .good", { hasText: "part2.bin is Photon system part 2 version 3" }).waitFor();
    page.removeAllListeners("dialog");
    page.on("dialog", (dialog) => dialog.accept());
    await page
      .getByRole("row", { name: /system part 2/ })
      .getByRole("button", { name: /Remove/ })
      .click();
    await page.getByText("a device needs this file").waitFor();
    await page.getByRole("link", { name: "Fleet" }).click();
    await row(page, 0)
      .getByText(/updating \d+ %/)
      .waitFor();
  });
});

test("a lost connection is said, and caught up by itself", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    browser.expected.push(/ERR_CONNECTION|ERR_INCOMPLETE|Failed to load|ERR_EMPTY/);
    stock(test_system);
    await browser.enter(test_system);
    await test_system.kill(test_system.service);
    await page.getByText("Connection lost").waitFor();
    await test_system.start();
    test_system.launch(1, "--chunk", "1");
    await page.locator("#connection").waitFor({ state: "hidden", timeout: 30_000 });
    await page.locator("#summary.well").waitFor({ timeout: 60_000 });
  });
});

// axe-core's rules, all of them, on every view with devices, rules and firmware in it.
for (const [name, options] of [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["phone", { viewport: { width: 360, height: 740 } }],
])
  test(`no view has what axe finds fault with: ${name}`, async () => {
    const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
    const faults = async (page) => {
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`.slice(0, 600));
    };
    await together("approve", options, async (test_system, browser, page) => {
      await page.goto(test_system.url);
      await page.getByLabel("Set-up code").waitFor();
      assert.deepEqual(await faults(page), [], "set-up");
      await browser.enter(test_system);
      stock(test_system);
      test_system.drydock("targets", "set", "--all", "--latest", "--hours", "22:00-23:00");
      test_system.drydock("firmware", "add", join(test_system.modules, "next-application.bin"));
      test_system.drydock("releases", "create", "seven", "next-application.bin");
      test_system.launch(2, "--chunk", "60", "--peace", "600000");
      await row(page, 0).getByText("waits for approval").waitFor();
      await row(page, 1).getByRole("button", { name: "Approve" }).click();
      await row(page, 1).getByRole("checkbox").check();
      const found = await faults(page); // with a device selected
      for (const view of views) {
        await visit(page, view);
        found.push(...(await faults(page)).map((fault) => `${view}: ${fault}`));
      }
      assert.deepEqual(found, []);
    });
  });

test("on a phone nothing is cut off, and the keyboard reaches everything", async () => {
  await together(
    "approve",
    { viewport: { width: 360, height: 740 }, colorScheme: "dark" },
    async (test_system, browser, page) => {
      stock(test_system);
      await browser.enter(test_system);
      test_system.launch(2, "--chunk", "60");
      await row(page, 0).getByText("waits for approval").waitFor();
      for (const view of views) {
        await visit(page, view);
        const wide = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        assert.equal(wide, 0, `${view} is ${wide} pixels too wide`);
        const nameless = await page.evaluate(() =>
          [...document.querySelectorAll("button, a, input, select")]
            .filter(
              (e) => e.checkVisibility() && !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length),
            )
            .map((e) => e.outerHTML),
        );
        assert.deepEqual(nameless, [], view);
      }
      await page.evaluate(() => {
        location.hash = "#/fleet";
      });
      await row(page, 0).waitFor();
      const reached = new Set();
      for (let i = 0; i < 20; ++i) {
        await page.keyboard.press("Tab");
        reached.add(
          await page.evaluate(
            () => document.activeElement.textContent.trim() || document.activeElement.getAttribute("aria-label"),
          ),
        );
      }
      for (const name of ["Skip to content", "Firmware", "Search", "Update all", "Approve"])
        assert.ok(reached.has(name), `${name} is not among ${[...reached]}`);
    },
  );
});

test("of a thousand devices a page is shown, which changes without jumping", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    await browser.enter(test_system);
    // The page's own code with a fleet made up here: what the server sends is tested elsewhere.
    const moved = await page.evaluate(async () => {
      const { fleet } = await import("./state.js");
      const device = (i, percent) => ({
        id: i.toString(16).padStart(24, "0"),
        name: `Device ${String(i).padStart(4, "0")}`,
        approval: "approved",
        platform: 6,
        platform_name: "Photon",
        connected: true,
        address: "10.0.0.1",
        first_seen: 0,
        last_seen: Date.now(),
        safe_mode: false,
        state: "updating",
        state_words: "",
        changed_key_seen: 0,
        held: false,
        modules: [],
        targets: [],
        plan: [],
        missing: [],
        notes: [],
        progress: { module: "system part 1", bytes: percent, bytes_total: 100, eta_seconds: 60, step: 1, steps: 2 },
      });
      const page = { devices: Array.from({ length: 100 }, (_, i) => device(i, 0)), next: "more" };
      globalThis.fetch = async () => new Response(JSON.stringify(page));
      fleet.follow = () => {};
      fleet.summary = { devices: 1000, connected: 1000, states: { updating: 1000 } };
      fleet.tell(null);
      while (document.querySelectorAll("tbody tr").length !== 100) await new Promise(requestAnimationFrame);
      scrollTo(0, 2000);
      await new Promise(requestAnimationFrame);
      const first = document.querySelectorAll("tbody tr")[60];
      const top = first.getBoundingClientRect().top;
      let shift = 0;
      for (let second = 1; second <= 5; ++second) {
        const changed = new Set();
        for (let i = 0; i < 50; ++i) {
          const one = device((second * 50 + i) % 100, second * 10);
          fleet.devices.set(one.id, one);
          changed.add(one.id);
        }
        fleet.tell(changed);
        await new Promise(requestAnimationFrame);
        shift = Math.max(shift, Math.abs(first.getBoundingClientRect().top - top));
      }
      return {
        shift,
        same: document.querySelectorAll("tbody tr")[60] === first,
        rows: document.querySelectorAll("tbody tr").length,
        summary: document.getElementById("summary").textContent,
      };
    });
    assert.deepEqual(moved, {
      shift: 0,
      same: true,
      rows: 100,
      summary: "1000 devices are being updated.",
    });
  });
});
