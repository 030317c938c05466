"""A class that learns through the hub: `python load_test.py --learners 8` (see --help).

Each learner gets a server through the hub's API and runs notebooks in it through a kernel, cell
after cell, as a person would. Printed: completed, failed, seconds, and the memory that each
learner's processes have for themselves.
"""

import argparse
import asyncio
import json
import os
import time
import uuid
from dataclasses import dataclass, field

import httpx
import nbformat
import psutil
import websockets

NOTEBOOKS = [f"{number:02}" for number in range(6)]
PATIENCE = 600  # seconds for a cell, on a machine that all of them share


@dataclass
class Learner:
    """One learner's run: what went wrong, how long it took, and the most memory seen."""

    name: str
    seconds: float = 0.0
    memory: int = 0
    faults: list[str] = field(default_factory=list)


async def wait_for_server(hub: httpx.AsyncClient, name: str) -> None:
    """Start a learner's server and wait until it answers."""
    await hub.post(f"/hub/api/users/{name}")
    await hub.post(f"/hub/api/users/{name}/server")
    for _ in range(PATIENCE):
        user = (await hub.get(f"/hub/api/users/{name}")).json()
        if user.get("servers", {}).get("", {}).get("ready"):
            return
        await asyncio.sleep(1)
    raise TimeoutError(f"{name}'s server did not start")


async def run_notebook(hub: httpx.AsyncClient, learner: Learner, number: str) -> None:
    """Run one notebook of the learner's own copy, then save it."""
    contents = f"/user/{learner.name}/api/contents"
    listed = (await hub.get(contents)).json()["content"]
    path = next(item["path"] for item in listed if item["name"].startswith(f"{number}_"))
    file = (await hub.get(f"{contents}/{path}")).json()
    kernel = (await hub.post(f"/user/{learner.name}/api/kernels", json={})).json()["id"]
    base = str(hub.base_url).replace("http", "ws", 1).rstrip("/")
    address = f"{base}/user/{learner.name}/api/kernels/{kernel}/channels"
    headers = {"Authorization": hub.headers["Authorization"]}
    async with websockets.connect(address, additional_headers=headers, max_size=None) as channel:
        for cell in nbformat.from_dict(file["content"]).cells:
            if cell.cell_type == "code":
                await run_cell(channel, cell.source, f"{number} {cell.id}", learner)
    learner.memory = max(learner.memory, private_memory(learner.name))
    await hub.put(f"{contents}/{path}", json={"type": "notebook", "content": file["content"]})
    await hub.delete(f"/user/{learner.name}/api/kernels/{kernel}")


async def run_cell(channel, code: str, where: str, learner: Learner) -> None:
    """Send a cell to the kernel and wait until it is idle again."""
    sent = uuid.uuid4().hex
    header = {"msg_id": sent, "msg_type": "execute_request", "version": "5.3"}
    header |= {"username": learner.name, "session": sent, "date": ""}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    await channel.send(json.dumps({**message, "channel": "shell", "buffers": []}))
    async with asyncio.timeout(PATIENCE):
        async for text in channel:
            if isinstance(text, bytes):
                continue  # a widget's pictures
            answer = json.loads(text)
            if answer["parent_header"].get("msg_id") != sent:
                continue
            if answer["msg_type"] == "error":
                learner.faults.append(f"{where}: {answer['content']['evalue'][:80]}")
            if answer["msg_type"] == "status" and answer["content"]["execution_state"] == "idle":
                return


def private_memory(user: str) -> int:
    """Return the bytes that a user's processes have for themselves, on this machine."""
    total = 0
    for process in psutil.process_iter(["username"]):
        if process.info["username"] == user:
            try:
                total += process.memory_full_info().uss
            except psutil.Error:
                continue  # it has just ended
    return total


async def learn(hub: httpx.AsyncClient, name: str, numbers: list[str]) -> Learner:
    """Run a learner's notebooks one after the other; faults are kept, not raised."""
    learner, begin = Learner(name), time.monotonic()
    try:
        await wait_for_server(hub, name)
        for number in numbers:
            await run_notebook(hub, learner, number)
    except Exception as error:  # one learner's trouble is a result, and must not end the class
        learner.faults.append(f"{type(error).__name__}: {error}")
    learner.seconds = time.monotonic() - begin
    return learner


async def main() -> None:
    """Read the command line, run the class, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0] if __doc__ else None)
    parser.add_argument("--hub", default="http://127.0.0.1:8000")
    parser.add_argument("--learners", type=int, default=8)
    parser.add_argument("--notebooks", nargs="+", default=NOTEBOOKS)
    chosen = parser.parse_args()
    headers = {"Authorization": f"token {os.environ['CLASS_TOKEN']}"}
    async with httpx.AsyncClient(base_url=chosen.hub, headers=headers, timeout=PATIENCE) as hub:
        names = [f"learner{number}" for number in range(chosen.learners)]
        done = await asyncio.gather(*(learn(hub, name, chosen.notebooks) for name in names))
    failed = [learner for learner in done if learner.faults]
    for learner in done:
        faults = "; ".join(learner.faults) or "none"
        print(
            f"{learner.name:12} {learner.seconds:6.0f} s {learner.memory / 1e9:5.2f} GB  {faults}"
        )
    print(f"{len(done) - len(failed)} completed, {len(failed)} failed")


if __name__ == "__main__":
    asyncio.run(main())
