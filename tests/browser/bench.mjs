// node tests/browser/bench.mjs: how fast the first hundred of a thousand devices are on the screen, and what an open page costs
// while ten devices update. Prints figures; ends with status 1 when one is beyond its bound.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Browser, Harbour, until } from "./test_system.mjs";

const bounds = { paint: 1000, rows: 1000, core: 2 };

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function thousand() {
  const test_system = new Harbour();
  await test_system.start();
  await test_system.kill(test_system.service);
  const insert = `import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for i in range(1000):
    id = f"{i:024x}"
    db.execute("INSERT INTO devices (id, name, approval, public_key, platform, first_seen, last_seen, state, state_words, address) VALUES (?, ?, 'approved', x'00', 6, 1, 1, 'current', 'up to date', '10.0.0.1')", (id, f"Device {i}"))
    for part in (1, 2):
        db.execute("INSERT INTO device_modules (device_id, position, function, module_index, version, store, max_size, checked, passed) VALUES (?, ?, 4, ?, 3, 'main', 262144, 30, 30)", (id, part, part))
db.commit()`;
  execFileSync("python3", ["-c", insert, join(test_system.state, "drydock.db")]);
  await test_system.start();
  const browser = await Browser.open();
  await browser.enter(test_system);
  const times = [];
  for (let i = 0; i < 5; ++i) {
    await browser.page.goto("about:blank");
    await browser.page.goto(test_system.url);
    await browser.page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 100);
    times.push(
      await browser.page.evaluate(async () => {
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        return { paint: performance.getEntriesByName("first-contentful-paint")[0].startTime, rows: performance.now() };
      }),
    );
  }
  await browser.close();
  await test_system.close();
  const median = (what) => times.map((t) => t[what]).sort((a, b) => a - b)[2];
  return { paint: median("paint"), rows: median("rows") };
}

// The service's CPU time while ten devices update, with and without a page that watches.
async function update(watched) {
  const test_system = new Harbour();
  await test_system.start();
  test_system.drydock(
    "firmware",
    "add",
    join(test_system.modules, "part1.bin"),
    join(test_system.modules, "part2.bin"),
  );
  const browser = await Browser.open();
  await browser.enter(test_system);
  if (!watched) await browser.page.goto("about:blank");
  const before = cpuSeconds(test_system.service.pid);
  const began = Date.now();
  const fleet = test_system.launch(10, "--chunk", "100");
  await until(() => fleet.exitCode !== null, 120_000);
  const seconds = (Date.now() - began) / 1000;
  const spent = cpuSeconds(test_system.service.pid) - before;
  await browser.close();
  await test_system.close();
  return { seconds, spent };
}

const page = await thousand();
const alone = await update(false);
const watched = await update(true);
const core = (100 * watched.spent) / watched.seconds - (100 * alone.spent) / alone.seconds;
console.log(
  `1,000 devices: first paint ${page.paint.toFixed(0)} ms, all rows of a page ${page.rows.toFixed(0)} ms (medians of 5, bound 1000)`,
);
console.log(
  `ten devices update: ${alone.spent.toFixed(2)} s of CPU in ${alone.seconds.toFixed(1)} s without a page, ${watched.spent.toFixed(2)} s in ${watched.seconds.toFixed(1)} s with one: the page costs ${core.toFixed(2)} % of a core (bound 2)`,
);
process.exit(page.paint < bounds.paint && page.rows < bounds.rows && core < bounds.core ? 0 : 1);
