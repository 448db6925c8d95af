# SPDX-License-Identifier: MIT
"""aiortc as the peer of a session with data channels: aiortc_peer.py offer|answer

Signalling on standard input and output, as browsers serialise it. Sends messages of many kinds, waits for each to
come back, and tells the outcome as JSON on standard error. Needs Debian's python3-aiortc, so it is run by the
interpreter that interpreter.python_with() finds.
"""
import asyncio
import json
import os
import sys

PATIENCE = 30
MESSAGES = ["text", "", "\u00fc\u4e16", b"bytes", b"", bytes(1200), os.urandom(60000), "x" * 60000]


def say(message):
    print(json.dumps(message), flush=True)


async def hear(pc, aiortc):
    """The peer's description, then its candidates, for as long as it talks."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        message = json.loads(line)
        if "sdp" in message:
            await pc.setRemoteDescription(aiortc.RTCSessionDescription(**message))
            if message["type"] == "offer":
                await pc.setLocalDescription(await pc.createAnswer())
                say({"type": "answer", "sdp": pc.localDescription.sdp})
        elif message["candidate"]:
            candidate = aiortc.sdp.candidate_from_sdp(message["candidate"].removeprefix("candidate:"))
            candidate.sdpMid, candidate.sdpMLineIndex = message["sdpMid"], message["sdpMLineIndex"]
            await pc.addIceCandidate(candidate)


async def exchange(channel, opened):
    """Which of the messages came back as they were."""
    back = asyncio.Queue()
    channel.on("message", back.put_nowait)
    await opened
    same = []
    for message in MESSAGES:
        channel.send(message)
        same.append(await back.get() == message)
    return same


async def talk(role, aiortc):
    pc = aiortc.RTCPeerConnection()
    loop = asyncio.get_running_loop()
    opened, theirs, closed = loop.create_future(), [], loop.create_future()
    pc.on("datachannel", lambda channel: theirs.append(
        [channel.label, channel.protocol, channel.ordered, channel.maxRetransmits]))
    channel = pc.createDataChannel("from aiortc")
    channel.on("open", lambda: opened.done() or opened.set_result(None))
    channel.on("close", lambda: closed.done() or closed.set_result(None))
    agreed = pc.createDataChannel("agreed", negotiated=True, id=100)
    if role == "offer":
        await pc.setLocalDescription(await pc.createOffer())
        say({"type": "offer", "sdp": pc.localDescription.sdp})
    listening = asyncio.create_task(hear(pc, aiortc))
    same = await exchange(channel, opened)
    unannounced = await exchange(agreed, opened)
    channel.close()
    await closed
    # Not under the same number: aiortc takes that for free when one direction is reset, and then our
    # reset of the other (RFC 8831, section 6.7) closes what it has just opened.
    last = pc.createDataChannel("last", id=channel.id + 2)
    last_opened = loop.create_future()
    last.on("open", lambda: last_opened.set_result(None))
    await last_opened
    last.send("end")
    listening.cancel()
    return {"same": same, "agreed": unannounced, "theirs": sorted(theirs, key=str)}


async def main():
    import aiortc  # pylint: disable=import-outside-toplevel
    import aiortc.sdp  # pylint: disable=import-outside-toplevel
    try:
        outcome = await asyncio.wait_for(talk(sys.argv[1], aiortc), PATIENCE)
    except Exception as error:  # pylint: disable=broad-except
        outcome = f"{type(error).__name__}: {error}"
    print(json.dumps(outcome), file=sys.stderr, flush=True)
    os._exit(0)  # not waiting for the thread that reads our input


if __name__ == "__main__":
    asyncio.run(main())
