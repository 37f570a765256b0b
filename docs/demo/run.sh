#!/bin/sh
# The whole idea in a few commands, on real photographs and on the published tables.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$PWD/visionlaw-demo
mkdir -p "$folder"
cd "$folder"
rm -f .visionlaw/results.sqlite* # a fresh study each time; the cached features stay

say() { printf '\n== %s\n' "$*"; }
run() {
  printf '$ %s\n' "$*"
  "$@"
}

say "1 · What is installed"
run visionlaw list
[ -f registry.toml ] || run visionlaw init .

say "2 · C, the correspondence score, of every weight-free encoder and of all their pairs"
cp "$here/classical.toml" classical.toml
echo '$ visionlaw score correspondence --space classical.toml --matches matches > ranking.txt'
visionlaw score correspondence --space classical.toml --matches matches > ranking.txt
head -n 14 ranking.txt
echo "  …"
tail -n 11 ranking.txt

say "3 · The policy, replayed on the published tables: the paper's region sampling against bayes and chance"
for law in iclr2025 colm2025; do
  run visionlaw policy replay --law $law --sampler bayes --sampler region --sampler random --budget 8
done

say "4 · A live study of the published settings: which one to train next, and why"
run visionlaw policy ask --explain

say "5 · The whole loop, live: encoders and a language model are trained, A and C measured, MLLMs finetuned and asked"
rm -rf lab
run visionlaw lab run --quick --folder lab

say "The files are in $folder"
for file in registry.toml classical.toml ranking.txt matches/*.png .visionlaw/results.sqlite lab/registry.toml; do
  echo "  $file"
done
