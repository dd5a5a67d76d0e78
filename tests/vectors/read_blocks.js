// Records of layout `blocks` as rows, with avsc: node read_blocks.js SCHEMA.json RECORD.avro...
// Prints what read_blocks.py prints.
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

function rows(block) {
  const order = block.order.length ? block.order : block.times.map(() => 0);
  const out = order.map((key, i) => (
    {seq: block.seq + BigInt(i), key: block.keys[key], time: 0n, quality: 0, values: {}}));
  const byKey = block.keys.map((_, key) => out.filter((row, i) => order[i] === key));
  const qualities = [];
  for (let i = 0; i < block.qualities.length; i += 2) {
    for (let n = block.qualities[i + 1]; n > 0; n--) qualities.push(block.qualities[i]);
  }
  let at = 0;
  let first = 0n;
  for (const ofKey of byKey) {
    let time = first;
    ofKey.forEach((row, place) => {
      row.quality = qualities.length ? qualities[at] : 0;
      row.time = time += block.times[at++];
      if (place === 0) first = time;
    });
  }
  for (const [field, column] of Object.entries(block.columns)) fill(field, column, byKey);
  return out;
}

function fill(field, column, byKey) {
  const present = column.present.flatMap((n, i) => Array(n).fill(i % 2 === 0));
  const scales = [...(column.scales || [])];
  const numbers = column.numbers.values();
  const doubles = (column.doubles || []).values();
  let row = 0;
  let scale = 0;
  for (const key of column.keys.length ? column.keys : byKey.keys()) {
    let m = 0n;
    let isFirst = true;
    for (const to of byKey[key]) {
      if (present.length && !present[row++]) continue;
      if (isFirst && scales.length) scale = scales.shift();
      isFirst = false;
      if (scale === -1) {
        to.values[field] = doubles.next().value;
        continue;
      }
      m += numbers.next().value;
      const value = Number(m) / 10 ** (scale % 32);
      to.values[field] = column.texts ? column.texts[Number(m)]
        : !column.scales ? m : scale >= 32 ? Math.fround(value) : value;
    }
  }
}

function said(value) {
  if (typeof value !== 'number') return String(value);
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(value);
  return bits.toString('hex');
}

const schema = JSON.parse(fs.readFileSync(process.argv[2]));
const type = avro.Type.forSchema(schema, {registry: {long}});
for (const path of process.argv.slice(3)) {
  for (const row of rows(type.fromBuffer(fs.readFileSync(path)))) {
    const values = Object.entries(row.values).map(([field, v]) => ` ${field}=${said(v)}`).join('');
    console.log(`${row.seq} ${row.key} ${row.time} ${row.quality}${values}`);
  }
}
