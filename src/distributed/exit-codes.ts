/** Exit code after Ctrl+C, as in shells: 128 and the signal's number. */
export const INTERRUPTED = 130;

/** Exit code of a run that a scheduler asked to stop, after saving: "try again", EX_TEMPFAIL of sysexits.h. */
export const PREEMPTED = 75;

/** Exit code of a process that ends because another process of its run is gone. */
export const LOST_RANK = 76;

/**
 * Exit code of a run whose folder was moved, removed or taken over while it trained: starting it again in the same way does not
 * help.
 */
export const RUN_LOST = 77;
