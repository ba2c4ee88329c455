import { ResourceError } from "../errors/index.ts";
import { native } from "./binding.ts";
import type { Device } from "./dtype.ts";

/** "cuda" of "cuda:1". */
export const deviceKind = (device: Device): string => device.split(":")[0] ?? device;

/**
 * Chooses the device that a process computes on. Throws if libtorch does not have it.
 * @param wanted "auto": a CUDA GPU if there is one, otherwise the CPU; "cpu"; or a libtorch device, such as "cuda:1"
 * @param place  index of this process on its machine, which selects one of several devices if `wanted` names none
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
        ? `This process sees ${all.join(", ")}: start no more processes on a machine than it has devices; where each process sees only one, name that one, such as ${all[0]}`
        : `The loaded libtorch ${loaded} has ${devices.join(", ")}: is it a build for that device, and is its driver installed? See npx pixart doctor`;
  const whose = place > 0 ? ` for process ${place} of this machine` : "";
  throw new ResourceError(
    "ERR_DEVICE",
    `Expected an available device${whose} but received ${wanted}. ${advice}`,
  );
}

/** Other names for devices. */
const MEANT: Readonly<Record<string, string>> = { gpu: "cuda", nvidia: "cuda", metal: "mps" };

/** The requested device for models, with "auto" resolved. Throws if libtorch does not have it, before anything is read. */
export function requireDevice(wanted: Device): Device {
  if (wanted === "auto") return chooseDevice(wanted);
  const { devices } = native.engineInfo();
  const isHere = devices.some((each) => each === wanted || deviceKind(each) === wanted);
  return isHere || wanted === "meta" ? wanted : chooseDevice(wanted);
}

/**
 * The number type with which a device draws fastest while pictures stay nearly the same: bfloat16 on CUDA GPUs, and on processors
 * with bfloat16 multiplication; float32 elsewhere.
 * @param device               "auto" is chosen as {@link chooseDevice} does
 * @param multipliesBfloat16 whether the processor has it
 */
export function fastestDType(
  device: Device,
  multipliesBfloat16: boolean = native.engineInfo().multipliesBfloat16,
): "float32" | "bfloat16" {
  const kind = deviceKind(device === "auto" ? chooseDevice(device) : device);
  const isFast = kind === "cuda" || (kind === "cpu" && multipliesBfloat16);
  return isFast ? "bfloat16" : "float32";
}

/** Makes a device the default of this process, so that nothing of its work lands on the first of several. */
export function setDevice(device: Device): void {
  if (device !== "cpu") native.setDevice(device);
}

/** Memory, in bytes, of a device other than the CPU. */
export interface DeviceMemory {
  /** What this process can still allocate. */
  readonly free: number;
  /** Peak allocation by this process's tensors. */
  readonly peak: number;
}

/** Undefined on the CPU, and if a device does not report it. */
export const deviceMemory = (device: Device): DeviceMemory | undefined =>
  device === "cpu" ? undefined : (native.deviceMemory(device) ?? undefined);
