// Tells a person who does not look that somebody should: a device failed, waits for approval, or a rollout stopped.
// Browsers allow it, and an installed page, over TLS and on the machine itself.
import { action, el, notify, setText } from "./dom.js";
import { countedStates } from "./words.js";
import { t } from "./text.js";

const key = "drydock.notifications";
const watched = ["parked", "unknown_key", "awaiting_approval", "blocked"];

const possible = () => "serviceWorker" in navigator && "Notification" in window;
const wanted = () => {
  try {
    return localStorage.getItem(key) === "on";
  } catch {
    return false;
  }
};

/** Whether a hidden page goes on listening: one of a browser's, since it has few connections. */
export let listens = false;

let stopListening = () => {};

/** Fails where the browser takes no worker from here: by a certificate that is not trusted. */
export async function registerWorker() {
  if (!possible()) return;
  await navigator.serviceWorker.register("service_worker.js");
  if (!wanted() || Notification.permission !== "granted" || !navigator.locks) return;
  navigator.locks.request("drydock-notifications", () => {
    listens = wanted();
    // Until the page is closed, or it is to tell no more: then another one may.
    return listens ? new Promise((done) => (stopListening = done)) : null;
  });
}

/** What of this is news, in words; before: the counts of a moment ago. */
export function news(before, now) {
  const words = watched
    .filter((state) => (now.states[state] || 0) > (before.states[state] || 0))
    .map((state) => `${now.states[state]} ${countedStates[state]}`);
  const stopped = now.stopped_rollouts.filter((one) => !before.stopped_rollouts.some((other) => other.id === one.id));
  for (const { id, release } of stopped) words.push(t`rollout ${id} of ${release} stopped by itself`);
  return words.join(", ");
}

/** `before` has no counts when nothing was heard yet. */
export async function tellOf(before, now) {
  if (!listens || !document.hidden || !before?.states || !before.stopped_rollouts) return;
  const words = news(before, now);
  if (!words) return;
  const worker = await navigator.serviceWorker.ready;
  await worker.showNotification("Drydock", { body: words, icon: "icon-192.png", tag: "drydock" });
}

export function notificationsSection() {
  const words = el("p");
  const show = () => {
    const on = wanted() && Notification.permission === "granted";
    setText(
      words,
      on
        ? t`This browser tells you when a device fails or waits for you, while a Drydock page is open, looked at or not.`
        : t`This browser can tell you when a device fails or waits for you, while a Drydock page is open.`,
    );
    setText(button, on ? t`Tell me no more` : t`Tell me`);
  };
  const button = action("", async () => {
    if (wanted() && Notification.permission === "granted") {
      localStorage.setItem(key, "off");
      listens = false;
      stopListening();
    } else {
      if ((await Notification.requestPermission()) !== "granted")
        return notify(t`This browser does not allow it: look into its settings for this page.`, "error");
      try {
        localStorage.setItem(key, "on");
        await registerWorker();
      } catch {
        localStorage.setItem(key, "off");
        return notify(
          t`This browser does not trust the page's certificate, and so lets it tell of nothing: import it, or use one of your own (web.certificate).`,
          "error",
        );
      }
    }
    show();
  });
  if (!possible())
    return el(
      "p",
      { class: "quiet" },
      t`A browser can tell you when a device fails or waits for you, and install this page as an app, where the page is served over TLS: web.tls = "redirect" in the configuration.`,
    );
  show();
  return el("div", {}, words, button);
}
