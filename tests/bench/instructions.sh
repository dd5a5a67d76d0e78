#!/bin/sh
# Instructions a reading that the block codec takes, and a record that the spool takes to commit and to
# read back, counted by callgrind (needs valgrind).
# usage: instructions.sh WEIR-BENCH BLOCK FILE.csv[.gz]...
#        instructions.sh WEIR-BENCH spool
set -e
bench=$1
if [ "$2" = spool ]; then
    records=500000
    for part in commit_rows read_rows; do
        out=$(mktemp)
        valgrind --tool=callgrind --toggle-collect="$part" --callgrind-out-file="$out" \
            "$bench" spool --records $records >/dev/null 2>"$out.log"
        total=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$out.log")
        echo "spool $part $((total * 10 / records)) tenths of an instruction a record"
        rm -f "$out" "$out.log"
    done
    exit
fi
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
