"""What the clients share: requests and answers as lines of JSON, see test/support/python-client.ts."""
import asyncio
import importlib
import json
import logging
import sys

logging.basicConfig(level=logging.ERROR)


def tell(**line):
    print(json.dumps(line), flush=True)


def library(name):
    """A module of another package; the program ends when that is not installed, and says so."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        tell(missing=name)
        sys.exit(1)


def login():
    """The port, the JID and the password, from the command line."""
    options = json.loads(sys.argv[1])
    return options["port"], options["jid"], options["password"]


async def serve(handlers):
    """Answers requests until stdin ends; each by the handler of its name, and in parallel."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tell(ready=True)
    tasks = set()
    async for line in reader:
        task = loop.create_task(answer(handlers, json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    for task in tasks:
        task.cancel()


async def answer(handlers, request):
    try:
        result = await handlers[request["name"]](**request["args"])
        tell(id=request["id"], result=result)
    except Exception as error:  # whatever it is, who asked has to know
        tell(id=request["id"], error="%s: %s" % (type(error).__name__, error))
