// The appliance on its own view: whether all is as it must be.
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stock, together } from "./test_system.mjs";

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
