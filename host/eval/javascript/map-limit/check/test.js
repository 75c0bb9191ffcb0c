const assert = require('node:assert');
const { mapLimit } = require('./pool.js');

const turns = async (count) => {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
};

(async () => {
  let now = 0;
  let most = 0;
  const results = await mapLimit([5, 1, 4, 2, 3], 2, async (item, index) => {
    now += 1;
    most = Math.max(most, now);
    await turns(item);
    now -= 1;
    return `${index}:${item}`;
  });
  assert.deepStrictEqual(results, ['0:5', '1:1', '2:4', '3:2', '4:3']);
  assert.strictEqual(most, 2);
  assert.deepStrictEqual(await mapLimit([], 3, async () => 1), []);
  assert.deepStrictEqual(await mapLimit([1], 9, async (item) => item + 1), [2]);

  const begun = [];
  const failing = mapLimit([1, 2, 3, 4, 5, 6], 2, async (item) => {
    begun.push(item);
    await turns(1);
    if (item === 2) throw new Error('two');
  });
  await assert.rejects(failing, /two/);
  await turns(20);
  assert.ok(begun.length <= 3, String(begun));
})().then(
  () => {
    process.exitCode = 0;
  },
  (error) => {
    console.error(error);
  },
);
// A promise that never settles would end the process with 0.
process.exitCode = 1;
