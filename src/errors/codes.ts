/**
 * The meaning of each {@link ErrorCode}, and what a caller can do. A code stays the same when its message is reworded. Errors of
 * the operating system keep its codes (`ENOSPC`), errors of Node.js Node's, and those of an image server OpenAI's.
 */
export const ERROR_CODES = {
  // Arguments and options.
  ERR_INVALID_VALUE: "An argument or option has a value that cannot be used: give another.",
  ERR_INVALID_TYPE: "An argument or option has the wrong type: correct the calling program.",
  ERR_INVALID_STATE:
    "Something was called too early or too late: call in the order given in the message.",
  ERR_INCOMPATIBLE:
    "Two things do not fit together, such as weights and a model: use ones that do.",
  ERR_UNSUPPORTED:
    "The request is valid, but cannot be carried out here: the message says what can be done.",
  ERR_TARGET_EXISTS: "The output file or folder already exists: choose another name.",
  ERR_USAGE: "A command line is wrong: see `--help`.",
  ERR_CONFIG: "A config has mistakes, all of which are listed: correct them.",
  // Files, pictures and data sets.
  ERR_BAD_FILE: "A file is not what its format promises: get it again.",
  ERR_MISSING_FILE: "There is no file of that name: check the path.",
  ERR_MISSING_FACT:
    "A weight file does not contain a fact needed to read it: pass it as an option.",
  ERR_IMAGE: "A picture cannot be read: leave it out, or repair it.",
  ERR_DATASET: "A data set cannot be used as it is: the message names the place.",
  // The Hub and other programs on the network.
  ERR_HUB: "The Hub, the network or the disk did not deliver: the message says which.",
  ERR_HUB_UNREACHABLE: "The Hub did not respond, or responded with a temporary error: try again.",
  ERR_HUB_NOT_FOUND: "The Hub has no such repository or revision: check the name.",
  ERR_ENDPOINT: "An endpoint that captions pictures gave no caption: the message has its answer.",
  // Runs.
  ERR_NO_RUN: "A folder is not a run folder: name one that is.",
  ERR_NO_CHECKPOINT: "A run does not have the needed checkpoint yet: train it further.",
  ERR_LOCK_HELD: "Another process is writing there: wait for it, or stop it.",
  ERR_RUN_LOST:
    "A run folder was moved, removed or taken over while it was written: find out who did it.",
  ERR_DATA_CHANGED:
    "Pictures or captions have changed since the run started: put them back, or accept it.",
  ERR_DIVERGED: "Losses or gradients became meaningless: lower the learning rate.",
  ERR_DISTRIBUTED:
    "The processes of a run did not connect, or have different data: look at the output of each.",
  // The machine.
  ERR_ENGINE: "The engine could not be loaded: run `npx pixart setup`.",
  ERR_DEVICE: "A device does not exist: use another.",
  ERR_MEMORY: "There is not enough memory: ask for less at once.",
  ERR_NO_ROOM: "There is not enough room on a disk: free some, or use another.",
  ERR_WORKER_ENDED: "A thread or process that worked for this one has ended: start it again.",
  ERR_PIPELINE_DISPOSED: "A pipeline in a worker was disposed: load it again.",
  // Numbers.
  ERR_TORCH:
    "An operator or an allocation failed in libtorch: the message names the operator and the shapes.",
  ERR_TENSOR_DISPOSED:
    "A tensor was used after its memory was freed: keep it, or move it out of its scope.",
  ERR_NON_FINITE: "A model gave NaN or an infinity: use a wider number type.",
  ERR_VERIFICATION:
    "Something written, or drawn again, does not match what it should be: do not use it.",
  ERR_INTERNAL: "A fault of this library: please report it.",
} as const;

/** The `code` of an error that this library throws, for programs to branch on. */
export type ErrorCode = keyof typeof ERROR_CODES;
