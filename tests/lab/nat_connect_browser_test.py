#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A browser as the peer: what Chromium says and takes is what nat-connect and the library take and say.

Meson hands a program over in ECHO_PEER that sends back what the library receives.
"""
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import browser
import connect
import lab
import tap

PATIENCE = connect.PATIENCE
ECHO_PEER = os.environ.get("ECHO_PEER", "echo_peer")

# The page's half: signalling lines go out by tell() and come in by hear(); everything else is asked for.
PAGE = r"""
var pc, channels, negotiating = Promise.resolve();
const MIB = 1 << 20;
const say = message => tell(JSON.stringify(message));
function within(promise, what) {
    return Promise.race([promise, new Promise((_, fail) =>
        setTimeout(() => fail(new Error("waited in vain for " + what)), 20000))]);
}
function when(target, event, condition) {
    return within(new Promise(done => {
        const look = e => { if (condition(e)) { target.removeEventListener(event, look); done(e); } };
        target.addEventListener(event, look);
        if (condition(null)) { target.removeEventListener(event, look); done(null); }
    }), event);
}
function watch(channel) {
    channel.binaryType = "arraybuffer";
    channel.seen = [];
    channel.addEventListener("message", e => channel.seen.push(e.data));
    channels[channel.label] = channel;
}
function create(trickle = true, server = null, bundlePolicy = "balanced") {
    pc = new RTCPeerConnection({bundlePolicy, iceServers: server ? [{urls: server}] : []});
    channels = {};
    pc.ondatachannel = e => watch(e.channel);
    if (trickle) pc.onicecandidate = e => { if (e.candidate) say(e.candidate); };
}
async function describe(trickle = true) {
    await pc.setLocalDescription();
    if (!trickle) await when(pc, "icegatheringstatechange", () => pc.iceGatheringState == "complete");
    say(pc.localDescription);
}
function hear(line) { // one after the other
    negotiating = negotiating.then(() => take(JSON.parse(line)));
    return negotiating;
}
async function take(message) {
    if (message.sdp === undefined) return pc.addIceCandidate(message);
    await pc.setRemoteDescription(message);
    if (message.type == "offer") await describe(pc.onicecandidate != null);
}
async function opened(label) {
    await when(pc, "datachannel", () => label in channels);
    await when(channels[label], "open", () => channels[label].readyState == "open");
    // Chromium calls a channel of the peer's open before it can send, and drops what a page sends so
    // early ("Send failed INVALID_STATE" is all it says, in its log). Its statistics know better.
    const ready = async () => {
        while (!await isReady(channels[label])) await new Promise(done => setTimeout(done, 5));
    };
    await within(ready(), "a channel that can send");
    return channels[label];
}
async function isReady(channel) {
    const stats = [...(await pc.getStats()).values()];
    return stats.some(each => each.type == "data-channel" && each.dataChannelIdentifier == channel.id &&
                              each.state == "open");
}
async function answers(channel, messages) { // what comes back for them
    channel.seen = [];
    for (const each of messages) channel.send(each);
    await when(channel, "message", () => channel.seen.length >= messages.length);
    return channel.seen;
}
const size = data => typeof data == "string" ? data.length : data.byteLength;
async function bytes_back(channel, messages) { // the same as a stream of bytes
    const expected = messages.reduce((sum, each) => sum + size(each), 0);
    channel.seen = [];
    for (const each of messages) channel.send(each);
    const came = () => channel.seen.reduce((sum, each) => sum + size(each), 0);
    await when(channel, "message", () => came() >= expected);
    return channel.seen;
}
function pattern(length) {
    const data = new Uint8Array(length);
    for (let i = 0; i < length; ++i) data[i] = i * 7 + (i >> 8) + (i >> 16);
    return data.buffer;
}
function same(a, b) {
    if (typeof a == "string" || typeof b == "string") return a === b;
    const x = new Uint8Array(a), y = new Uint8Array(b);
    return x.length == y.length && x.every((byte, i) => byte == y[i]);
}
async function joined(pieces) { return new Blob(pieces).arrayBuffer(); }
const closed = channel => when(channel, "close", () => channel.readyState == "closed");
const state = wanted => when(pc, "connectionstatechange", () => pc.connectionState == wanted);
async function pair() { // the selected one
    const stats = [...(await pc.getStats()).values()];
    const transport = stats.find(each => each.type == "transport");
    const chosen = stats.find(each => each.id == transport.selectedCandidatePairId);
    const remote = stats.find(each => each.id == chosen.remoteCandidateId);
    return {dtls: transport.tlsVersion, role: transport.dtlsRole, remote: remote.candidateType,
            state: transport.dtlsState};
}
"""


class Peer:
    """A program of ours on host a; its lines go to the page, and the page's come to it."""

    def __init__(self, page, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, start_new_session=True)
        self.page = page
        self.said = []
        self.heard = []
        self.errors = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True)
                         for run in (self._to_page, self._from_page, self._read_errors)]
        for thread in self._threads:
            thread.start()

    def _to_page(self):
        for line in self.process.stdout:
            self.said.append(line.decode())
            try:
                self.page.run(f"hear({json.dumps(line.decode())})")
            except RuntimeError as error:
                self.errors.append(f"the page refused {line}: {error}")

    def _from_page(self):
        while not self._over.is_set():
            line = self.page.told(0.1)
            if line is None:
                continue
            self.heard.append(line)
            try:
                self.process.stdin.write(line.encode() + b"\n")
                self.process.stdin.flush()
            except (BrokenPipeError, ValueError):
                pass

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line.decode().rstrip("\n"))

    def end(self):
        """Its exit status, once it has ended by itself."""
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "hung"
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        return status

    def story(self):
        return {"said": self.said, "heard": self.heard, "stderr": self.errors}


