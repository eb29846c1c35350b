#!/bin/sh
# What planning, comparing and looking take of very many runs: see docs/scale.md.
#
#     sh benches/scale.sh [ECGRAFT [OTHER]]         # one binary, or two in turn, such as that of an earlier commit
#
# Stores are made in a temporary folder by `cargo bench --bench scale`; 100,000 runs take 2 GB and a minute.
set -eu
cd "$(dirname "$0")/.."
ours=${1:-target/release/ecgraft}
other=${2:-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# A manifest of 4 architectures, 5 mixes, 10 grafts, 10 freezes, 5 label fractions and $1 seeds, with what is from scratch.
manifest() {
    awk -v seeds="$1" -v data="$PWD/experiments/data/ptbxl-sample" 'BEGIN {
        print "name = \"many\"\n[sources.simulated]\nkind = \"simulator\"\nrecords = 60\nseed = 7"
        print "[sources.ptbxl]\nkind = \"ptb-xl\"\npath = \"" data "\""
        for (i = 0; i < 5; i++) print "[mixes.m" i "]\nrecords = " 40 + i "\nparts = [{ source = \"simulated\" }]"
        for (i = 0; i < 4; i++) print "[architectures.c" i "]\nkind = \"cnn\"\nchannels = [" 4 + i ", 8, 8]\nhead = 4"
        for (i = 1; i <= 10; i++) print "[freezes.f" i "]\nsteps = [{ blocks = [\"*\"], epochs = " i " }]"
        print "[regression]\nepochs = 1\n[transfer]\nsource = \"ptbxl\"\nlabels = \"multi\"\nepochs = 11\n[trials]"
        print "mix = [\"m0\", \"m1\", \"m2\", \"m3\", \"m4\"]\narchitecture = [\"c0\", \"c1\", \"c2\", \"c3\"]"
        split("hr pr qt qrs", target, " ")
        for (graft = 1; graft <= 10; graft++) {
            list = ""
            for (i = 0; i < 4; i++) if (int(graft / 2 ^ i) % 2) list = list (list ? ", " : "") "\"" target[i + 1] "\""
            from = from (from ? ", " : "") "[" list "]"
        }
        for (i = 1; i <= 10; i++) freezes = freezes (i > 1 ? ", " : "") "\"f" i "\""
        for (i = 0; i < seeds; i++) all = all (i ? ", " : "") i
        print "from = [" from "]\nfreeze = [" freezes "]\nlabel_fraction = [0.01, 0.05, 0.1, 0.5, 1.0]\nseed = [" all "]"
    }'
}

# Seconds, processor seconds and peak memory of a command.
timed() {
    label=$1; shift
    for binary in $ours $other; do
        /usr/bin/time -f "$label, $binary: %e s (processor %U + %S), %M kB" "$binary" "$@" > "$folder/said" || true
    done
}

for seeds in 1 10 100; do
    manifest $seeds > "$folder/many.toml"
    timed "plan of ${seeds}0,000 trials" plan "$folder/many.toml" --results "$folder/none"
done
for stages in 200 10000 100000; do
    cargo bench --quiet --locked --bench scale -- stages $stages
done
for runs in 1000 10000 100000; do
    cargo bench --quiet --locked --bench scale -- store "$folder/store" $runs
    ls -l "$folder/store/ecgraft.sqlite"
    for command in runs status "compare --test t" compare report; do
        # shellcheck disable=SC2086
        timed "$command of $runs runs" $command --results "$folder/store"
    done
    rm -rf "$folder/store"
done
