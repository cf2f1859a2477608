"""How consistent the cache is, as far as a sample of checks can tell."""

import math

# The bound holds in 95 of 100 samples.
CONFIDENCE = 0.95


def highest_rate(checked: int, inconsistent: int) -> float:
    """The share of inconsistent entries, as high as it may be with 95 % confidence; 1 without checks.

    For none found it is the rule of three: 3 / checked. Else the exact bound of a Poisson distribution.
    """
    return min(1.0, _highest_mean(inconsistent) / checked) if checked else 1.0


def nines(rate: float) -> float:
    """2.0 for a share of 1 %, 3.0 for one of 0.1 %."""
    return math.inf if rate <= 0 else max(0.0, -math.log10(rate))


def _highest_mean(found: int) -> float:
    """The mean at which so few are found in 5 % of all samples."""
    low, high = float(found), found + 10.0 + 5.0 * math.sqrt(found)
    for _ in range(60):
        middle = (low + high) / 2
        if _chance_of_at_most(found, middle) > 1 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _chance_of_at_most(most: int, mean: float) -> float:
    """In logarithms, lest a large mean become 0."""
    return sum(math.exp(count * math.log(mean) - mean - math.lgamma(count + 1)) for count in range(most + 1))