def nat_connect(*options):
    return [connect.NAT_CONNECT, "--no-map", "--json", *options]


def connected(peer):
    return next((json.loads(e) for e in peer.errors if '"event":"connected"' in e), {})


def way(peer):
    """What the path is, as told last: a check may come before the candidate that explains it."""
    told = [json.loads(e) for e in peer.errors if '"event":"connected"' in e or '"event":"path"' in e]
    return told[-1].get("kind") if told else None


# Text, binary, and the longest message, through `cat` and back.
CHAT = r"""(async () => {
    const channel = await opened(%s);
    const text = await bytes_back(channel, ["Grüße, 🌍", "", "again"]);
    const binary = await bytes_back(channel, [pattern(1000)]);
    const long = await bytes_back(channel, [pattern(262144)]);
    const cut = await bytes_back(channel, ["é".repeat(131072)]);
    return {text: text.join(""), binary: same(await joined(binary), pattern(1000)),
            long: same(await joined(long), pattern(262144)),
            cut: cut.every(each => typeof each == "string") && cut.join("") == "é".repeat(131072),
            pair: await pair(), sctp: pc.sctp.maxMessageSize};
})()"""


def tool(page):
    """nat-connect with a command, for a channel of the page's and for one of its own."""
    out = {}
    for name, ours, theirs, label in [
            ("answer", ["--answer"], "watch(pc.createDataChannel('chat', {protocol: 'x'}))", "chat"),
            ("offer", ["--offer", "--plain"], None, "pipe"),
            ("offer as to one of ours", ["--offer"], None, "pipe")]:
        page.run("create()")
        peer = Peer(page, nat_connect(*ours, "--exec", "cat; exit 3"))
        try:
            if theirs:
                page.run(f"{theirs}; describe()")
            out[name] = page.run(CHAT % json.dumps(label))
            # The page closes the channel, and that is the end of it.
            page.run(f"channels[{json.dumps(label)}].close()")
            out[name]["status"] = peer.end()
            out[name]["kind"] = way(peer)
        except RuntimeError as error:
            peer.process.kill()
            out[name] = {"failed": str(error), "status": peer.end(), "story": peer.story()}
        page.run("pc.close()")
        page.forget_told()
    return out


