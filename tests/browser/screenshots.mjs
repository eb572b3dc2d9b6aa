// node tests/browser/screenshots.mjs: takes the pictures of docs/, from a running Drydock with virtual devices.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Browser, Harbour, until } from "./test_system.mjs";

const docs = process.argv[2] || "docs";
mkdirSync(docs, { recursive: true });
const test_system = new Harbour("approve");
try {
  await test_system.start();
  const browser = await Browser.open({ viewport: { width: 1100, height: 620 } });
  const page = browser.page;
  await browser.enter(test_system);
  test_system.drydock(
    "firmware",
    "add",
    join(test_system.modules, "part1.bin"),
    join(test_system.modules, "part2.bin"),
  );
  test_system.launch(6, "--chunk", "120");
  const names = ["Boiler room", "Greenhouse 1", "Greenhouse 2", "Gate", "Workshop", "Spare"];
  const ids = names.map((_, i) => i.toString(16).padStart(24, "0"));
  await until(async () => (await page.locator("tbody tr").count()) === 6);
  for (let i = 0; i < 6; ++i) {
    test_system.drydock("devices", "rename", ids[i], names[i]);
    if (i < 4) test_system.drydock("devices", "approve", ids[i]);
  }
  test_system.drydock("devices", "hold", ids[3]);
  await page.locator("tr", { hasText: "step 2 of 2" }).first().waitFor({ timeout: 60_000 });
  await page.waitForTimeout(2500);
  const views = { fleet: "#/fleet", device: `#/device/${ids[0]}`, firmware: "#/firmware" };
  for (const [look, width, height, colorScheme] of [
    ["light", 1100, 620, "light"],
    ["dark", 1100, 620, "dark"],
    ["phone", 360, 740, "light"],
  ]) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    for (const [name, hash] of Object.entries(views)) {
      await page.evaluate((where) => {
        location.hash = where;
      }, hash);
      await page.waitForTimeout(400);
      await page.screenshot({ path: join(docs, `${name}-${look}.png`) });
    }
  }
  await browser.close();
} finally {
  await test_system.close();
}
