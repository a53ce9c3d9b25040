"""`make bench`: all figures, or those named (`ARGS="earn api"`); `--quick`: small ones."""

import argparse
from pathlib import Path

import uvloop

from bench.api import api
from bench.bare import bare
from bench.earning import earning
from bench.growth import growth
from bench.pipeline import earn_alone, whole_way
from bench.report import Figure, save, show

RESULTS = Path("bench/results/latest.json")
CASES = ("bare", "earning", "earn", "whole-way", "api", "growth")


async def measure(cases: list[str], *, quick: bool) -> None:
    """Measure these cases one after the other; what there is is shown and kept after each."""
    figures: list[Figure] = []
    for case in cases:
        print(f"measuring {case}", flush=True)
        match case:
            case "bare":
                figures += await bare(*((20_000, 200, 2.0) if quick else (150_000, 2_000, 20.0)))
            case "earning":
                figures += earning(100 if quick else 2_000)
            case "earn":
                figures += await earn_alone(10_000 if quick else 100_000)
            case "whole-way":
                figures += await whole_way(5_000 if quick else 150_000)
            case "api":
                figures += await api(2_000 if quick else 20_000, 2.0 if quick else 10.0)
            case "growth":
                sizes = (1_000, 10_000) if quick else (10_000, 100_000, 1_000_000)
                figures += await growth(sizes)
        show(figures)
        save(figures, RESULTS)


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure.")
    parser.add_argument("cases", nargs="*", metavar="case", help=f"of {', '.join(CASES)}; or all")
    parser.add_argument("--quick", action="store_true", help="small numbers: does it run at all?")
    arguments = parser.parse_args()
    if unknown := [case for case in arguments.cases if case not in CASES]:
        parser.error(f"no case is called {unknown[0]!r}; there are {', '.join(CASES)}")
    uvloop.run(measure(arguments.cases or list(CASES), quick=arguments.quick))
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
