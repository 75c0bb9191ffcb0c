class Emitter {
  constructor() {
    this.listeners = new Map();
  }

  on(name, listener) {
    this.add(name, { listener, once: false });
  }

  once(name, listener) {
    this.add(name, { listener, once: true });
  }

  off(name, listener) {
    const all = this.listeners.get(name) ?? [];
    const index = all.findIndex((entry) => entry.listener === listener);
    if (index >= 0) this.listeners.set(name, [...all.slice(0, index), ...all.slice(index + 1)]);
  }

  emit(name, ...args) {
    const errors = [];
    for (const { listener, once } of this.listeners.get(name) ?? []) {
      if (once) this.off(name, listener);
      try {
        listener(...args);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  add(name, entry) {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), entry]);
  }
}

module.exports = { Emitter };
