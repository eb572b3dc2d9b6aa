/**
 * The fleet as the server last told it. Views listen to "change": its detail is the set of ids that changed, or null
 * for everything.
 */
export const fleet = new (class extends EventTarget {
  devices = new Map();
  paused = false;
  mayChange = false;
  tell(changed) {
    this.dispatchEvent(new CustomEvent("change", { detail: changed }));
  }
})();
