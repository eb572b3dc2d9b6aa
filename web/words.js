// States, times and sizes in words.
import { now } from "./api.js";
import { language, t, told } from "./text.js";

/** What a device's state is called, and what lists are filtered by. */
export const stateNames = {
  unknown_key: t`came with another key`,
  awaiting_approval: t`waits for approval`,
  parked: t`failed, needs a retry`,
  blocked: t`misses a file`,
  away: t`not seen for days`,
  updates_disabled: t`updates disabled`,
  updating: t`updating`,
  waiting: t`waiting`,
  unknown: t`not heard of yet`,
  held: t`paused by you`,
  refused: t`refused`,
  current: t`up to date`,
};

/** As a count says them: "3 waiting for approval". */
export const countedStates = {
  ...stateNames,
  unknown_key: t`with another key`,
  awaiting_approval: t`waiting for approval`,
  parked: t`failed, to be retried`,
  blocked: t`missing a file`,
};

/** States that a person has to do something about. */
export const needsPerson = ["unknown_key", "awaiting_approval", "parked", "blocked", "away"];

/** Ends of an id are what tells two apart. */
export const shortId = (id) => `${id.slice(0, 8)}…${id.slice(-4)}`;

export function clock(seconds) {
  const s = Math.max(0, Math.round(seconds));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

/** What a person wants to know in one line. */
export function stateWords(device) {
  const progress = device.progress;
  if (progress) {
    const percent = Math.floor((100 * progress.bytes) / progress.bytes_total);
    const eta = progress.eta_seconds == null ? "" : t` · ETA ${clock(progress.eta_seconds)}`;
    return t`updating ${percent} %${eta} · step ${progress.step} of ${progress.steps}`;
  }
  const state = device.shown_state;
  if (state === "unknown_key") return t`came with another key than the one on file, and was refused`;
  if (state === "away")
    return t`last seen ${ago(device.last_seen)}; before: ${told(device.state_words) || stateNames[device.state]}`;
  if (state === "awaiting_approval" || state === "refused") return stateNames[state];
  if (state === "held" && device.state === "current") return `${stateNames.held}; ${told(device.state_words)}`;
  return told(device.state_words) || stateNames[state] || state;
}

export function ago(milliseconds) {
  if (milliseconds === 0) return t`never`;
  const seconds = Math.max(0, (now() - milliseconds) / 1000);
  if (seconds < 60) return t`just now`;
  if (seconds < 3600) return t`${Math.floor(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return t`${Math.floor(seconds / 3600)} h ago`;
  return t`${Math.floor(seconds / 86400)} days ago`;
}

export const time = (milliseconds) => new Date(milliseconds).toLocaleString();
export const plural = (count, one, several) => `${count} ${count === 1 ? one : several}`;
/** 4.0, or 4,0. */
export const number = (value, digits = 0) =>
  value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const kilobytes = (bytes) => t`${number(bytes / 1024, bytes < 10240 ? 1 : 0)} kB`;
export const nameOf = (device) => device.name || device.id;
const asset = 9;

/** "3302 (3.3.1)": a version and the Device OS release that has it. */
export const versionOf = (m) => `${m.version}${m.device_os ? ` (${m.device_os})` : ""}`;

/** "system part 1 version 6200 (6.2.0)", and the second module of a combined file. */
export const titled = (m) =>
  m.function === asset
    ? told(m.module)
    : t`${told(m.module)} version ${versionOf(m)}` + (m.companion ? t` with ${titled(m.companion)}` : "");

/** "Device OS 3.3.1 · app 7": a release where its system parts have one, else their versions. */
export function versionsOf(device) {
  const modules = device.modules.filter((m) => m.main);
  const system = modules.filter((m) => m.module.startsWith("system part") || m.module === "monolithic");
  const releases = new Set(system.map((m) => m.device_os).filter(Boolean));
  const words =
    releases.size === 1 && system.every((m) => m.device_os)
      ? [t`Device OS ${[...releases][0]}`]
      : system.map((m) => `${m.module.replace("system part", "system")} ${m.device_os || t`v${m.version}`}`);
  const application = modules.find((m) => m.module.startsWith("application"));
  if (application) words.push(t`app v${application.version}`);
  return words.join(" · ");
}
