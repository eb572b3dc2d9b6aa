// What an installed page needs while it is not looked at: notifications, and words while the appliance cannot be
// reached. Nothing is kept: what is shown is what is true.
const german = self.navigator.languages.find((tag) => /^(en|de)\b/.test(tag))?.startsWith("de");
const [title, hint] = german
  ? ["Drydock ist nicht erreichbar", "Ist dieses Gerät im selben Netz? Alle fünf Sekunden ein neuer Versuch…"]
  : ["Drydock cannot be reached", "Is this phone in the same network? Trying again every five seconds…"];
const unreachable = `<!doctype html><html lang="${german ? "de" : "en"}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="5">
<meta name="color-scheme" content="light dark"><title>Drydock</title>
<body><h1>${title}</h1><p>${hint}</p>`;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  if (event.request.mode !== "navigate") return;
  const head = { "Content-Type": "text/html; charset=utf-8" };
  event.respondWith(fetch(event.request).catch(() => new Response(unreachable, { status: 503, headers: head })));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const open = async () => {
    const [page] = await self.clients.matchAll({ type: "window" });
    if (page) return page.focus();
    return self.clients.openWindow("./");
  };
  event.waitUntil(open());
});
