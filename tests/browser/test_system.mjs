// A running Drydock with its page, virtual devices, and a browser that notices everything that goes wrong in it.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, openSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

export const build = resolve(process.env.DRYDOCK_BUILD || "build");
export const password = "correct horse";
const program = join(build, "src/drydock");

export async function until(what, patience = 30_000) {
  const deadline = Date.now() + patience;
  for (;;) {
    const found = await what();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export class Harbour {
  constructor(policy = "open") {
    this.policy = policy;
    this.folder = mkdtempSync(join(tmpdir(), "drydock-browser-"));
    this.state = join(this.folder, "state");
    this.modules = join(this.folder, "modules");
    this.log = join(this.folder, "log");
    this.children = [];
    this.port = 0;
    this.web = 0;
    spawnSync(join(build, "tests/make_modules"), [this.modules, "60000"]);
  }
  drydock(...words) {
    const run = spawnSync(program, ["--state", this.state, ...words], { encoding: "utf8" });
    if (run.status !== 0) throw new Error(run.stderr);
    return run.stdout;
  }
  async start() {
    const log = openSync(this.log, "w");
    this.service = spawn(
      program,
      [
        "--state",
        this.state,
        "serve",
        "--address",
        "127.0.0.1",
        "--port",
        String(this.port),
        "--udp-port",
        "0",
        "--web-port",
        String(this.web),
        "--policy",
        this.policy,
        ...(this.configuration ? ["--config", this.configuration] : []),
      ],
      { stdio: ["ignore", log, log] },
    );
    this.children.push(this.service);
    await until(() => /listens on/.test(readFileSync(this.log, "utf8")));
    const text = readFileSync(this.log, "utf8");
    this.port = Number(/listens on \S+ port (\d+)/.exec(text)[1]);
    this.web = Number(/the page is at \S+ machine>:(\d+)/.exec(text)[1]);
    this.code = /set-up code (\S+)/.exec(text)?.[1] || this.code;
    this.url = `http://127.0.0.1:${this.web}/`;
  }
  async kill(child) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await ended;
  }
  launch(count, ...options) {
    const key = join(this.folder, "key.der");
    this.drydock("keys", "export", "--host", "127.0.0.1", "-o", key, "--force");
    const peace = options.includes("--peace") ? [] : ["--peace", "3000"];
    const fleet = spawn(
      join(build, "tests/virtual_fleet"),
      ["--port", String(this.port), "--key", key, "--count", String(count), ...peace, ...options],
      { stdio: "ignore" },
    );
    this.children.push(fleet);
    return fleet;
  }
  async close() {
    for (const child of this.children) await this.kill(child);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A page in a real Chromium. Its complaints and requests off the host are collected in `faults`. */
export class Browser {
  static async open(options = {}) {
    const self = new Browser();
    self.browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu"],
    });
    self.context = await self.browser.newContext(options);
    self.page = await self.context.newPage();
    self.page.setDefaultTimeout(20_000);
    self.faults = [];
    self.expected = [];
    self.page.on("console", (message) => {
      if (
        ["error", "warning"].includes(message.type()) &&
        !self.expected.some((pattern) => pattern.test(message.text()))
      )
        self.faults.push(message.text());
    });
    self.page.on("pageerror", (error) => self.faults.push(String(error)));
    self.page.on("dialog", (dialog) => self.faults.push(`dialog: ${dialog.message()}`));
    self.page.on("request", (request) => {
      if (new URL(request.url()).hostname !== "127.0.0.1") self.faults.push(`off the host: ${request.url()}`);
    });
    return self;
  }
  async close() {
    await this.browser.close();
  }
  async enter(test_system) {
    await this.page.goto(test_system.url);
    await this.page.getByLabel("Set-up code").fill(test_system.code);
    await this.page.getByLabel("New password").fill(password);
    await this.page.getByRole("button", { name: "Set the password" }).click();
    await this.page.getByRole("link", { name: "Skip", exact: true }).click();
    await this.page.locator("#summary").waitFor();
  }
}

/**
 * A whole test: the service, a browser, and at its end nothing that went wrong in it. `configuration`: what stands in the
 * service's; all other options are the browser's.
 */
export async function together(policy, { configuration, ...options }, body) {
  const test_system = new Harbour(policy);
  let browser;
  try {
    if (configuration) {
      test_system.configuration = join(test_system.folder, "drydock.toml");
      writeFileSync(test_system.configuration, configuration);
    }
    await test_system.start();
    browser = await Browser.open(options);
    await body(test_system, browser, browser.page);
    assert.deepEqual(browser.faults, []);
  } catch (error) {
    const shown = await browser?.page.locator("body").innerText().catch(String);
    console.error(`what the page showed:\n${shown}\nits faults: ${browser?.faults}`);
    throw error;
  } finally {
    await browser?.close();
    await test_system.close();
  }
}

export const stock = (test_system) =>
  test_system.drydock(
    "firmware",
    "add",
    join(test_system.modules, "part1.bin"),
    join(test_system.modules, "part2.bin"),
  );
export const exported = (test_system) => {
  const file = join(test_system.folder, "exported.der");
  test_system.drydock("keys", "export", "--host", "127.0.0.1", "-o", file, "--force");
  return readFileSync(file);
};
/** Of the fleet's list. */
export const row = (page, number) => page.locator(`tr[data-id="${number.toString(16).padStart(24, "0")}"]`);

const first = "0".repeat(24);
/** Every view of the page, where devices 0 and 1 are. */
export const views = [
  "fleet",
  "start",
  `device/${first.slice(1)}1`,
  `device/${first}`,
  "firmware",
  "rollouts",
  "targets",
  "events",
  "activity",
  "system",
  "integrations",
  "access",
  "audit",
];

/** Goes there, and waits until it is built. */
export async function visit(page, view) {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#/${view}`);
  await page.locator("h1").first().waitFor();
  await page.waitForTimeout(500);
}
