/** ln Γ(x) for x > 0 by Lanczos' series (g = 7, nine terms), to about 1e-15. */
function logGamma(x: number): number {
  const terms = [
    676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  const sum = terms.reduce((total, term, i) => total + term / (x + i), 0.99999999999980993);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** The continued fraction of the incomplete beta function, by Lentz's method (Press et al., Numerical Recipes, section 6.4). */
function continuedFraction(x: number, a: number, b: number): number {
  const away = (value: number): number => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let result = d;
  for (let m = 1; m < 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    for (const numerator of [even, odd]) {
      d = 1 / away(1 + numerator * d);
      c = away(1 + numerator / c);
      result *= d * c;
    }
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return result;
}

/** I_x(a, b), the share of the beta distribution below x. */
function betaDistribution(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const scale = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x),
  );
  return x < (a + 1) / (a + b + 2)
    ? (scale * continuedFraction(x, a, b)) / a
    : 1 - (scale * continuedFraction(1 - x, b, a)) / b;
}

/** The x in [0, 1] below which a share `p` of the beta distribution lies, by bisection: SciPy's `stats.beta.ppf(p, a, b)`. */
export function betaQuantile(p: number, a: number, b: number): number {
  if (p <= 0) return 0;
  if (p >= 1) return 1;
  // Near 1 the distance from 1 has more digits.
  if (p > betaDistribution(0.5, a, b)) return 1 - betaQuantile(1 - p, b, a);
  let [low, high] = [0, 0.5];
  for (let round = 0; round < 120 && high - low > low * 1e-16; round++) {
    const middle = (low + high) / 2;
    if (betaDistribution(middle, a, b) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
