// node tests/browser/bench.mjs: how fast the first hundred of ten thousand devices are on the screen, by how many requests and
// bytes, whether the list stays where it is and the tab small while a hundred of them change each second, and what an open page
// costs while ten devices update. Prints figures; ends with status 1 when one is beyond its bound.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Browser, Harbour, until } from "./test_system.mjs";

const bounds = { rows: 300, core: 2, heap: 2, frame: 250 };
const devices = 10_000;
const connected = 100;
const seconds_of_changes = 20;

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function manyDevices() {
  const test_system = new Harbour();
  await test_system.start();
  await test_system.kill(test_system.service);
  const insert = `import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for i in range(1000, 1000 + int(sys.argv[2])):
    id = f"{i:024x}"
    db.execute("INSERT INTO devices (id, name, approval, public_key, platform, first_seen, last_seen, state, state_words, address) VALUES (?, ?, 'approved', x'00', 6, 1, 1, 'current', 'up to date', '10.0.0.1')", (id, f"Device {i}"))
    for part in (1, 2):
        db.execute("INSERT INTO device_modules (device_id, position, function, module_index, version, store, max_size, checked, passed) VALUES (?, ?, 4, ?, 3, 'main', 262144, 30, 30)", (id, part, part))
db.commit()`;
  execFileSync("python3", ["-c", insert, join(test_system.state, "drydock.db"), String(devices)]);
  await test_system.start();
  const browser = await Browser.open();
  const { page } = browser;
  await browser.enter(test_system);
  const times = [];
  for (let i = 0; i < 5; ++i) {
    await page.goto("about:blank");
    await page.goto(test_system.url);
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 100);
    times.push(
      await page.evaluate(async () => {
        const rows = performance.now();
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        const loaded = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
        return {
          paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
          rows,
          requests: loaded.length,
          bytes: loaded.reduce((sum, each) => sum + each.encodedBodySize, 0),
        };
      }),
    );
  }
  const changes = await changing(test_system, page);
  await browser.close();
  await test_system.close();
  const median = (what) => times.map((t) => t[what]).sort((a, b) => a - b)[2];
  return {
    paint: median("paint"),
    rows: median("rows"),
    requests: times[0].requests,
    bytes: times[0].bytes,
    ...changes,
  };
}

// A hundred devices that the list shows are renamed each second.
async function changing(test_system, page) {
  test_system.launch(connected, "--first", "1", "--current", "--peace", "600000");
  // Those without a name come first.
  await page.getByLabel("Sort").selectOption("name");
  await page.waitForFunction((count) => document.querySelectorAll("td.online").length >= count, connected - 1, {
    timeout: 60_000,
  });
  await page.waitForTimeout(2_000);
  const session = await page.context().newCDPSession(page);
  const heap = async () => {
    await session.send("HeapProfiler.collectGarbage");
    return (await session.send("Runtime.getHeapUsage")).usedSize;
  };
  const ids = await page.evaluate(() => {
    const rows = [...document.querySelectorAll("tbody tr")];
    rows[50].scrollIntoView();
    const seen = rows[50];
    globalThis.watched = { top: seen.getBoundingClientRect().top, moved: 0, slowest: 0, running: true };
    let last = performance.now();
    const look = () => {
      const now = performance.now();
      watched.slowest = Math.max(watched.slowest, now - last);
      last = now;
      watched.moved = Math.max(watched.moved, Math.abs(seen.getBoundingClientRect().top - watched.top));
      if (watched.running) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    return rows.filter((row) => row.querySelector("td.online")).map((row) => row.dataset.id);
  });
  const change = (i) =>
    page.context().request.patch(`${test_system.url}api/v1/devices/${ids[i % ids.length]}`, {
      headers: { "X-Drydock": "1" },
      data: { remarks: `change ${i}` },
    });
  const before = await heap();
  const began = performance.now();
  let made = 0;
  while (performance.now() - began < seconds_of_changes * 1000) {
    await Promise.all(Array.from({ length: 5 }, (_, i) => change(made + i)));
    made += 5;
    const ahead = made * 10 - (performance.now() - began);
    if (ahead > 0) await new Promise((done) => setTimeout(done, ahead));
  }
  const seconds = (performance.now() - began) / 1000;
  const after = await heap();
  const { moved, slowest } = await page.evaluate(() => {
    watched.running = false;
    return watched;
  });
  return { rate: made / seconds, moved, slowest, heap_before: before, heap: after };
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

const page = await manyDevices();
const alone = await update(false);
const watched = await update(true);
const core = (100 * watched.spent) / watched.seconds - (100 * alone.spent) / alone.seconds;
const megabytes = (bytes) => (bytes / 1024 / 1024).toFixed(1);
console.log(
  `${devices} devices: first paint ${page.paint.toFixed(0)} ms, all rows of a page ${page.rows.toFixed(0)} ms (medians of 5, bound ${bounds.rows}); ${page.requests} requests, ${(page.bytes / 1024).toFixed(0)} kB`,
);
console.log(
  `${page.rate.toFixed(0)} changes a second for ${seconds_of_changes} s: the list moved ${page.moved.toFixed(1)} pixels (bound 0), longest frame ${page.slowest.toFixed(0)} ms (bound ${bounds.frame}), the tab's heap ${megabytes(page.heap_before)} MB before and ${megabytes(page.heap)} MB behind (bound ${bounds.heap} times)`,
);
console.log(
  `ten devices update: ${alone.spent.toFixed(2)} s of CPU in ${alone.seconds.toFixed(1)} s without a page, ${watched.spent.toFixed(2)} s in ${watched.seconds.toFixed(1)} s with one: the page costs ${core.toFixed(2)} % of a core (bound 2)`,
);
const good =
  page.rows < bounds.rows &&
  core < bounds.core &&
  page.moved === 0 &&
  page.slowest < bounds.frame &&
  page.heap < bounds.heap * page.heap_before;
process.exit(good ? 0 : 1);
