// What a Garth plugin in JavaScript is written with: `plugin`, errors that the model can act on, and files. A copy of it is
// part of each plugin. Requests go through `fetch`, which the engine has.

import { getDirectories } from 'wasi:filesystem/preopens@0.2.3';

/** The arguments make no sense; nothing happened. */
export class Invalid extends Error {}
/** The host refused what the call needs. */
export class Denied extends Error {}
/** It was tried and did not work. */
export class Failed extends Error {}

/**
 * What the component exports as `tools`. Each tool is
 * `{ name, description, input, output?, call(arguments), preview?(arguments) }`: `input` and `output` are JSON Schemas;
 * `call` returns a text, or `{ text, data?, attachments?: [{ mime, bytes }] }`; `preview` returns the files that the call
 * would write, `[{ path, base?, content? }]`. Both may be async.
 */
export function plugin(...tools) {
  const find = (name) => {
    const tool = tools.find((tool) => tool.name === name);
    if (!tool) throw answer('invalid-input', `this plugin has no tool '${name}'; it has ${tools.map((tool) => tool.name).join(', ')}`);
    return tool;
  };
  return {
    describe: () =>
      tools.map((tool) => ({
        name: tool.name,
        description: tool.description.trim(),
        inputSchema: JSON.stringify({ type: 'object', additionalProperties: false, ...tool.input }),
        outputSchema: tool.output && JSON.stringify(tool.output),
      })),
    async call(name, args) {
      const tool = find(name);
      const given = await run(tool, tool.call, args);
      const output = typeof given === 'object' && given !== null ? given : { text: String(given) };
      return {
        text: output.text,
        data: output.data === undefined ? undefined : JSON.stringify(output.data),
        attachments: output.attachments ?? [],
      };
    },
    async preview(name, args) {
      const tool = find(name);
      return tool.preview ? await run(tool, tool.preview, args) : undefined;
    },
  };
}

async function run(tool, act, args) {
  try {
    return await act(fitting(tool.input, args));
  } catch (error) {
    if (error instanceof Invalid) throw answer('invalid-input', error.message);
    if (error instanceof Denied) throw answer('denied', error.message);
    if (error instanceof Failed) throw answer('failed', error.message);
    throw error;
  }
}

/** The arguments. That one is missing is the caller's mistake, and no crash. */
function fitting(input, text) {
  const wrong = (what) => new Invalid(`the arguments do not fit: ${what}`);
  let given;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw wrong(error.message);
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw wrong('they are no object');
  const missing = input?.required?.find((name) => !Object.hasOwn(given, name));
  if (missing !== undefined) throw wrong(`'${missing}' is missing`);
  return given;
}

/** An error as the contract has it: what the generated code looks for is the payload. */
function answer(tag, val) {
  return Object.assign(new Error(val), { payload: { tag, val } });
}

/** The text of a file of the workspace. */
export function readText(path) {
  return new TextDecoder('utf-8', { fatal: true }).decode(readBytes(path));
}

/** The bytes of a file of the workspace. */
export function readBytes(path, limit = 16 << 20) {
  const file = open(path, {}, { read: true });
  const pieces = [];
  let size = 0;
  for (;;) {
    const [piece, end] = wasi(path, () => file.read(1n << 20n, BigInt(size)));
    pieces.push(piece);
    size += piece.length;
    if (size > limit) throw new Failed(`${path} has more than ${limit} bytes, which is too much here`);
    if (end || piece.length === 0) break;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Writes a file of the workspace, a text or bytes, as a whole. */
export function write(path, content) {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const file = open(path, { create: true, truncate: true }, { write: true });
  for (let at = 0; at < bytes.length; ) {
    at += Number(wasi(path, () => file.write(bytes.subarray(at, at + (1 << 20)), BigInt(at))));
  }
}

/** What is in a folder of the workspace: `[{ name, folder }]`, by name. */
export function list(path = '.') {
  const entries = wasi(path, () => open(path, { directory: true }, { read: true }).readDirectory());
  const found = [];
  for (let entry; (entry = wasi(path, () => entries.readDirectoryEntry())); ) {
    found.push({ name: entry.name, folder: entry.type === 'directory' });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function open(path, how, access) {
  const [root] = getDirectories().find(([, name]) => name === '/workspace') ?? [];
  if (!root) throw new Denied(`${path}: this call has no access to the workspace`);
  return wasi(path, () => root.openAt({ symlinkFollow: true }, relative(path), how, access));
}

function relative(path) {
  const inside = path.replace(/^\/workspace(\/|$)/, '');
  if (inside.startsWith('/')) throw new Invalid(`${path} is an absolute path; give it relative to the workspace`);
  return inside === '' ? '.' : inside;
}

const REASONS = { 'no-entry': 'there is no such file', 'is-directory': 'it is a folder', 'not-directory': 'it is no folder' };

function wasi(path, act) {
  try {
    return act();
  } catch (error) {
    const code = error.payload;
    if (typeof code !== 'string') throw error;
    const denied = ['access', 'not-permitted', 'read-only'].includes(code);
    throw new (denied ? Denied : Failed)(`${path}: ${REASONS[code] ?? code.replaceAll('-', ' ')}`);
  }
}
