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

// The rows of one record, in order of seq.
function rows(block, schema) {
  const names = keys(block, schema).values();
  const ofKey = [];
  let begin = 0n;
  for (const axis of block.axes) {
    for (let n = axis.keys; n > 0; n--) {
      let time = begin;
      const key = names.next().value;
      ofKey.push(axis.times.map((step) => ({seq: 0n, key, time: time += step, quality: 0, values: {}})));
    }
    begin += axis.times[0];
  }
  const cells = ofKey.flat();
  const byTime = [...cells].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)); // stable
  const out = cells.map((_, i) => byTime[i + (block.order.length ? block.order[i] : 0)]);
  out.forEach((row, i) => { row.seq = block.seq + BigInt(i); });
  spread(block.qualities).forEach((quality, i) => { cells[i].quality = quality; });
  const present = block.present.flatMap((n, i) => Array(n).fill(i % 2 === 0)).values();
  const scales = spread(block.scales).values();
  const numbers = block.numbers.values();
  for (const field of schema.columns) {
    let number = 0n;
    for (const of of ofKey) {
      const mine = of.filter(() => present.next().value);
      const scale = mine.length ? scales.next().value : 64;
      number = scale & 64 ? number : 0n;
      for (const row of mine) {
        number = BigInt.asIntN(64, number + numbers.next().value);
        row.values[field] = valueOf(block, number, scale & 63);
      }
    }
  }
  return out;
}

function keys(block, schema) {
  if (block.listed.length && block.list !== schema.list) throw new Error('keys of another schema');
  const all = block.listed.flatMap((at, i) => (i % 2 ? [] : schema.keys.slice(at, at + block.listed[i + 1])));
  block.keys.forEach((rest, i) => {
    all.push((block.shared[i] ? all[all.length - 1].slice(0, block.shared[i]) : '') + rest);
  });
  return all;
}

function valueOf(block, number, scale) {
  const decimal = Number(number) / 10 ** (scale % 16);
  return scale === 32 ? block.doubles[Number(number)]
    : scale === 33 ? block.texts[Number(number)]
    : scale === 34 ? number !== 0n
    : scale === 35 ? number // an integer, or a time in ms
    : scale >= 16 ? Math.fround(decimal) : decimal;
}

function spread(runs) { // (value, count)*, one by one
  return runs.flatMap((value, i) => (i % 2 ? [] : Array(runs[i + 1]).fill(value)));
}

// ---- the rest prints rows for comparison ----

function said(value) {
  if (typeof value !== 'number') return String(value);
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(value);
  return bits.toString('hex');
}

const schema = JSON.parse(fs.readFileSync(process.argv[2]));
const type = avro.Type.forSchema(schema, {registry: {long}});
for (const path of process.argv.slice(3)) {
  const block = type.fromBuffer(fs.readFileSync(path));
  for (const loss of block.lost) {
    console.log(`lost ${loss.from_seq} ${loss.to_seq} ${loss.count} ${loss.cause}`);
  }
  for (const row of rows(block, schema)) {
    const values = Object.entries(row.values).map(([field, v]) => ` ${field}=${said(v)}`).join('');
    console.log(`${row.seq} ${row.key} ${row.time} ${row.quality}${values}`);
  }
}
