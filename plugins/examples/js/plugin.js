// The plugin `compare`, an example: two files are read, and what differs is told path by path.

import { Failed, plugin, readText } from './garth.js';

const MOST = 200;

export const tools = plugin({
  name: 'json_diff',
  description: 'Compares two JSON files by what they mean, not by how they are laid out, and lists each path that differs.',
  input: {
    properties: {
      before: { type: 'string', description: 'Relative to the workspace.' },
      after: { type: 'string' },
    },
    required: ['before', 'after'],
  },
  output: { type: 'object', properties: { differences: { type: 'integer' } } },
  call({ before, after }) {
    const lines = differences(parse(before), parse(after), '$');
    const more = lines.length > MOST ? `\n… and ${lines.length - MOST} more` : '';
    return { text: lines.slice(0, MOST).join('\n') + more || 'no difference', data: { differences: lines.length } };
  },
});

function parse(path) {
  try {
    return JSON.parse(readText(path));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Failed(`${path} is not JSON: ${error.message}`);
    throw error;
  }
}

function differences(a, b, path) {
  if (isBranch(a) && isBranch(b) && Array.isArray(a) === Array.isArray(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.flatMap((key) => differences(a[key], b[key], Array.isArray(a) ? `${path}[${key}]` : `${path}.${key}`));
  }
  if (a === undefined) return [`+ ${path}: ${short(b)}`];
  if (b === undefined) return [`- ${path}: ${short(a)}`];
  return Object.is(a, b) ? [] : [`~ ${path}: ${short(a)} → ${short(b)}`];
}

const isBranch = (value) => typeof value === 'object' && value !== null;

function short(value) {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
