import { ResourceError } from "../errors/index.ts";
import { native } from "./binding.ts";
import type { Device } from "./dtype.ts";

/** "cuda" of "cuda:1". */
export const deviceKind = (device: Device): string => device.split(":")[0] ?? device;

/**
 * The device that a process computes on. Throws where libtorch does not have it.
 * @param wanted "auto": a GPU of CUDA where there is one, else the CPU; "cpu"; or a device of libtorch's, such as "cuda:1"
 * @param place  number of this process among those of its machine: which of several devices is its own, where `wanted` does not say
 */
export function chooseDevice(wanted: string, place = 0): Device {
  const { devices, loaded } = native.engineInfo();
  const kind = wanted === "auto" && devices.includes("cuda:0") ? "cuda" : wanted;
  if (kind === "auto" || kind === "cpu") return "cpu";
  const device = kind.includes(":") ? kind : `${kind}:${place}`;
  if (devices.includes(device)) return device;
  const all = devices.filter((each) => deviceKind(each) === deviceKind(kind));
  const meant = MEANT[wanted.toLowerCase()];
  const advice =
    meant !== undefined
      ? `Did you mean ${meant}? This libtorch has ${devices.join(", ")}`
      : all.length > 0
        ? `This process sees ${all.join(", ")}: start no more processes on a machine than it has, and where each is shown one alone, name that, such as ${all[0]}`
        : `The loaded libtorch ${loaded} has ${devices.join(", ")}: is it a build for that device, and is its driver here? npx pixart doctor tells`;
  const whose = place > 0 ? ` for process ${place} of this machine` : "";
  throw new ResourceError(
    "ERR_DEVICE",
    `Expected a device that is here${whose} but received ${wanted}. ${advice}`,
  );
}

/** What others call devices. */
const MEANT: Readonly<Record<string, string>> = { gpu: "cuda", nvidia: "cuda", metal: "mps" };

/**
 * The device that a program names for models, as it stands; "auto" is chosen. Throws where libtorch does not have it, before
 * anything is read.
 */
export function requireDevice(wanted: Device): Device {
  if (wanted === "auto") return chooseDevice(wanted);
  const { devices } = native.engineInfo();
  const isHere = devices.some((each) => each === wanted || deviceKind(each) === wanted);
  return isHere || wanted === "meta" ? wanted : chooseDevice(wanted);
}

/**
 * The number type that a device draws fastest in, pictures staying nearly the same: bfloat16 on GPUs of CUDA, and on processors that
 * multiply it themselves; float32 elsewhere.
 * @param device               "auto" is chosen as {@link chooseDevice} does
 * @param multipliesBfloat16 whether the processor does
 */
export function fastestDType(
  device: Device,
  multipliesBfloat16: boolean = native.engineInfo().multipliesBfloat16,
): "float32" | "bfloat16" {
  const kind = deviceKind(device === "auto" ? chooseDevice(device) : device);
  const isFast = kind === "cuda" || (kind === "cpu" && multipliesBfloat16);
  return isFast ? "bfloat16" : "float32";
}

/** Makes a device the one that this process's own work is on, so that nothing of it lands on the first of several. */
export function setDevice(device: Device): void {
  if (device !== "cpu") native.setDevice(device);
}

/** Bytes of a device other than the CPU. */
export interface DeviceMemory {
  /** What this process may still take. */
  readonly free: number;
  /** The most that this process's tensors took at once. */
  readonly peak: number;
}

/** Undefined on the CPU, and where a device does not tell. */
export const deviceMemory = (device: Device): DeviceMemory | undefined =>
  device === "cpu" ? undefined : (native.deviceMemory(device) ?? undefined);
