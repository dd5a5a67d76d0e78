// Avro records, each after its length in 4 bytes, with avsc: node read_records.js SCHEMA.json RECORDS.
// Prints what write_records.c expects.
'use strict';
const avro = require('avsc');
const fs = require('fs');

// Longs beyond 2^53 need avsc's custom long type; BigInt keeps all.
const long = avro.types.LongType.__with({
  fromBuffer: (buffer) => buffer.readBigInt64LE(),
  toBuffer: (value) => { const b = Buffer.alloc(8); b.writeBigInt64LE(value); return b; },
  fromJSON: BigInt, toJSON: Number, isValid: (value) => typeof value === 'bigint',
  compare: (a, b) => (a === b ? 0 : a < b ? -1 : 1),
});

function said(value, field) {
  if (typeof value !== 'number' || !JSON.stringify(field.type).includes('double')) return String(value);
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(value);
  return bits.toString('hex');
}

const schema = JSON.parse(fs.readFileSync(process.argv[2]));
const type = avro.Type.forSchema(schema, {registry: {long}});
const data = fs.readFileSync(process.argv[3]);
const lines = [];
for (let at = 0; at < data.length;) {
  const size = data.readUInt32BE(at);
  const record = type.fromBuffer(data.subarray(at + 4, at + 4 + size)); // refuses bytes that are left
  lines.push(schema.fields.map((field) => `${field.name}=${said(record[field.name], field)}`).join(' '));
  at += 4 + size;
}
process.stdout.write(`${lines.join('\n')}\n`);
