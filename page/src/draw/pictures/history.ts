import { signal } from "@preact/signals";
import { messageOf } from "../../api/request.ts";
import type { DrawForm } from "../form/draw-form.ts";

/** A drawn picture, stored in this browser. */
export interface DrawnPicture {
  readonly id: number;
  /** Shared by pictures that were requested together. */
  readonly group: string;
  /** When it was drawn, in ISO 8601. */
  readonly time: string;
  /** The requested form, with this picture's own seed. */
  readonly form: DrawForm;
  readonly modelLabel: string;
  /** Whether it started from a picture, which is not stored; unknown of those from earlier versions. */
  readonly isEdit?: boolean;
  readonly seconds: number;
  readonly blob: Blob;
}

const DATABASE = "pixart";
const STORE = "pictures";
const MOST = 300;

/** Drawn pictures, newest first. */
export const pictures = signal<readonly DrawnPicture[]>([]);
/** Why pictures can't be stored: private windows have no storage. */
export const historyProblem = signal<string | undefined>(undefined);

let opened: Promise<IDBDatabase> | undefined;
let nextUnkept = 0;

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("The browser's storage failed"));
  });

function database(): Promise<IDBDatabase> {
  opened ??= (() => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore(STORE, { keyPath: "id", autoIncrement: true });
    return done(request);
  })();
  return opened;
}

const store = async (mode: IDBTransactionMode): Promise<IDBObjectStore> =>
  (await database()).transaction(STORE, mode).objectStore(STORE);

/** Reads the stored pictures. */
export async function loadHistory(): Promise<void> {
  try {
    const all: DrawnPicture[] = await done((await store("readonly")).getAll());
    pictures.value = all.reverse();
  } catch (error) {
    historyProblem.value = `This browser cannot store pictures: ${messageOf(error)}`;
  }
}

/** Stores pictures, which are shown together; the oldest beyond three hundred are removed. */
export async function keepPictures(drawn: readonly Omit<DrawnPicture, "id">[]): Promise<void> {
  const kept: DrawnPicture[] = [];
  for (const picture of drawn) kept.unshift({ ...picture, id: await stored(picture) });
  pictures.value = [...kept, ...pictures.value];
  for (const old of pictures.value.slice(MOST)) await forgetPicture(old.id);
}

/** The id of a picture in the storage; a negative one without storage. */
async function stored(picture: Omit<DrawnPicture, "id">): Promise<number> {
  try {
    return Number(await done((await store("readwrite")).add(picture)));
  } catch (error) {
    historyProblem.value = `This browser cannot store pictures: ${messageOf(error)}`;
    nextUnkept -= 1;
    return nextUnkept;
  }
}

/** Removes a picture from this browser. */
export async function forgetPicture(id: number): Promise<void> {
  pictures.value = pictures.value.filter((picture) => picture.id !== id);
  if (id > 0) await done((await store("readwrite")).delete(id));
}

const addresses = new WeakMap<Blob, string>();

/** A URL of a blob in this tab, the same each time. */
export function addressOf(blob: Blob): string {
  const known = addresses.get(blob) ?? URL.createObjectURL(blob);
  addresses.set(blob, known);
  return known;
}
