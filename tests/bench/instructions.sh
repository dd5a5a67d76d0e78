#!/bin/sh
# Instructions a reading that the block codec takes, counted by callgrind (needs valgrind).
# usage: instructions.sh WEIR-BENCH BLOCK FILE.csv[.gz]...
set -e
bench=$1
block=$2
shift 2
for file in "$@"; do
    for part in pack_all unpack_all; do
        out=$(mktemp)
        readings=$(valgrind --tool=callgrind --toggle-collect="$part*" --callgrind-out-file="$out" \
            "$bench" blocks --passes 1 --block "$block" --json "$file" 2>"$out.log" |
            sed -n 's/.*"readings":\([0-9]*\).*/\1/p')
        total=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$out.log")
        echo "$file $part $((total / readings)) instructions a reading"
        rm -f "$out" "$out.log"
    done
done
