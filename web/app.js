// Starts the page: who is here, which view, and the stream of events that keeps it fresh.
import { get } from "./api.js";
import { el, notify, setText } from "./dom.js";
import { fleet } from "./state.js";
import { showFleet } from "./fleet.js";
import { showDevice } from "./device.js";
import { showFirmware } from "./firmware.js";
import { showGuide } from "./guide.js";
import { listens, registerWorker, tellOf } from "./notifications.js";
import { showRollouts } from "./rollouts.js";
import { showTargets } from "./targets.js";
import { showAudit } from "./audit.js";
import { showActivity } from "./activity.js";
import { showEvents } from "./events.js";
import { showIntegrations } from "./integrations.js";
import { showSystem } from "./system.js";
import { showAccess, showLogin, showSetup } from "./access.js";
import { t, told, translateFrame } from "./text.js";

const main = document.getElementById("main");
const connection = document.getElementById("connection");
const stopped = document.getElementById("stopped");
let leave = () => {};
let stream = null;
let followed = new Set();

function showConnection(text) {
  connection.hidden = !text;
  // What could not be done while it was away is no news any more.
  if (!text) for (const notice of document.querySelectorAll(".notice.unreachable")) notice.remove();
  setText(connection, text);
}

function follow() {
  stream?.close();
  stream = new EventSource(`api/v1/events?devices=${[...followed].join(",")}`);
  stream.addEventListener("open", () => showConnection(""));
  stream.addEventListener("fleet", (event) => {
    const summary = JSON.parse(event.data);
    const same = summary.membership === fleet.summary.membership && sameCounts(summary.states, fleet.summary.states);
    tellOf(fleet.summary, summary).catch(() => {});
    fleet.summary = summary;
    fleet.paused = summary.paused;
    showStopped(summary.stopped_rollouts);
    fleet.tell(same ? new Set() : null);
  });
  stream.addEventListener("devices", (event) => {
    const changed = JSON.parse(event.data);
    for (const device of changed) fleet.devices.set(device.id, device);
    fleet.tell(new Set(changed.map((device) => device.id)));
  });
  stream.addEventListener("error", async () => {
    showConnection(t`Connection lost. Trying again…`);
    // A stream that was refused does not try again by itself.
    if (stream.readyState !== EventSource.CLOSED) return;
    const session = await get("session").catch(() => null);
    if (session && session.state !== "in" && !session.guest) return start();
    setTimeout(follow, 3000);
  });
}

// Whatever a person looks at: a rollout that stopped waits for him.
function showStopped(rollouts) {
  const text = rollouts
    .map(({ id, release, words }) => t`Rollout ${id} of ${release} has stopped by itself: ${told(words)}`)
    .join(" ");
  stopped.hidden = !text;
  if (stopped.dataset.text === text) return;
  stopped.dataset.text = text;
  stopped.replaceChildren(text, " ", el("a", { href: "#/rollouts" }, t`Look at it`));
}

function sameCounts(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

fleet.follow = (ids) => {
  const wanted = new Set(ids);
  if (stream && wanted.size === followed.size && ids.every((id) => followed.has(id))) return;
  followed = wanted;
  follow();
};

const views = [
  [/^#\/fleet(\?.*)?$/, () => showFleet(main)],
  [/^#\/start$/, () => showGuide(main)],
  [/^#\/device\/([0-9a-f]{24})$/, (match) => showDevice(main, match[1])],
  [/^#\/firmware$/, () => showFirmware(main)],
  [/^#\/rollouts$/, () => showRollouts(main)],
  [/^#\/targets$/, () => showTargets(main)],
  [/^#\/audit$/, () => showAudit(main)],
  [/^#\/events$/, () => showEvents(main)],
  [/^#\/activity$/, () => showActivity(main)],
  [/^#\/system$/, () => showSystem(main)],
  [/^#\/integrations$/, () => showIntegrations(main)],
  [/^#\/access$/, () => showAccess(main, start)],
];

// A view is called by its heading, which a device's changes with its name.
function showTitle() {
  const heading = main.querySelector("h1")?.textContent;
  const title = heading ? `${heading} – Drydock` : "Drydock";
  if (document.title !== title) document.title = title;
}
new MutationObserver(showTitle).observe(main, { childList: true, subtree: true, characterData: true });

function route() {
  leave();
  leave = () => {};
  main.replaceChildren();
  document.getElementById("notices").replaceChildren(); // they were about what is left
  for (const link of document.querySelectorAll("nav a")) {
    if (location.hash.startsWith(link.getAttribute("href"))) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const [pattern, show] of views) {
    const match = pattern.exec(location.hash);
    if (!match) continue;
    leave = show(match) || (() => {});
    showTitle();
    main.focus({ preventScroll: true });
    return;
  }
  location.replace("#/fleet");
}

async function start() {
  leave();
  leave = () => {};
  stream?.close();
  removeEventListener("hashchange", route);
  let session;
  try {
    session = await get("session");
  } catch {
    showConnection(t`Drydock cannot be reached. Trying again…`);
    setTimeout(start, 3000);
    return;
  }
  showConnection("");
  fleet.user = session.user;
  fleet.scopes = session.scopes;
  const nav = document.querySelector("nav");
  nav.hidden = session.state !== "in" && !session.guest;
  if (session.state === "setup")
    return showSetup(main, () => {
      history.replaceState(null, "", "#/start"); // nobody has a device here yet
      start();
    });
  if (session.state === "login" && (!session.guest || location.hash === "#/login"))
    return showLogin(main, start, session.users);
  follow();
  addEventListener("hashchange", route);
  if (!location.hash || location.hash === "#/login") location.hash = "#/fleet";
  route();
}

// A browser has six connections for all tabs together.
document.addEventListener("visibilitychange", () => {
  if (!stream) return;
  if (!document.hidden) follow();
  else if (!listens) stream.close();
});
addEventListener("unhandledrejection", (event) => {
  notify(event.reason?.message || t`something went wrong`, "error");
  event.preventDefault();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
translateFrame();
registerWorker().catch(() => {}); // a certificate that is not trusted
start();
