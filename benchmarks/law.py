"""The law's figures against the published ones, and the seconds they take: python benchmarks/law.py"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time

from visionlaw.law.reproduce import reproduce


def main() -> None:
    start = time.perf_counter()
    figures = reproduce()
    seconds = time.perf_counter() - start
    print(f"law reproduce, without the simulation: {seconds:.2f} s")
    for table, ours in figures.items():
        published = ours["published"]
        off = {
            f"{form} {kind}": value - ours["r2"][form][kind]
            for form, groups in published["r2"].items()
            for kind, value in groups.items()
            if not form.startswith("random")
        }
        worst = max(off, key=lambda name: abs(off[name]))
        exact = sum(abs(v) < 0.00015 for v in off.values())
        quadratic, honest = ours["r2"]["AC-quadratic"], ours["loo_r2"]["AC-quadratic"]
        print(
            f"{table}: {exact} of {len(off)} published R² to 4 decimals; largest difference {off[worst]:+.4f} ({worst})"
        )
        print(f"  AC-quadratic R² {quadratic['vision']:.4f} / {quadratic['ocr']:.4f}", end="")
        print(f", leave-one-out {honest['vision']:.4f} / {honest['ocr']:.4f} (vision / ocr)")
        coefficients = [
            (abs(value - ours["coefficients"][b][term]) < 0.0006)
            for b, values in published["coefficients"].items()
            for term, value in values.items()
        ]
        if coefficients:
            print(f"  {sum(coefficients)} of {len(coefficients)} published coefficients to 3 decimals;", end=" ")
            print(f"{len(ours['misprints'])} misprints")


if __name__ == "__main__":
    main()
