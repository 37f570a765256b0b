#!/bin/sh
# The whole idea in four commands, on real photographs and on the published tables.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$PWD/visionlaw-demo
mkdir -p "$folder"
cd "$folder"
rm -f .visionlaw/results.sqlite*   # a fresh study each time; the cached features stay

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

say "1 · What is installed"
run visionlaw list
[ -f registry.toml ] || run visionlaw init .
cp "$here/classical.toml" classical.toml

say "2 · C, the correspondence score, of every weight-free encoder and of all their pairs"
run visionlaw score correspondence --space classical.toml --matches matches

say "3 · The policy, replayed on the published tables: the paper's region sampling against chance"
for law in iclr2025 colm2025; do
  for sampler in region random; do
    run visionlaw policy replay --law "$law" --sampler "$sampler" --budget 8 --trials 1000 --seed 0
  done
done

say "4 · A live study of the 13 published settings: which one to train next, and why"
run visionlaw policy ask

say "The files are in $folder"
for file in registry.toml classical.toml .visionlaw/results.sqlite matches/*.png; do
  [ -e "$file" ] && printf '  %s\n' "$file"
done
