#!/bin/sh
# Puts what `make test-cuda` and `make bench-cuda` run into target/carry. Called by make, with the stand-ins for CUDA's
# libraries to link with.
set -eu
carry=target/carry
rm -rf "$carry"
mkdir -p "$carry"
features="--release --locked --features cuda-check"
"$CARGO" build $features
cp "$CARGO_TARGET_DIR/release/ecgraft" "$carry/"
"$CARGO" test $features --lib --test gpu --no-run 2>&1 | tee "$carry/built"
for name in ecgraft gpu; do
    built=$(sed -n "s/.*Executable.*(\(.*\/$name-[0-9a-f]*\))/\1/p" "$carry/built")
    cp "$built" "$carry/$name-tests"
done
rm "$carry/built"
strip --strip-debug "$carry"/* 2>/dev/null || true
