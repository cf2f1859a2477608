"""Print what the exploration finds: `python -m tests.model [--large] [--stories] [RULE ...]`."""

import argparse

from tests.model.rules import Case, cases, cells

WIDTH = 50


def main() -> int:
    """Returns the number of cases that came out differently than expected."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("rules", nargs="*", metavar="RULE", help="such as 20 or 20+21; all by default")
    parser.add_argument("--large", action="store_true", help="also the large bounds: minutes")
    parser.add_argument("--stories", action="store_true", help="print the steps of each counter-example")
    options = parser.parse_args()
    print(f"{'rule':<9}{'guard removed':<{WIDTH}}{'states':>10}  result")
    chosen = [
        case
        for case in cases()
        if (options.large or not case.is_large) and (not options.rules or case.rule in options.rules)
    ]
    return sum(_show(case, with_story=options.stories) for case in chosen)


def _show(case: Case, *, with_story: bool) -> bool:
    result = case.explore()
    rule, removed, states, found = cells(case, result)
    print(f"{rule:<9}{removed:<{WIDTH}}{states:>10}  {found}", flush=True)
    if with_story and result.problem:
        for number, sentence in enumerate(result.story, 1):
            print(f"{'':<9}{number:>3}. {sentence}")
        print(f"{'':<9}     {result.problem}")
    return (result.problem is None) != case.holds


if __name__ == "__main__":
    raise SystemExit(main())
