// A device came with another key than the one on file: a person compares both, and trusts the new one or does not.
import { post } from "./api.js";
import { action, el, notify } from "./dom.js";
import { ago, nameOf, time } from "./words.js";
import { fleet } from "./state.js";
import { t, told } from "./text.js";

/** For a device with `changed_key`. */
export function changedKey(device) {
  const came = device.history?.find((line) => line.kind === "changed_key");
  const pair = (name, fingerprint) => [el("dt", {}, name), el("dd", {}, el("code", {}, fingerprint))];
  return el(
    "section",
    { class: "card trouble", "aria-label": t`It came with another key` },
    el("h2", {}, t`It came with another key`),
    el(
      "p",
      {},
      t`Somebody who says to be ${nameOf(device)} came ${ago(device.changed_key_seen)} (${time(device.changed_key_seen)}) with a key that is not the one on file, and was turned away.`,
    ),
    came && el("p", { class: "quiet" }, told(came.words)),
    el("dl", {}, pair(t`On file`, device.fingerprint), pair(t`New`, device.changed_key)),
    el(
      "p",
      {},
      t`Trust the new key only if you renewed the keys of this device yourself (particle keys new, or a new board under the old id). If you did not, somebody else may be using its id.`,
    ),
    fleet.may("administer") &&
      el(
        "div",
        { class: "bar" },
        action(t`Keep the old key`, async () => {
          await post(`devices/${device.id}/keep_key`);
          notify(t`The key on file stays. Whoever comes with another is turned away.`);
        }),
        action(
          t`Trust the new key`,
          async () => {
            await post(`devices/${device.id}/approve`, { new_key: device.changed_key });
            notify(t`Its new key is trusted from now on.`);
          },
          { class: "danger" },
        ),
      ),
  );
}