def command_ends(page):
    """The command's end closes the page's channel, after all that it wrote."""
    page.run("create(); watch(pc.createDataChannel('chat')); describe()")
    peer = Peer(page, nat_connect("--answer", "--exec", "head -c 300000 /dev/zero; exit 4"))
    page.run("opened('chat').then(closed)")
    length = page.run("channels.chat.seen.reduce((sum, each) => sum + size(each), 0)")
    out = {"length": length, "status": peer.end()}
    page.run("pc.close()")
    return out


def pasted(page):
    """One line each way, all candidates inside; standard input and output are the pipe."""
    out = {}
    for role in ("offer", "answer"):
        page.run("create(false)")
        if role == "answer":
            page.run("watch(pc.createDataChannel('chat')); describe(false)")
        process = subprocess.Popen(nat_connect(role), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        if role == "answer":
            process.stdin.write(page.told().encode() + b"\n")
            process.stdin.flush()
        page.run(f"hear({json.dumps(process.stdout.readline().decode())})")
        if role == "offer":
            process.stdin.write(page.told().encode() + b"\n")
            process.stdin.flush()
        label = "chat" if role == "answer" else "pipe"
        page.run(f"opened('{label}').then(channel => channel.send('from the page\\n'))")
        out[role] = [process.stdout.readline().decode()]
        process.stdin.write(b"to the page")
        process.stdin.flush()
        out[role].append(page.run(f"when(channels.{label}, 'message', () => channels.{label}.seen.length)"
                                  f".then(() => channels.{label}.seen[0])"))
        page.run(f"channels.{label}.close()")
        out[role].append(process.wait(PATIENCE))
        page.run("pc.close()")
        page.forget_told()
    return out


# Everything that the library's channels can do, against those of the browser.
EXERCISE = r"""(async (labels) => {
    const out = {};
    for (const label of labels) {
        const channel = await opened(label);
        const messages = ["text", "", "🌍", pattern(1), new ArrayBuffer(0), pattern(65536)];
        const back = await answers(channel, messages);
        const missing = messages.filter(each => !back.some(other => same(each, other)));
        out[label] = {ordered: channel.ordered, protocol: channel.protocol,
                      retransmits: channel.maxRetransmits, lifetime: channel.maxPacketLifeTime,
                      inOrder: messages.every((each, i) => same(each, back[i])),
                      missing: missing.map(size)};
    }
    const first = channels[labels[0]];
    out.longest = (await answers(first, [pattern(262144), "x".repeat(262144)]))
        .map(each => same(each, typeof each == "string" ? "x".repeat(262144) : pattern(262144)));
    first.send("close");
    await closed(first);
    channels[labels[1]].close();
    await closed(channels[labels[1]]);
    out.others = (await answers(channels[labels[2]], ["still there"]))[0];
    const agreed = pc.createDataChannel("agreed", {negotiated: true, id: 100});
    watch(agreed);
    out.agreed = (await answers(await opened("agreed"), ["unannounced"]))[0];
    const late = pc.createDataChannel("late");
    watch(late);
    out.late = (await answers(await opened("late"), ["new"]))[0];
    return out;
})(%s)"""


def library(page):
    """PeerSession in both roles; who ends the session is the other one each time."""
    out = {}
    for role in ("answer", "offer"):
        page.run("create()")
        peer = Peer(page, [ECHO_PEER, role])
        labels = ["reliable", "unordered", ""]
        try:
            if role == "answer":
                page.run("""watch(pc.createDataChannel("reliable"));
                            watch(pc.createDataChannel("unordered", {ordered: false, maxRetransmits: 3,
                                                                     protocol: "echo"}));
                            watch(pc.createDataChannel("", {maxPacketLifeTime: 2000})); describe()""")
            out[role] = page.run(EXERCISE % json.dumps(labels))
            out[role]["pair"] = page.run("pair()")
            if role == "answer":
                page.run("pc.close()")
            else:
                page.run("channels.late.send('end'); closed(channels.late)")
            out[role]["status"] = peer.end()
            out[role]["states"] = peer.errors
        except RuntimeError as error:
            peer.process.kill()
            out[role] = {"failed": str(error), "status": peer.end(), "story": peer.story()}
        page.run("pc.close()")
        page.forget_told()
    return out


def restart(page):
    """The page restarts ICE; channels go on over new credentials."""
    page.run("create(); watch(pc.createDataChannel('chat')); describe()")
    peer = Peer(page, [ECHO_PEER, "answer"])
    out = [page.run("opened('chat').then(channel => answers(channel, ['before']))")]
    page.run("pc.restartIce(); describe()")
    out.append(page.run("when(pc, 'signalingstatechange', () => pc.signalingState == 'stable')"
                        ".then(() => when(pc, 'iceconnectionstatechange', "
                        "() => /connected|completed/.test(pc.iceConnectionState)))"
                        ".then(() => answers(channels.chat, ['after']))"))
    descriptions = [json.loads(line) for line in peer.said if '"sdp"' in line]
    page.run("pc.close()")
    return {"echoes": out, "answers": len(descriptions), "status": peer.end(),
            "credentials": len({d["sdp"].split("a=ice-ufrag:")[1].split("\r")[0] for d in descriptions}),
            "story": peer.story()}


def moved(page):
    """Our host's address changes: we restart ICE, and the page answers, whose offer had more m-lines."""
    page.run("create(true, null, 'max-bundle'); pc.addTransceiver('audio'); watch(pc.createDataChannel('chat'));"
             "pc.addTransceiver('video'); describe()")
    peer = Peer(page, [ECHO_PEER, "answer"])
    out = {"before": page.run("opened('chat').then(channel => answers(channel, ['before']))")}
    lab.on("a", lab.NAT_LAB, "readdress", "a", "25.0.113.77").check_returncode()
    out["after"] = page.run("answers(channels.chat, ['after'])")
    page.run("pc.close()")
    out["status"] = peer.end()
    out["offers"] = sum('"type":"offer"' in line and "25.0.113.77" in line for line in peer.said)
    out["story"] = peer.story()
    return out


def slow_reader(page):
    """A command that does not read yet holds the page up, not our memory."""
    page.run("create(); watch(pc.createDataChannel('chat')); describe()")
    with tempfile.TemporaryDirectory() as place:
        gate, count = os.path.join(place, "gate"), os.path.join(place, "count")
        os.mkfifo(gate)
        peer = Peer(page, nat_connect("--answer", "--exec", f"read go <{gate}; wc -c >{count}"))
        page.run("opened('chat').then(() => { for (let i = 0; i < 60; ++i)"
                 " channels.chat.send(pattern(262144)); })")
        # It stops when nothing more moves.
        page.run("""(async () => {
            for (let before = -1; before != channels.chat.bufferedAmount;) {
                before = channels.chat.bufferedAmount;
                await new Promise(done => setTimeout(done, 500));
            }
        })()""")
        resident = connect.resident(peer.process.pid)
        held = page.run("channels.chat.bufferedAmount")
        with open(gate, "w", encoding="ascii") as file:
            file.write("\n")
        page.run("channels.chat.close()")
        status = peer.end()
        with open(count, encoding="ascii") as file:
            return {"resident MiB": resident, "held MiB": held // 2**20, "status": status,
                    "count": file.read().strip(), "story": peer.story()}


def other_media(page):
    """An offer of audio, video and data: no media flow, the data do, whoever has the only transport."""
    out = {}
    for policy in ("balanced", "max-bundle"):
        page.run(f"create(true, null, '{policy}'); pc.addTransceiver('audio'); pc.addTransceiver('video');"
                 "watch(pc.createDataChannel('chat')); describe()")
        peer = Peer(page, [ECHO_PEER, "answer"])
        try:
            echo = page.run("opened('chat').then(channel => answers(channel, ['a word']))")
            flowing = page.run("pc.getTransceivers().map(each => each.currentDirection)"
                               ".filter(each => each != 'inactive' && each != 'stopped')")
        except RuntimeError as error:
            echo, flowing = str(error), None
            peer.process.kill()
        page.run("pc.close()")
        out[policy] = {"echo": echo, "flowing": flowing, "status": peer.end(), "story": peer.story()}
        page.forget_told()
    return out


def wrong_fingerprint(page):
    """A certificate that is not the one described: refused in words, and nothing is carried."""
    page.run("""create(); watch(pc.createDataChannel('chat'));
                pc.setLocalDescription().then(() => say({type: 'offer', sdp: pc.localDescription.sdp
                    .replace(/(fingerprint:sha-256 )(..:..)/, '$100:00')}))""")
    peer = Peer(page, nat_connect("--answer", "--exec", "cat"))
    status = peer.end()
    error = next((json.loads(e)["message"] for e in peer.errors if '"event":"error"' in e), "")
    state = page.run("channels.chat.readyState")
    page.run("pc.close()")
    return {"status": status, "error": error, "channel": state, "story": peer.story()}


def inside(hide_addresses, names):
    """These cases, by one browser on host b."""
    with browser.Chromium([lab.NAT_LAB, "exec", "b", "--"], hide_addresses) as page:
        page.run(PAGE)
        out = {}
        for name in names:
            try:
                out[name] = globals()[name](page)
            except RuntimeError as error:
                out[name] = {"failed": str(error)}
            page.run("pc.close()")
            page.forget_told()
        return out


def hidden(page):
    """Host candidates are names that only multicast DNS resolves: the checks that come show the way."""
    page.run("create(); watch(pc.createDataChannel('chat')); describe()")
    peer = Peer(page, nat_connect("-v", "--answer", "--exec", "cat"))
    try:
        echo = page.run("opened('chat').then(channel => bytes_back(channel, ['a word']))")
        page.run("channels.chat.close()")
    except RuntimeError as error:
        echo = str(error)
        peer.process.kill()
    status = peer.end()
    page.run("pc.close()")
    return {"names": any(".local " in line for line in peer.heard), "echo": "".join(echo),
            "status": status, "notes": connected(peer).get("notes"), "story": peer.story()}


def behind_nat(page):
    """NATs on both sides, and a STUN server for each."""
    server = os.environ["NATLAB_STUN"]
    page.run(f"create(true, 'stun:{server}'); watch(pc.createDataChannel('chat')); describe()")
    peer = Peer(page, nat_connect("--stun", server, "--answer", "--exec", "cat"))
    out = {"echo": "".join(page.run("opened('chat').then(channel => bytes_back(channel, ['a word']))"))}
    page.run("channels.chat.close()")
    out["status"] = peer.end()
    out["kind"] = way(peer)
    return out


PLAIN = ["--a", "none", "--b", "none", "--no-servers"]


def main():
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(2) as pool:
        def submit(arguments, hide, *cases):
            return pool.submit(lab.inside, arguments, inside, hide, [c.__name__ for c in cases],
                               timeout=110)

        runs = submit(PLAIN, False, tool, command_ends, pasted, library, restart, other_media,
                      wrong_fingerprint, slow_reader, moved)
        secret = submit(PLAIN, True, hidden)
        behind_nats = submit(["--a", "eim/apdf", "--b", "eim/adf"], True, behind_nat)
        check_tool(t, runs.result())
        check_library(t, runs.result())
        check_faults(t, runs.result())
        seen = secret.result()["hidden"]
        t.check(seen.get("names"), "Chromium hides its addresses behind .local names", seen)
        t.equal([seen.get("echo"), seen.get("status")], ["a word", 0],
                "... and is reached by the address that its checks come from")
        seen_behind = behind_nats.result()["behind_nat"]
        t.equal([seen_behind.get("echo"), seen_behind.get("status"), seen_behind.get("kind")],
                ["a word", 0, "punched"], "NATs on both sides, a STUN server for each, and names")
        t.check(any(".local" in note for note in seen.get("notes") or ()), "... which is told", seen)


def check_faults(t, seen):
    one = seen["moved"]
    t.equal([one.get("before"), one.get("after"), one.get("status")], [["before"], ["after"], 0],
            "our address changes: the page takes our ICE restart")
    t.check(one.get("offers"), "... which is an offer of ours", one)
    one = seen["slow_reader"]
    t.check(one.get("resident MiB", 999) < 60 and one.get("held MiB", -1) >= 5,
            "a command that does not read: the page has to wait, and our memory is bounded", one)
    t.equal([one.get("count"), one.get("status")], [str(60 * 262144), 0], "... and nothing is lost")


def check_tool(t, seen):
    for name, role, label in [("answer", "server", "a channel of the page's"),
                              ("offer", "client", "--plain: a channel of ours"),
                              ("offer as to one of ours", "client", "text that is no note")]:
        one = seen["tool"].get(name, seen["tool"])
        t.equal({key: one.get(key) for key in ("text", "binary", "long", "cut", "status", "kind")},
                {"text": "Grüße, 🌍again", "binary": True, "long": True, "cut": True, "status": 3,
                 "kind": "direct"}, f"nat-connect --{name}, {label}: text, binary, 256 KiB and the end")
        pair = one.get("pair", {})
        t.equal([pair.get("dtls"), pair.get("role"), pair.get("remote"), one.get("sctp")],
                ["FEFD", role, "host", 262144],
                "... by DTLS 1.2 in the right role, to the candidate that was signalled")
    t.equal(seen["command_ends"], {"length": 300000, "status": 4},
            "a command's end closes the page's channel, after all that it wrote")
    for role in ("offer", "answer"):
        t.equal(seen["pasted"].get(role), ["from the page\n", "to the page", 0],
                f"nat-connect {role}: one line each way, all candidates inside; then a pipe")
    one = seen["wrong_fingerprint"]
    t.check(one.get("status") == 1 and "fingerprint" in one.get("error", "") and
            one.get("channel") != "open", "a wrong fingerprint: refused in words", one)


def check_library(t, seen):
    plain = {"ordered": True, "protocol": "", "retransmits": None, "lifetime": None, "missing": []}
    expected = {"reliable": plain, "": {**plain, "lifetime": 2000},
                "unordered": {**plain, "ordered": False, "protocol": "echo", "retransmits": 3}}
    for role in ("answer", "offer"):
        one = seen["library"].get(role, {})
        for label, kind in expected.items():
            channel = dict(one.get(label, {}))
            in_order = channel.pop("inOrder", False)
            t.check(channel == kind and (in_order or label == "unordered"),
                    f"{role}: channel '{label}' is what it was asked to be, and echoes each message",
                    one)
        t.equal(one.get("longest"), [True, True], f"{role}: 256 KiB in one message, both ways")
        t.equal([one.get("others"), one.get("late")], ["still there", "new"],
                f"{role}: channels are closed from both sides, others go on, new ones open")
        t.equal(one.get("agreed"), "unannounced", f"{role}: a channel whose number was agreed")
        by_whom = "the peer closed the session" if role == "answer" else "closed here"
        t.equal([one.get("status"), one.get("states")], [0, ["checking", "connected", f"closed: {by_whom}"]],
                f"{role}: the session's end is told, by the page or to it")
    one = seen["restart"]
    t.equal([one.get("echoes"), one.get("answers"), one.get("credentials"),
             one.get("status")],
            [[["before"], ["after"]], 2, 2, 0], "the page restarts ICE: new credentials, same channel")
    for policy, one in seen["other_media"].items():
        t.equal([one.get("echo"), one.get("flowing"), one.get("status")], [["a word"], [], 0],
                f"{policy}: of audio, video and data, the data flow")


if __name__ == "__main__":
    lab.serve(inside)
    main()
