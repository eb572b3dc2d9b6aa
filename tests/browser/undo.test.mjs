// What is done to many devices at once, and taken back again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { row, stock, together, until } from "./test_system.mjs";

test("what was done to many at once is taken back, and what was so before stays", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    stock(test_system);
    await browser.enter(test_system);
    test_system.launch(2, "--current", "--peace", "600000");
    await row(page, 0).getByText("up to date").waitFor();
    await row(page, 1).getByText("up to date").waitFor();
    const [first, second] = ["0", "1"].map((digit) => "0".repeat(23) + digit);
    test_system.drydock("devices", "hold", first);
    test_system.drydock("devices", "group", "pumps", first);
    // The list has whoever came first at its head.
    const listed = () => JSON.parse(test_system.drydock("devices", "list", "--json"));
    const all = () => listed().sort((a, b) => (a.id < b.id ? -1 : 1));
    const held = () => all().map((device) => device.held);
    const groups = () => all().map((device) => device.group);
    const select = () => page.getByLabel("Select every device of this page").check();
    const bar = page.getByRole("group", { name: "Selected devices" });

    await select();
    await bar.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Done for 2 devices.").waitFor();
    assert.deepEqual(held(), [true, true]);
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText("Done for 1 device.").waitFor();
    assert.deepEqual(held(), [true, false]);

    await select();
    page.removeAllListeners("dialog");
    page.on("dialog", (dialog) => dialog.accept("wells"));
    await bar.getByRole("button", { name: "Group…" }).click();
    await until(() => groups().join() === "wells,wells");
    await page.getByRole("button", { name: "Undo" }).click();
    await until(() => groups().join() === "pumps,");

    await row(page, 1).getByRole("link").click();
    await page.getByRole("button", { name: "Rename" }).click();
    await page.getByRole("heading", { name: "wells" }).waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByRole("heading", { name: second }).waitFor();
  });
});
