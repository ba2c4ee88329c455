/**
 * The meaning of each {@link ErrorCode}, and what a caller can do. A code stays the same when its message is reworded. Errors of
 * the operating system keep its codes (`ENOSPC`), errors of Node.js Node's, and those of an image server OpenAI's.
 */
export const ERROR_CODES = {
  // Arguments and options.
  ERR_INVALID_VALUE: "An argument or option has a value that cannot be used: give another.",
  ERR_INVALID_TYPE:
    "An argument or option has another type than it must have: a mistake in the calling program.",
  ERR_INVALID_STATE:
    "Something was called before or after its time: call in the order that the message says.",
  ERR_INCOMPATIBLE:
    "Two things do not fit together, such as weights and a model: take others that do.",
  ERR_UNSUPPORTED: "It is understood, but cannot be done here: the message says what can be.",
  ERR_TARGET_EXISTS: "What was to be made is there already: choose another name.",
  ERR_USAGE: "A command line asks for what there is not: `--help` says what there is.",
  ERR_CONFIG: "A config has mistakes, all of which are listed: correct them.",
  // Files, pictures and data sets.
  ERR_BAD_FILE: "A file is not what its format promises: get it again.",
  ERR_MISSING_FILE: "There is no file of that name: check the path.",
  ERR_MISSING_FACT:
    "A file of weights does not tell what its reader must know: give it as an option.",
  ERR_IMAGE: "A picture cannot be read: leave it out, or repair it.",
  ERR_DATASET: "A data set cannot be used as it is: the message names the place.",
  // The Hub and other programs on the network.
  ERR_HUB: "The Hub, the network or the disk did not deliver: the message says which.",
  ERR_HUB_UNREACHABLE: "The Hub gave no answer, or one that will be different later: try again.",
  ERR_HUB_NOT_FOUND: "The Hub has no such repository or revision: check the name.",
  ERR_ENDPOINT: "An endpoint that captions gave none: the message says what it answered.",
  // Runs.
  ERR_NO_RUN: "A folder is not one that a run was written to: name one that is.",
  ERR_NO_CHECKPOINT: "A run has no checkpoint that this needs yet: train it further.",
  ERR_LOCK_HELD: "Another process writes there: wait for it, or stop it.",
  ERR_RUN_LOST: "A run folder was moved, removed or taken over while it was written: look who did.",
  ERR_DATA_CHANGED:
    "Pictures or captions are others than when the run began: put them back, or accept it.",
  ERR_DIVERGED: "Losses or gradients became meaningless: lower the learning rate.",
  ERR_DISTRIBUTED:
    "The processes of a run did not meet, or have different data: look at each of them.",
  // The machine.
  ERR_ENGINE: "The engine could not be loaded: run `npx pixart setup`.",
  ERR_DEVICE: "A device is not here: take another.",
  ERR_MEMORY: "There is not enough memory: ask for less at once.",
  ERR_NO_ROOM: "There is not enough room on a disk: free some, or use another.",
  ERR_WORKER_ENDED: "A thread or process that worked for this one has ended: start it again.",
  ERR_PIPELINE_DISPOSED: "A pipeline in a worker was asked to end: load it again.",
  // Numbers.
  ERR_TORCH:
    "libtorch refused an operator, or memory: the message names the operator and the shapes.",
  ERR_TENSOR_DISPOSED:
    "A tensor was used whose memory was given back: keep it, or move it out of its scope.",
  ERR_NON_FINITE: "A model gave NaN or an infinity: use a wider number type.",
  ERR_VERIFICATION: "What was made is not what it should be when looked at again: do not use it.",
  ERR_INTERNAL: "A fault of this library: please report it.",
} as const;

/** The `code` of an error that this library throws, for programs to branch on. */
export type ErrorCode = keyof typeof ERROR_CODES;
