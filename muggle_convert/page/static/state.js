// What the page shows at present, and who wants to know when that changes.

export class State {
  #values;
  #listeners = new Map();

  constructor(values) {
    this.#values = { ...values };
  }

  get(key) {
    return this.#values[key];
  }

  set(changes) {
    const changed = Object.keys(changes).filter((key) => this.#values[key] !== changes[key]);
    Object.assign(this.#values, changes);
    const told = new Set();
    for (const key of changed) for (const listener of this.#listeners.get(key) ?? []) told.add(listener);
    for (const listener of told) listener();
  }

  // Calls back now, and whenever one of the keys has a new value.
  follow(keys, listener) {
    for (const key of keys) this.#listeners.set(key, [...(this.#listeners.get(key) ?? []), listener]);
    listener();
  }
}

// Many changes in one frame are drawn once.
export function oncePerFrame(draw) {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      draw();
    });
  };
}
