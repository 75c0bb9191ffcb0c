const assert = require('node:assert');
const { Emitter } = require('./emitter.js');

const emitter = new Emitter();
const seen = [];
const self = () => {
  seen.push('self');
  emitter.off('a', self);
};
const never = () => seen.push('never');
emitter.on('a', self);
emitter.on('a', (value) => seen.push(value));
emitter.once('a', () => seen.push('once'));
emitter.once('a', never);
emitter.off('a', never);
emitter.emit('a', 1);
emitter.emit('a', 2);
assert.deepStrictEqual(seen, ['self', 1, 'once', 2]);

emitter.off('unknown', never);
emitter.off('a', never);
emitter.emit('unknown');
emitter.emit('a', 3);
assert.strictEqual(seen.at(-1), 3);

const called = [];
emitter.on('b', () => called.push(1));
emitter.on('b', () => {
  throw new Error('first');
});
emitter.on('b', () => {
  throw new Error('second');
});
emitter.on('b', () => called.push(2));
assert.throws(() => emitter.emit('b'), /first/);
assert.deepStrictEqual(called, [1, 2]);
