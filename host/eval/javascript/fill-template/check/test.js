const assert = require('node:assert');
const { fill } = require('./template.js');

const check = (template, values, expected) => assert.strictEqual(fill(template, values), expected, template);
check('Dear {{name}}, {{ name }}!', { name: 'Ada' }, 'Dear Ada, Ada!');
check('{{a.b.c}}', { a: { b: { c: 0 } } }, '0');
check('{{a}}', { a: `<b>"x" & 'y'</b>` }, '&lt;b&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/b&gt;');
check('{{{a}}}', { a: '<b>' }, '<b>');
check('[{{a}}{{b.c}}{{d}}]', { a: null, d: undefined }, '[]');
check('[{{constructor}}{{a.length.constructor}}{{toString}}]', { a: [] }, '[]');
check('{ {a} } {{}} {{a b}}', { a: 1 }, '{ {a} } {{}} {{a b}}');
check('{{a}}', { a: '{{b}}', b: 'no' }, '{{b}}');
