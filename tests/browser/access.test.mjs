// Who gets in, and with what: wrong passwords, a forgotten one, tokens for programs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { together } from "./test_system.mjs";

test("who is locked out sees how long, and who forgot the password what to do", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    browser.expected.push(/401|429/);
    await browser.enter(test_system);
    await page.getByRole("link", { name: "Access" }).click();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    const submit = page.getByRole("button", { name: "Log in" });
    let locked = false;
    for (let tries = 0; tries < 10 && !locked; tries += 1) {
      await page.getByLabel("Password").fill("not this one");
      await submit.click();
      const answered = await page.waitForFunction(() => {
        const said = document.querySelector("[role=alert]").textContent;
        const { disabled } = document.querySelector("form button");
        if (/^Too many wrong tries\. It goes on in 0:\d\d\.$/.test(said) && disabled) return "locked";
        return /this is not the password/.test(said) && !disabled && "refused";
      });
      locked = (await answered.jsonValue()) === "locked";
    }
    assert.ok(locked);
    await page.getByText("You can try again.").waitFor();
    await page.getByText("Forgotten the password?").click();
    await page.getByText("sudo drydock password reset").waitFor();
    // As it says there.
    const code = /\b\w{4}-\w{4}-\w{4}\b/.exec(test_system.drydock("password", "reset"))[0];
    await page.reload();
    await page.getByLabel("Set-up code").fill(code);
    await page.getByLabel("New password").fill("another horse");
    await page.getByRole("button", { name: "Set the password" }).click();
    await page.getByRole("heading", { name: "Bring in a device" }).waitFor();
  });
});

test("a token can be copied once, and when it was used last is told", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    await browser.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await browser.enter(test_system);
    await page.getByRole("link", { name: "Access" }).click();
    await page.getByLabel("What it is for").fill("script");
    await page.getByRole("button", { name: "Make a token" }).click();
    await page.getByText("never used").waitFor();
    const token = await page.locator(".made code").textContent();
    await page.getByRole("button", { name: "Copy the token" }).click();
    await page.getByText("Copied.").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
    const answer = await fetch(`${test_system.url}api/v1/devices`, { headers: { Authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 200);
    await page.getByRole("link", { name: "Fleet", exact: true }).click();
    await page.getByRole("link", { name: "Access" }).click();
    await page.getByText("last used just now").waitFor();
    // Also by a service that knows it from its database alone.
    browser.expected.push(/ERR_CONNECTION|ERR_INCOMPLETE|Failed to load|ERR_EMPTY/);
    await test_system.kill(test_system.service);
    await test_system.start();
    await page.goto(`${test_system.url}#/access`);
    await page.getByText(/last used (just now|\d+ min ago)/).waitFor();
    assert.ok(!(await page.content()).includes(token));
  });
});
