"""Writes and reads data sets with Python's own tarfile and csv, Pillow and pyarrow, and gives diffusers' table of sizes."""

import csv
import datetime
import decimal
import hashlib
import io
import json
import pathlib
import sys
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
from diffusers.pipelines.pixart_alpha.pipeline_pixart_sigma import ASPECT_RATIO_2048_BIN
from PIL import Image

request = json.load(sys.stdin)
out = pathlib.Path(request["out"])


def pixels(data):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    return hashlib.sha256(f"{image.width}x{image.height}\0".encode() + image.tobytes()).hexdigest()


def png(i):
    image = Image.new("RGB", (8 + i, 6), (i * 40, 255 - i, i))
    image.putpixel((i, 2), (255, 255, i))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


written = []
for name, format in (("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT), ("ustar", tarfile.USTAR_FORMAT)):
    folder = out / name
    folder.mkdir()
    with tarfile.open(folder / "00000.tar", "w", format=format) as tar:
        for i in range(4):
            # Long and foreign names need extended headers, which ustar does not have.
            key = f"p{i}" if format == tarfile.USTAR_FORMAT else f"{'long-' * 40}{'é' if i == 2 else 'e'}{i}"
            caption = f"picture {i}, é狐"
            for ending, data in (("png", png(i)), ("txt", caption.encode()), ("json", json.dumps({"class": i}).encode())):
                member = tarfile.TarInfo(f"{key}.{ending}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
            written.append([name, f"{key}.png", caption, {"class": i}, pixels(png(i))])

folder = out / "csv"
folder.mkdir()
with open(folder / "metadata.csv", "w", newline="", encoding="utf-8") as file:
    rows = csv.writer(file)
    rows.writerow(["file_name", "text", "class"])
    for i, text in enumerate(['plain', 'a "quote", and\na line', "ends with, comma,", " spaced "]):
        (folder / f"{i}.png").write_bytes(png(i))
        rows.writerow([f"{i}.png", text, i])
        written.append(["csv", f"{i}.png", text.strip(), {"class": i}, pixels(png(i))])

# As Hugging Face's datasets library writes pictures: a struct of bytes and name, row groups, compressed in each usual way.
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
for compression in ("none", "snappy", "zstd", "gzip"):
    folder = out / f"parquet-{compression}" / "data"
    folder.mkdir(parents=True)
    rows = [{"bytes": png(i), "path": f"p{i}.png"} for i in range(4)]
    texts = [f"picture {i}, é狐" for i in range(4)]
    table = pa.table({"image": pa.array(rows, IMAGE), "text": texts, "class": pa.array(range(4), pa.int64())})
    name = folder / "train-00000-of-00001-0123456789abcdef.parquet"
    pq.write_table(table, name, compression=compression, row_group_size=3)
    for i, text in enumerate(texts):
        written.append([f"parquet-{compression}", f"p{i}.png", text, {"class": i, "split": "train"}, pixels(png(i))])

# What Python's own csv reader makes of tables: pandas reads cells by the same rules.
tables = [list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)) for delimiter, text in request["tables"]]

# Rows with columns of every kind, and what Python has of them.
folder = out / "kinds" / "data"
folder.mkdir(parents=True)
kinds = {
    "image": pa.array([{"bytes": png(i), "path": f"{i}.png"} for i in range(2)], IMAGE),
    "text": ["x", "y"],
    "int64": pa.array([9007199254740993, -(2**63)]),
    "uint64": pa.array([2**64 - 1, 1], pa.uint64()),
    "float": [float("nan"), float("-inf")],
    "flag": [True, None],
    "date": pa.array([datetime.date(1969, 7, 20), None]),
    "micros": pa.array([datetime.datetime(1969, 7, 20, 20, 17, 40, 678901), None], pa.timestamp("us")),
    "nanos": pa.array([1577934245678901234, None], pa.timestamp("ns")),
    "decimal": pa.array([decimal.Decimal("-123456789012345678.90"), decimal.Decimal("1.50")], pa.decimal128(20, 2)),
    "small": pa.array([decimal.Decimal("-0.01"), None], pa.decimal128(4, 2)),
    "ids": pa.array([[1, 9007199254740993], []], pa.list_(pa.int64())),
    "deep": pa.array([{"a": 9007199254740993, "b": [{"c": "é"}]}, None]),
}
pq.write_table(pa.table(kinds), folder / "train-00000-of-00001.parquet")

read = {"parquet": [], "tables": tables}
for file in sorted(pathlib.Path(request["parquet"]).rglob("*.parquet")):
    table = pq.read_table(file)
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    for row in table.to_pylist():
        image = row["image"]
        read["parquet"].append([image["path"], row["text"], row["note"], pixels(image["bytes"])])
    read["features"] = [features["image"]["_type"], features["text"]["dtype"]]
with open(pathlib.Path(request["csv"]) / "metadata.csv", newline="", encoding="utf-8") as file:
    read["csv"] = [[row["file_name"], row["text"], row["note"]] for row in csv.DictReader(file)]
read["webdataset"] = []
for shard in sorted(pathlib.Path(request["webdataset"]).glob("*.tar")):
    with tarfile.open(shard) as tar:
        for member in tar:
            data = tar.extractfile(member).read()
            kind = member.name.rsplit(".", 1)[1]
            value = pixels(data) if kind == "png" else data.decode()
            read["webdataset"].append([member.name, member.mtime, value])

exact = []
for file in sorted(pathlib.Path(request["exact"]).rglob("*.parquet")):
    table = pq.read_table(file).drop_columns(["image"])
    exact.append({"types": {field.name: str(field.type) for field in table.schema}, "rows": repr(table.to_pylist())})
read["exact"] = exact

bins = [[float(ratio), int(h), int(w)] for ratio, (h, w) in ASPECT_RATIO_2048_BIN.items()]
json.dump({"written": written, "read": read, "bins": bins}, sys.stdout)
