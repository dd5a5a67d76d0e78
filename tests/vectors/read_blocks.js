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
  let name = '';
  const keys = block.keys.map((rest, i) => (name = name.slice(0, block.shared[i]) + rest));
  const cells = []; // the rows, key after key
  const ofKey = [];
  let at = 0;
  let first = 0n;
  for (let axis = 0; axis < block.axes.length; axis += 2) {
    const steps = block.times.slice(at, at += block.axes[axis + 1]);
    for (let n = block.axes[axis]; n > 0; n--) {
      let time = first;
      const key = keys[ofKey.length];
      ofKey.push(steps.map((step) => ({seq: 0n, key, time: time += step, quality: 0, values: {}})));
      cells.push(...ofKey[ofKey.length - 1]);
    }
    first += steps[0];
  }
  const byTime = [...cells].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  const out = cells.map((_, i) => byTime[i + (block.order.length ? block.order[i] : 0)]);
  out.forEach((row, i) => { row.seq = block.seq + BigInt(i); });
  spread(block.qualities).forEach((quality, i) => { cells[i].quality = quality; });
  const scales = spread(block.scales).values();
  const numbers = block.numbers.values();
  const doubles = block.doubles.values();
  for (const [field, runs] of Object.entries(block.columns)) {
    const here = runs.flatMap((n, i) => Array(n).fill(i % 2 === 0));
    const beyond = runs.length % 2 === 0; // the last run has no end
    let row = 0;
    let before = 0n;
    for (const cellsOfKey of ofKey) {
      const mine = cellsOfKey.filter(() => (row < here.length ? here[row++] : beyond));
      const scale = mine.length ? scales.next().value : 0;
      let number = scale & 64 ? before : 0n;
      mine.forEach((to, place) => {
        if (scale === 32) {
          to.values[field] = doubles.next().value;
          return;
        }
        number += numbers.next().value;
        if (place === 0) before = number;
        to.values[field] = valueOf(block, number, scale & 63);
      });
    }
  }
  return out;
}

function spread(runs) { // (value, count)*, one by one
  return runs.flatMap((value, i) => (i % 2 ? [] : Array(runs[i + 1]).fill(value)));
}

function valueOf(block, number, scale) {
  const value = Number(number) / 10 ** (scale % 16);
  return scale === 33 ? block.texts[Number(number)]
    : scale === 34 ? number !== 0n
    : scale === 35 ? number // an integer, or a time in ms
    : scale >= 16 ? Math.fround(value) : value;
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
