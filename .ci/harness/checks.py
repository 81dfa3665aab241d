"""What the Python checks share: one line per check, and the programs under test."""

import contextlib
import re
import subprocess
import sys
import threading
import time


class Checks:
    """Runs checks and prints how each went."""

    def __init__(self, subject):
        self.subject = subject
        self.failures = 0

    def check(self, name, body):
        try:
            body()
        except Exception as error:  # whatever it is, it is told, and the next check runs
            self.failures += 1
            told = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"FAIL  {self.subject}: {name}: {told[:600]}", flush=True)
        else:
            print(f"ok    {self.subject}: {name}", flush=True)

    def finish(self):
        sys.exit(1 if self.failures else 0)


def equal(seen, wanted, what="seen"):
    if seen != wanted:
        raise AssertionError(f"{what}: {seen!r}, not {wanted!r}")


def until(what, condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Program:
    """A running program, with all that it has written so far."""

    def __init__(self, binary, *arguments):
        self.process = subprocess.Popen(
            [binary, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.output = {"stdout": "", "stderr": ""}
        self.readers = [
            threading.Thread(target=self._read, args=(name, pipe), daemon=True)
            for name, pipe in [("stdout", self.process.stdout), ("stderr", self.process.stderr)]
        ]
        for reader in self.readers:
            reader.start()

    def _read(self, name, pipe):
        for line in pipe:
            self.output[name] += line

    @property
    def stdout(self):
        return self.output["stdout"]

    @property
    def stderr(self):
        return self.output["stderr"]

    def say(self, *lines):
        """Writes these lines and leaves stdin open."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("".join(line + "\n" for line in lines))
            self.process.stdin.flush()

    def end_input(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def exit_code(self, seconds=5.0):
        code = self.process.wait(seconds)
        for reader in self.readers:
            reader.join(seconds)
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()


def start_server(binary, *arguments):
    """Starts a program and waits until it tells where it listens: `PROTOCOL//HOST:PORT/`."""
    server = Program(binary, *arguments)
    address = re.compile(r"\b(?:http|ws)s?://[^:/]+:(\d+)/")
    until(f"{binary} listens", lambda: address.search(server.stdout))
    told = address.search(server.stdout)
    server.url, server.port = told.group(), int(told.group(1))
    return server
