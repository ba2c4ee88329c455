"""Runs Python scripts for the tests, each in a process of its own that already has the packages loaded.

Importing torch, diffusers and transformers takes longer than most scripts; here it happens once, and each script runs in a fork.
A connection to the Unix socket at argv[1] sends one line of JSON with `script` (code, or the path of a .py file) and `input`, and
receives JSON with `code` (negative for a signal), `stdout` and `stderr`. A script whose client is gone is killed. Prints "ready"
when it listens; ends with its stdin, and removes the socket's folder.
"""

import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import sys
import tempfile
import traceback
import types

# What scripts import, so that no fork has to: lazy packages load their parts when a class is asked for.
CLASSES = {
    "torch": [],
    "diffusers": ["AutoencoderKL", "PixArtAlphaPipeline", "PixArtTransformer2DModel"],
    "transformers": ["T5EncoderModel", "T5Tokenizer"],
    "peft": ["LoraConfig"],
}
SILENT_SECONDS = 30


def is_file(script):
    return "\n" not in script and script.endswith(".py")


def preload(script):
    text = open(script, encoding="utf-8").read() if is_file(script) else script
    for package, names in CLASSES.items():
        if package in text and package not in sys.modules:
            module = importlib.import_module(package)
            for name in names:
                getattr(module, name)


def run(script):
    """As `python script` does, in a process whose standard streams are set."""
    if is_file(script):
        sys.argv = [script]
        sys.path.insert(0, os.path.dirname(script))
        runpy.run_path(script, run_name="__main__")
    else:
        sys.argv = ["-c"]
        sys.path.insert(0, "")
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(script, "<string>", "exec"), main.__dict__)


def exit_code(end):
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


def start(script, files):
    pid = os.fork()
    if pid != 0:
        return pid
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    for place, file in enumerate(files):
        os.dup2(file.fileno(), place)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)
    code = 1
    try:
        run(script)
        code = 0
    except SystemExit as end:
        code = exit_code(end)
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
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
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                os.kill(pid, signal.SIGKILL)  # before it has a group of its own
        _, status = os.waitpid(pid, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
        code = os.waitstatus_to_exitcode(status)
        answer = json.dumps({"code": code, "stdout": texts[0], "stderr": texts[1]})
        try:
            connection.sendall(answer.encode())
            connection.shutdown(socket.SHUT_RDWR)  # what the script left behind may have it open
        except OSError:
            pass  # the client is gone
    os._exit(0)


def read(connection):
    connection.settimeout(SILENT_SECONDS)
    parts = []
    while not parts or not parts[-1].endswith(b"\n"):
        part = connection.recv(1 << 20)
        if part == b"":
            raise OSError("the client is gone")
        parts.append(part)
    connection.settimeout(None)
    return json.loads(b"".join(parts))


def answer(server):
    connection, _ = server.accept()
    with connection:
        try:
            request = read(connection)
        except (OSError, ValueError):
            return  # the client ended
        try:
            preload(request["script"])
        except Exception:
            pass  # the script meets and reports it
        if os.fork() == 0:
            server.close()
            serve(connection, request)


def main():
    del sys.path[0]  # scripts of this folder have names of packages
    os.close(os.pidfd_open(os.getpid()))  # fails on systems that lack it, before anybody counts on this server
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests end it
    server = socket.socket(socket.AF_UNIX)
    server.bind(sys.argv[1])
    server.listen(16)
    print("ready", flush=True)
    while sys.stdin not in (ready := select.select([server, sys.stdin], [], [])[0]):
        if server in ready:
            answer(server)
    shutil.rmtree(os.path.dirname(sys.argv[1]), ignore_errors=True)


main()
