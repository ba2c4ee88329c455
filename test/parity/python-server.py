"""Runs Python scripts for the tests, each in a process of its own that already has the packages loaded.

Importing torch, diffusers and transformers takes longer than most scripts; here it happens once, and each script runs in a fork.
One request per connection to the Unix socket at argv[1]: JSON to the end of the stream with `script` (code, or the path of a .py
file) and `input`; the answer is JSON with `code` (negative for a signal), `stdout` and `stderr`. A script whose client is gone is
killed. Prints "ready" when it listens, and ends with its stdin.
"""

import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
import traceback

# What scripts import, so that no fork has to: lazy packages load their parts when a class is asked for.
CLASSES = {
    "torch": [],
    "diffusers": ["AutoencoderKL", "PixArtAlphaPipeline", "PixArtTransformer2DModel"],
    "transformers": ["T5EncoderModel", "T5Tokenizer"],
    "peft": ["LoraConfig"],
}


def source(script):
    if "\n" not in script and script.endswith(".py"):
        with open(script, encoding="utf-8") as file:
            return file.read()
    return script


def preload(script):
    text = source(script)
    for package, names in CLASSES.items():
        if package in text and package not in sys.modules:
            module = importlib.import_module(package)
            for name in names:
                getattr(module, name)


def run(script):
    """In the script's own process, whose standard streams are set."""
    if "\n" not in script and script.endswith(".py"):
        sys.argv = [script]
        sys.path.insert(0, os.path.dirname(script))
        runpy.run_path(script, run_name="__main__")
    else:
        sys.argv = ["-c"]
        sys.path.insert(0, "")
        exec(compile(script, "<string>", "exec"), {"__name__": "__main__"})


def start(script, files):
    pid = os.fork()
    if pid != 0:
        return pid
    os.setsid()
    for place, file in enumerate(files):
        os.dup2(file.fileno(), place)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)
    code = 1
    try:
        run(script)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve(connection, request):
    """In a process of its own: waits for the script's end, or its client's."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(json.dumps(request["input"]).encode())
        given.seek(0)
        pid = start(request["script"], (given, out, err))
        end = os.pidfd_open(pid)
        gone, _, _ = select.select([end, connection], [], [])
        if end not in gone:
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
        code = os.waitstatus_to_exitcode(status)
        answer = json.dumps({"code": code, "stdout": texts[0], "stderr": texts[1]})
        try:
            connection.sendall(answer.encode())
        except OSError:
            pass  # the client is gone
    os._exit(0)


def read(connection):
    parts = []
    while True:
        part = connection.recv(1 << 20)
        parts.append(part)
        if part.endswith(b"\n") or part == b"":
            return json.loads(b"".join(parts))


def main():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = socket.socket(socket.AF_UNIX)
    server.bind(sys.argv[1])
    server.listen(16)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([server, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        connection, _ = server.accept()
        with connection:
            request = read(connection)
            try:
                preload(request["script"])
            except Exception:
                pass  # the script meets and reports it
            if os.fork() == 0:
                server.close()
                serve(connection, request)


main()
