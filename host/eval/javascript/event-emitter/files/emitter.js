class Emitter {
  constructor() {
    this.listeners = {};
  }

  on(name, listener) {
    (this.listeners[name] ||= []).push(listener);
  }

  once(name, listener) {
    const wrapped = (...args) => {
      this.off(name, wrapped);
      listener(...args);
    };
    this.on(name, wrapped);
  }

  off(name, listener) {
    const index = this.listeners[name].indexOf(listener);
    this.listeners[name].splice(index, 1);
  }

  emit(name, ...args) {
    this.listeners[name].forEach((listener) => listener(...args));
  }
}

module.exports = { Emitter };
