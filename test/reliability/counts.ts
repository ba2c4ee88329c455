/** Whether tests do what is proved before a release: `npm run test:reliability` sets it. */
export const IS_FULL: boolean = process.env.PIXART_ALL_FAULTS === "1";

/** How often something is tried: `few` in every `npm test`, `many` before a release. */
export const tries = (few: number, many: number): number => (IS_FULL ? many : few);
