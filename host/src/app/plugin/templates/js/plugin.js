// The plugin `__NAME__`: one tool, which counts the lines and words of a file.

import { plugin, readText } from './garth.js';

export const tools = plugin({
  name: '__TOOL__',
  description: 'Counts the lines and words of a file of the workspace.',
  input: {
    properties: { path: { type: 'string', description: 'Relative to the workspace.' } },
    required: ['path'],
  },
  output: { type: 'object', properties: { lines: { type: 'integer' }, words: { type: 'integer' } } },
  call({ path }) {
    const text = readText(path);
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
    const words = text.split(/\s+/).filter((word) => word).length;
    return { text: `${lines} lines, ${words} words`, data: { lines, words } };
  },
});
