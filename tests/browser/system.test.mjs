// The appliance on its own view: whether all is as it must be, and all of it brought back.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { password, row, stock, together, until } from "./test_system.mjs";

test("everything is checked by a button, and what is wrong is said with what to do", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    stock(test_system);
    await browser.enter(test_system);
    await page.getByRole("link", { name: "System" }).click();
    await page.getByRole("button", { name: "Check everything" }).click();
    await page.getByText("Everything is as it should be.").waitFor();
    await page.getByText("2 module files, all whole").waitFor();
    const folder = join(test_system.state, "firmware");
    const file = readdirSync(folder).find((name) => name.endsWith(".bin"));
    writeFileSync(join(folder, file), "damaged");
    await page.getByRole("button", { name: "Check everything" }).click();
    await page.getByText("1 problem").waitFor();
    await page.getByText(/part\d\.bin \(.*\) is missing or damaged on disk: add it again/).waitFor();
    assert.equal(await page.locator(".verdicts .bad").count(), 1);
  });
});

test("a backup comes back on the page, and what is none leaves everything as it is", async () => {
  await together("open", { acceptDownloads: true }, async (test_system, browser, page) => {
    browser.expected.push(/ERR_|Failed to load|401/);
    stock(test_system);
    await test_system.kill(test_system.service);
    await test_system.start(); // from now on at the same port
    await browser.enter(test_system);
    test_system.launch(1, "--current", "--peace", "600000");
    await row(page, 0).getByText("up to date").waitFor();
    test_system.drydock("devices", "rename", "0".repeat(24), "as it was");
    await page.getByRole("link", { name: "System" }).click();
    await page.getByLabel("Password", { exact: true }).fill(password);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Make a backup and download it" }).click();
    const backup = join(test_system.folder, "of-today.backup");
    await (await download).saveAs(backup);
    test_system.drydock("devices", "rename", "0".repeat(24), "as it is");
    const nonsense = join(test_system.folder, "nonsense.backup");
    writeFileSync(nonsense, "no backup at all");

    page.removeAllListeners("dialog");
    page.on("dialog", (dialog) => dialog.accept());
    const restore = async (file, word) => {
      await page.goto(`${test_system.url}#/system`);
      await page.getByLabel("The backup's file").setInputFiles(file);
      await page.getByLabel("Your password").fill(word);
      await page.getByRole("button", { name: "Restore" }).click();
    };
    const named = () => JSON.parse(test_system.drydock("devices", "list", "--json"))[0].name;
    const log = () => readFileSync(test_system.log, "utf8");
    await restore(backup, "not this one");
    await page.getByText("this is not the password").waitFor();
    assert.equal(named(), "as it is");
    await restore(nonsense, password);
    await page.getByText("Drydock begins anew").waitFor();
    await until(() => /nothing was restored: the backup from the page: /.test(log()));
    await until(() => log().match(/listens on/g).length === 2);
    assert.equal(named(), "as it is");

    await restore(backup, password);
    await until(() => /restored: 1 devices, 2 module files/.test(log()));
    await until(() => log().match(/listens on/g).length === 3);
    assert.equal(named(), "as it was");
    // Whoever is logged in by what the backup knows stays so; the device is here again.
    await page.goto(`${test_system.url}#/fleet`);
    await row(page, 0).getByRole("link", { name: "as it was" }).waitFor();
    await row(page, 0).getByText("online").waitFor({ timeout: 60_000 });
    assert.ok(!existsSync(join(test_system.state, "uploaded.backup")));
  });
});

test("times are the appliance's, whatever the browser's clock says", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    stock(test_system);
    await page.addInitScript(() => {
      const real = Date.now.bind(Date);
      Date.now = () => real() + 3_600_000;
    });
    await browser.enter(test_system);
    test_system.launch(1, "--current", "--peace", "600000");
    await row(page, 0).getByRole("link").click();
    await page.locator(".history time").first().waitFor();
    assert.equal(await page.locator(".history time").first().textContent(), "just now");
  });
});
