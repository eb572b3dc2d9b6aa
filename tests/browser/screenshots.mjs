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
  const views = { fleet: "#/fleet", device: `#/device/${ids[0]}`, firmware: "#/firmware", guide: "#/start" };
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

  // A rollout in its second wave.
  await page.setViewportSize({ width: 1100, height: 760 });
  await page.emulateMedia({ colorScheme: "light" });
  for (const file of ["application.bin", "next-application.bin"])
    test_system.drydock("firmware", "add", join(test_system.modules, file));
  for (const first of ["32", "36"])
    test_system.launch(4, "--first", first, "--current", "--peace", "600000", "--chunk", "900");
  const others = Array.from({ length: 8 }, (_, i) => (32 + i).toString(16).padStart(24, "0"));
  await until(
    async () => (await page.evaluate(() => fetch("api/v1/devices").then((r) => r.json()))).devices.length >= 14,
  );
  others.forEach((id, i) => test_system.drydock("devices", "rename", id, `Pump ${i + 1}`));
  test_system.drydock("devices", "approve", ...others);
  test_system.drydock("devices", "group", "pumps", ...others);
  const current = async () =>
    (await page.evaluate(() => fetch("api/v1/devices?state=current").then((r) => r.json()))).devices.length;
  await until(async () => (await current()) >= 8);
  test_system.drydock("releases", "create", "Pumps 7", "next-application.bin", "--notes", "slower start");
  const rollout = ["rollouts", "start", "Pumps 7", "--group", "pumps", "--waves", "1, 3, all", "--soak", "0"];
  test_system.drydock(...rollout, "--canary", others[2]);
  await page.evaluate(() => {
    location.hash = "#/rollouts";
  });
  await page.getByText("3: 0 of 2 well").waitFor({ timeout: 60_000 });
  await page.locator("section.card details summary").first().click();
  await page.waitForTimeout(600);
  await page.screenshot({ path: join(docs, "rollouts-light.png") });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: join(docs, "rollouts-dark.png") });
  await page.emulateMedia({ colorScheme: "light" });
  test_system.drydock("targets", "set", "--all", "--latest", "--hours", "22:00-05:00", "--time-zone", "Europe/Berlin");
  test_system.drydock("targets", "set", "--platform", "photon", "--at-least", "0.4.3");
  test_system.drydock("targets", "set", "--group", "pumps", "--release", "Pumps 7", "--downgrade");
  test_system.drydock("targets", "set", "--group", "laboratory", "--hold");
  test_system.drydock("groups", "add-rule", "pumps", "--platform", "photon", "--address", "192.168.4.0/24");
  await page.evaluate(() => {
    location.hash = "#/targets";
  });
  await page.getByText("group 'pumps'").first().waitFor();
  await page.waitForTimeout(600);
  await page.screenshot({ path: join(docs, "targets-light.png") });
  await browser.close();
} finally {
  await test_system.close();
}
