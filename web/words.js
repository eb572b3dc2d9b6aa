// States, times and sizes in words.

const states = {
  unknown: "connecting",
  awaiting_approval: "waits for approval",
  refused: "refused",
  current: "current",
  updating: "updating",
  waiting: "waiting",
  blocked: "blocked",
  parked: "failed, needs attention",
  updates_disabled: "updates disabled",
};

/** One word for where a device stands: what the filter and the coloured mark go by. */
export function stateOf(device) {
  if (device.changed_key) return "unknown_key";
  if (device.approval === "pending") return "awaiting_approval";
  if (device.approval === "refused") return "refused";
  if (device.held) return "held";
  return device.state;
}

export const stateNames = { ...states, unknown_key: "unknown key", held: "held" };

export function clock(seconds) {
  const s = Math.max(0, Math.round(seconds));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

/** What a person wants to know in one line. */
export function stateWords(device) {
  const progress = device.progress;
  if (progress) {
    const percent = Math.floor((100 * progress.bytes) / progress.bytes_total);
    const eta = progress.eta_seconds == null ? "" : ` · ETA ${clock(progress.eta_seconds)}`;
    return `updating ${percent} %${eta} · step ${progress.step} of ${progress.steps}`;
  }
  const state = stateOf(device);
  if (state === "unknown_key") return "came with another key than the one on file, and was refused";
  if (state === "awaiting_approval" || state === "refused") return stateNames[state];
  return device.state_words || stateNames[state] || state;
}

export function ago(milliseconds, now = Date.now()) {
  if (milliseconds === 0) return "never";
  const seconds = Math.max(0, (now - milliseconds) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} days ago`;
}

export const time = (milliseconds) => new Date(milliseconds).toLocaleString();
export const kilobytes = (bytes) => `${(bytes / 1024).toFixed(bytes < 10240 ? 1 : 0)} kB`;
export const nameOf = (device) => device.name || device.id;
const asset = 9;

/** "3302 (3.3.1)": a version and the Device OS release that has it. */
export const versionOf = (m) => `${m.version}${m.device_os ? ` (${m.device_os})` : ""}`;

/** "system part 1 version 6200 (6.2.0)", and the second module of a combined file. */
export const titled = (m) =>
  m.function === asset
    ? m.module
    : `${m.module} version ${versionOf(m)}${m.companion ? ` with ${titled(m.companion)}` : ""}`;
export const versionsOf = (device) =>
  device.modules
    .filter((m) => m.main && m.module !== "bootloader")
    .map(
      (m) =>
        `${m.module.replace("system part", "system").replace("user part", "app")} ${m.device_os || `v${m.version}`}`,
    )
    .join(" · ");
