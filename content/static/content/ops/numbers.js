// The numbers of the dashboard: rates between two points, and values as text. content/ops/numbers.py and
// content/ops/points.py declare and compute the same.
"use strict";

const Numbers = (() => {
  const declared = JSON.parse(document.getElementById("declared").textContent);
  // Seconds: between the two points of a rate at best, and at least.
  const WINDOW = 15, SHORTEST = 2;
  const BUCKETS = "request_seconds.";
  const UNKNOWN = "-";

  // --- rates between two points: counters are sent, so that a gap heals itself ---

  function windowOf(points, index) {
    const now = points[index];
    let before = null;
    for (let at = index - 1; at >= 0; at -= 1) {
      const age = now.at - points[at].at;
      if (points[at].epoch !== now.epoch) break;
      if (age >= SHORTEST) before = points[at];
      if (age >= WINDOW) break;
    }
    return { now, before };
  }

  function delta({ now, before }, names) {
    if (!before) return null;
    let sum = 0;
    for (const name of names) {
      if (!(name in now.counters)) return null;
      const growth = now.counters[name] - (before.counters[name] ?? 0);
      if (growth < 0) return null;
      sum += growth;
    }
    return sum;
  }

  function quantile(span, share) {
    const bounds = Object.keys(span.now.counters)
      .filter((name) => name.startsWith(BUCKETS))
      .map((name) => [name.slice(BUCKETS.length) === "inf" ? Infinity : Number(name.slice(BUCKETS.length)), name])
      .sort((one, other) => one[0] - other[0]);
    const counts = bounds.map(([bound, name]) => [bound, delta(span, [name]) ?? 0]);
    const whole = counts.reduce((sum, [, count]) => sum + count, 0);
    let seen = 0;
    for (const [bound, count] of counts) {
      seen += count;
      if (whole && seen >= share * whole) return bound;
    }
    return null;
  }

  const KINDS = {
    rate: (number, span) => {
      const growth = delta(span, number.of);
      return growth === null ? null : growth / (span.now.at - span.before.at);
    },
    share: (number, span) => {
      const part = delta(span, number.of), whole = delta(span, number.over);
      return part === null || !whole ? null : part / whole;
    },
    gauge: (number, span) => span.now.gauges[number.of[0]] ?? null,
    quantile: (number, span) => quantile(span, Number(number.of[0])),
  };

  const compute = (number, span) => KINDS[number.kind](number, span);

  // --- values as text ---

  function short(value) {
    if (value >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en-US");
    return value.toFixed(value >= 10 ? 1 : 2);
  }

  function show(value, unit) {
    if (value === null || Number.isNaN(value)) return UNKNOWN;
    if (unit === "%") return `${Math.floor(value * 1000 + 1e-6) / 10} %`;
    if (unit === "ms") return Number.isFinite(value) ? `${short(value * 1000)} ms` : "longest bucket";
    return `${short(value)}${unit === "/s" ? " /s" : ""}`;
  }

  return { declared, windowOf, compute, show };
})();
