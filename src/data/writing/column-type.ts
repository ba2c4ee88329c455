import type { SchemaElement } from "hyparquet";
import { formatPythonJson } from "../../files/reading/python-json.ts";

type Scalar = "string" | "int64" | "uint64" | "float64" | "bool";

/** Type of a column in a parquet file. */
export type ColumnType =
  | Scalar
  | { readonly list: ColumnType }
  | { readonly fields: ReadonlyMap<string, ColumnType> };

/** Type of the values seen so far. */
type Kind =
  | "string"
  | "float"
  | "bool"
  /** Nothing is known from an empty list or null. */
  | "unknown"
  | { readonly least: bigint; readonly most: bigint }
  | { readonly list: Kind }
  | { readonly fields: ReadonlyMap<string, Kind> };

/** An object column with more keys is a dictionary, which a column per key would not help. */
const MOST_FIELDS = 100;
const INT64 = { least: -(2n ** 63n), most: 2n ** 63n - 1n };
const UINT64 = { least: 0n, most: 2n ** 64n - 1n };
const SAFE = {
  least: BigInt(Number.MIN_SAFE_INTEGER),
  most: BigInt(Number.MAX_SAFE_INTEGER),
};

/**
 * The columns of a data set's rows, each with the narrowest type that holds every value exactly; if there is none, text, with
 * JSON for values that are not text. Columns with only nulls are omitted.
 */
export function columnTypes(
  rows: Iterable<Readonly<Record<string, unknown>>>,
): Map<string, ColumnType> {
  const kinds = new Map<string, Kind>();
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      kinds.set(name, joined(kinds.get(name) ?? "unknown", kindOf(value)));
    }
  }
  return new Map(
    [...kinds].flatMap(([name, kind]) => (kind === "unknown" ? [] : [[name, typeOf(kind)]])),
  );
}

function kindOf(value: unknown): Kind {
  if (value === undefined || value === null) return "unknown";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return { least: value, most: value };
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) return "float";
    return { least: BigInt(value), most: BigInt(value) };
  }
  if (Array.isArray(value)) {
    return { list: value.map(kindOf).reduce(joined, "unknown") };
  }
  if (typeof value !== "object") return "string";
  const fields = Object.entries(value).map(([name, item]) => [name, kindOf(item)] as const);
  return fieldsOf(new Map(fields));
}

/** A parquet group has at least one field. */
const fieldsOf = (fields: ReadonlyMap<string, Kind>): Kind =>
  fields.size === 0 || fields.size > MOST_FIELDS ? "string" : { fields };

function joined(a: Kind, b: Kind): Kind {
  if (a === "unknown" || a === b) return b;
  if (b === "unknown") return a;
  if (typeof a === "object" && typeof b === "object") {
    if ("list" in a && "list" in b) return { list: joined(a.list, b.list) };
    if ("fields" in a && "fields" in b) {
      const fields = new Map(a.fields);
      for (const [name, kind] of b.fields) {
        fields.set(name, joined(fields.get(name) ?? "unknown", kind));
      }
      return fieldsOf(fields);
    }
    if ("most" in a && "most" in b) {
      return {
        least: a.least < b.least ? a.least : b.least,
        most: a.most > b.most ? a.most : b.most,
      };
    }
  }
  const [whole, other] = typeof a === "object" ? [a, b] : [b, a];
  const isExact = other === "float" && typeof whole === "object" && "most" in whole;
  return isExact && isWithin(whole, SAFE) ? "float" : "string";
}

type Range = { readonly least: bigint; readonly most: bigint };
const isWithin = (a: Range, b: Range): boolean => a.least >= b.least && a.most <= b.most;

function typeOf(kind: Kind): ColumnType {
  if (kind === "unknown") return "string";
  if (kind === "float") return "float64";
  if (typeof kind === "string") return kind;
  if ("list" in kind) return { list: typeOf(kind.list) };
  if ("fields" in kind) {
    return { fields: new Map([...kind.fields].map(([name, field]) => [name, typeOf(field)])) };
  }
  if (isWithin(kind, INT64)) return "int64";
  return isWithin(kind, UINT64) ? "uint64" : "string";
}

/** A value as stored in a column of the type. */
export function storedValue(value: unknown, type: ColumnType): unknown {
  if (value === undefined || value === null) return undefined;
  if (type === "int64" || type === "uint64") return BigInt(value as number | bigint);
  if (type === "float64") return Number(value);
  if (type === "string") return typeof value === "string" ? value : formatPythonJson(value);
  if (type === "bool") return value;
  if ("list" in type) return (value as unknown[]).map((item) => storedValue(item, type.list));
  const fields = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    [...type.fields].map(([name, field]) => [name, storedValue(fields[name], field)]),
  );
}

const SCALARS: Readonly<Record<Scalar, Pick<SchemaElement, "type" | "converted_type">>> = {
  string: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  int64: { type: "INT64" },
  uint64: { type: "INT64", converted_type: "UINT_64" },
  float64: { type: "DOUBLE" },
  bool: { type: "BOOLEAN" },
};

/** The schema elements of a column. */
export function schemaOf(name: string, type: ColumnType): SchemaElement[] {
  if (typeof type === "string") return [{ name, ...SCALARS[type], repetition_type: "OPTIONAL" }];
  if ("list" in type) {
    return [
      { name, num_children: 1, repetition_type: "OPTIONAL", converted_type: "LIST" },
      { name: "list", num_children: 1, repetition_type: "REPEATED" },
      ...schemaOf("element", type.list),
    ];
  }
  const fields = [...type.fields].map(([field, inner]) => schemaOf(field, inner));
  return [{ name, num_children: fields.length, repetition_type: "OPTIONAL" }, ...fields.flat()];
}

/** The type's name in `datasets`. */
export function featureOf(type: ColumnType): unknown {
  if (typeof type === "string") return { dtype: type, _type: "Value" };
  if ("list" in type) return [featureOf(type.list)]; // as every release of datasets reads it
  return Object.fromEntries([...type.fields].map(([name, field]) => [name, featureOf(field)]));
}
