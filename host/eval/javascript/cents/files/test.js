const assert = require('node:assert');
const { parse, format, split } = require('./money.js');

assert.strictEqual(parse('19.99'), 1999);
assert.strictEqual(parse('1.1'), 110);
assert.strictEqual(parse('-0.29'), -29);
assert.strictEqual(parse('7'), 700);
assert.strictEqual(format(1999), '19.99 €');
assert.strictEqual(format(5), '0.05 €');
assert.strictEqual(format(-150), '-1.50 €');
assert.deepStrictEqual(split(100, 3), [34, 33, 33]);
assert.deepStrictEqual(split(7, 7), [1, 1, 1, 1, 1, 1, 1]);
