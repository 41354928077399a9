// Makes blockkit/schema.json from @slack/types: what an app may send as blocks, as a home view and as a modal.
//   node schema.js     prints it; TestSchemaIsMadeOfSlacksTypes compares
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { createFormatter, createParser, createProgram, DEFAULT_CONFIG, SchemaGenerator } = require('ts-json-schema-generator');

const types = { Blocks: 'KnownBlock[]', Home: 'HomeView', Modal: 'ModalView' };
// The compiler looks for packages in the folders above the file.
const folder = fs.mkdtempSync(path.join(process.env.NODE_PATH, '..', 'schema-'));
const entry = path.join(folder, 'entry.ts');
const tsconfig = path.join(folder, 'tsconfig.json');
const compilerOptions = { target: 'ES2022', module: 'NodeNext', moduleResolution: 'NodeNext', strict: true, skipLibCheck: true, types: [] };
fs.writeFileSync(
  entry,
  `import type { HomeView, KnownBlock, ModalView } from '@slack/types';\n${Object.entries(types)
    .map(([name, type]) => `export type ${name} = ${type};\n`)
    .join('')}`,
);
fs.writeFileSync(tsconfig, JSON.stringify({ compilerOptions, files: ['entry.ts'] }));

try {
  const base = { ...DEFAULT_CONFIG, path: entry, tsconfig, skipTypeCheck: true };
  const program = createProgram(base);
  const definitions = {};
  for (const type of Object.keys(types)) {
    // What we send must be exact: a field with a slip of the pen is a fault.
    const config = { ...base, type, additionalProperties: false };
    const made = new SchemaGenerator(program, createParser(program, config), createFormatter(config), config).createSchema(type);
    for (const [name, d] of Object.entries(made.definitions)) {
      if (definitions[name] && JSON.stringify(definitions[name]) !== JSON.stringify(d)) throw new Error(`two definitions of ${name}`);
      definitions[name] = d;
    }
  }
  const sorted = Object.fromEntries(Object.entries(definitions).sort(([a], [b]) => (a < b ? -1 : 1)));
  // The words for people would be half of the file.
  const bare = (x) =>
    Array.isArray(x)
      ? x.map(bare)
      : x && typeof x === 'object'
        ? Object.fromEntries(Object.entries(x).filter(([k, v]) => !(k === 'description' && typeof v === 'string') && k !== 'deprecated').map(([k, v]) => [k, bare(v)]))
        : x;
  const version = require('@slack/types/package.json').version;
  const out = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $comment: `Made by judges/schema.js from @slack/types ${version}. Copyright (c) 2014- Slack Technologies, LLC. MIT License.`,
    definitions: bare(sorted),
  };
  process.stdout.write(`${JSON.stringify(out, null, 1)}\n`);
} finally {
  fs.rmSync(folder, { recursive: true });
}
