// From the set-up code to the first device out of safe mode, by what the page says alone: clicks, and words typed.
// Run by itself it says how long that took: first_minutes.mjs FACTS, a JSON file with url, code, archive, folder, port and
// device, the command of a virtual device that gets the key's file as its last word.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Browser, password } from "./test_system.mjs";

/** `launch(key)` starts the device with the file that the page gave. Gives counts, and what the file holds. */
export async function firstMinutes(page, { url, code, archive, folder, port, launch }) {
  const counts = { clicks: 0, typed: 0 };
  const click = async (target) => {
    counts.clicks += 1;
    await target.click();
  };
  const type = async (target, words) => {
    counts.typed += 1;
    await target.fill(words);
  };
  await page.goto(url);
  await type(page.getByLabel("Set-up code"), code);
  await type(page.getByLabel("New password"), password);
  await click(page.getByRole("button", { name: "Set the password" }));
  await page.getByRole("heading", { name: "Bring in a device" }).waitFor();
  await page.locator("#files").setInputFiles(archive);
  await page.getByText("2 new.").waitFor();
  await page.getByText("The library has 2 files.").waitFor();
  await type(page.getByLabel("The address at which it reaches this Drydock"), "127.0.0.1");
  await page.getByText(`particle keys server drydock.pub.der --host 127.0.0.1 --port ${port}`).waitFor();
  const download = page.waitForEvent("download");
  await click(page.getByRole("link", { name: "Download drydock.pub.der" }));
  const key = join(folder, "from-page.der");
  await (await download).saveAs(key);
  await page.getByText("Waiting for your device…").waitFor();
  launch(key);
  await click(page.getByRole("button", { name: /^Approve/ }));
  await type(page.getByLabel("A name for it"), "greenhouse");
  await click(page.getByRole("button", { name: "Name it" }));
  await page
    .getByRole("region", { name: /^Photon/ })
    .getByText("up to date")
    .waitFor({ timeout: 60_000 });
  await click(page.getByRole("link", { name: "Fleet", exact: true }));
  await page.getByText("All is well.").waitFor();
  await page.getByRole("link", { name: "greenhouse" }).waitFor();
  return { ...counts, key: readFileSync(key) };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const facts = JSON.parse(readFileSync(process.argv[2], "utf8"));
  const browser = await Browser.open({ acceptDownloads: true });
  let device;
  const began = performance.now();
  try {
    const launch = (key) => {
      const [program, ...words] = facts.device;
      device = spawn(program, [...words, "--key", key], { stdio: "ignore" });
    };
    const { clicks, typed } = await firstMinutes(browser.page, { ...facts, launch });
    console.log(JSON.stringify({ clicks, typed, seconds: (performance.now() - began) / 1000, faults: browser.faults }));
  } finally {
    device?.kill();
    await browser.close();
  }
}
