// Symbols: M the job's mean time between stops, δ the time of a save, R that of a restart; all in seconds.

/** Work between two saves that minimizes lost time, to first order: √(2δM) (Young, 1974, doi 10.1145/361147.361115). */
export const youngInterval = (saveSeconds: number, mtbfSeconds: number): number =>
  Math.sqrt(2 * saveSeconds * mtbfSeconds);

/** The same to higher order (Daly, 2006, doi 10.1016/j.future.2004.11.016, equation 37). */
export function dalyInterval(saveSeconds: number, mtbfSeconds: number): number {
  if (saveSeconds >= 2 * mtbfSeconds) return mtbfSeconds;
  const ratio = saveSeconds / (2 * mtbfSeconds);
  const series = 1 + Math.sqrt(ratio) / 3 + ratio / 9;
  return youngInterval(saveSeconds, mtbfSeconds) * series - saveSeconds;
}

/**
 * Mean time until `seconds` of work and saving are done without a stop. Stops occur at random; each costs a restart, which may be
 * stopped too, and the work starts over: M e^(R/M) (e^(seconds/M) − 1) (Daly, 2006, equation 20).
 */
export const expectedSeconds = (
  seconds: number,
  restartSeconds: number,
  mtbfSeconds: number,
): number =>
  mtbfSeconds * Math.exp(restartSeconds / mtbfSeconds) * Math.expm1(seconds / mtbfSeconds);
