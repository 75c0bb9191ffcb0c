const assert = require('node:assert');
const { slug, unique } = require('./slug.js');

assert.strictEqual(slug('Hello, World!'), 'hello-world');
assert.strictEqual(slug('  --A  1--  '), 'a-1');
assert.strictEqual(slug('Café Élan'), 'cafe-elan');
assert.strictEqual(slug('日本'), '');
assert.deepStrictEqual(unique(['A', 'a!', 'B', ' A ']), ['a', 'a-2', 'b', 'a-3']);
assert.deepStrictEqual(unique(['', '?']), ['untitled', 'untitled-2']);
assert.deepStrictEqual(unique([]), []);
