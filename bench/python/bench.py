"""What the contenders in Python share: the inputs, rounds, and how they are measured."""
import asyncio
import gc
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../test/integration/python"))
import peer

ROUND_SECONDS = 0.1

task_name, args = sys.argv[1], json.loads(sys.argv[2])


def inputs():
    with open(os.path.join(args["inputs"], "inputs.json")) as file:
        return json.load(file)


def infos():
    """Texts of as many entities, all different."""
    with open(os.path.join(args["inputs"], "infos.txt")) as file:
        for line in file:
            yield line.rstrip("\n")


def cpu():
    """Microseconds of the processor since the process began."""
    return time.process_time() * 1e6


def resident():
    """Bytes that the process has in memory."""
    for _ in range(3):
        gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def repeat(run):
    """A round that repeats something short; what is measured are runs a second, `run` gives how many it did."""

    async def measure(calls):
        runs = 0
        start = time.perf_counter()
        for _ in range(calls):
            done = run()
            runs += done if isinstance(done, int) else await done
        return runs, time.perf_counter() - start

    calls = 1
    while (await measure(calls))[1] < ROUND_SECONDS:
        calls *= 2

    async def round_():
        runs, seconds = await measure(calls)
        return {"value": runs / seconds}

    return round_


def hashing(infos, hash_, expected):
    """Hashes what was parsed before, over and over."""
    for info, ver in zip(infos, expected):
        if hash_(info) != ver:
            raise ValueError("%s is not %s" % (hash_(info), ver))

    def run():
        for info in infos:
            hash_(info)
        return len(infos)

    return repeat(run)


class Transport(asyncio.Transport):
    """A stream in memory: what is asked is answered after a while by `answer`, with the XML of a query."""

    def __init__(self, answer, receive, delay):
        super().__init__()
        self.stanzas = 0
        self._answer, self._receive, self._delay = answer, receive, delay

    def write(self, data):
        for iq in re.findall(r"<iq.*?</iq>", data.decode()):
            if 'type="get"' not in iq:
                continue
            attributes = dict(re.findall(r'(\w+)="([^"]*)"', iq[: iq.index(">")]))
            node = re.search(r'node="([^"]+)"', iq)
            text = '<iq type="result" id="%s" from="%s">%s</iq>' % (
                attributes["id"],
                attributes["to"],
                self._answer(node and node.group(1)),
            )
            self.stanzas += 1
            asyncio.get_running_loop().call_later(self._delay, self._receive, text.encode())

    def get_extra_info(self, name, default=None):
        return default

    def close(self):
        pass

    abort = close


def importing(name):
    """Has a fresh process import something; how long it takes, in milliseconds."""
    script = "import time; s = time.perf_counter(); import %s; print((time.perf_counter() - s) * 1e3)" % name

    async def round_():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await process.communicate()
        return {"value": float(told)}

    return round_


def main(tasks):
    async def run():
        handlers = await tasks[task_name]()
        await peer.serve(handlers if isinstance(handlers, dict) else {"round": handlers})
        # Libraries have tasks of their own that do not end.
        sys.stdout.flush()
        os._exit(0)

    asyncio.run(run())
