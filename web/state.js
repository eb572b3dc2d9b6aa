/**
 * What the server last told of the fleet: in `summary` how many devices there are and where they stand, in `devices` those
 * that the view at hand follows. Views listen to "change": its detail is the set of ids that changed, or null when lists
 * may be others now.
 */
export const fleet = new (class extends EventTarget {
  devices = new Map();
  summary = { devices: 0, connected: 0, states: {} };
  paused = false;
  /** Where the list of the fleet is, as it was filtered last. */
  listAddress = "#/fleet";
  /** Who is logged in: a name; empty: a guest. */
  user = "";
  scopes = [];
  /** "read", "call", "flash" or "administer". */
  may(scope) {
    return this.scopes.includes(scope);
  }
  /** Set by app.js: opens the stream of events anew, for these devices. */
  follow = () => {};
  tell(changed) {
    this.dispatchEvent(new CustomEvent("change", { detail: changed }));
  }
})();
