#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What nat-lab promises about commands: their status, their streams, their nodes, and their end."""
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import tap



def processes_with(mark):
    """The processes whose arguments or environment contain `mark`."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if mark.encode() in text:
            found.append(entry.name)
    return found


def eventually(condition):
    """Whether `condition` comes true within lab.PATIENCE."""
    end = time.monotonic() + lab.PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def start(mark, *arguments):
    """nat-lab under way, it and all below it marked in their environment."""
    return subprocess.Popen([lab.NAT_LAB, *arguments], env={**os.environ, "TEST_MARK": mark},
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def network_count():
    """How many different networks the processes of this machine live in."""
    seen = set()
    for link in pathlib.Path("/proc").glob("[0-9]*/ns/net"):
        try:
            seen.add(os.readlink(link))
        except OSError:
            pass
    return len(seen)


def exit_statuses(t):
    for command, expected in [(["true"], 0), (["sh", "-c", "exit 37"], 37),
                              (["sh", "-c", "exit 64"], 64), (["sh", "-c", "kill -KILL $$"], 137),
                              (["no-such-program"], 127), (["/etc/passwd"], 127)]:
        done = lab.run("run", "--nat", "none", "--no-servers", "--", *command)
        t.equal(done.returncode, expected, f"{' '.join(command)}: status {expected}")
    done = lab.run("run", "--a", "none", "--b", "none", "--no-servers", "--", "outside: exit 3",
                   "b: exit 4", "a: true")
    t.equal(done.returncode, 4, "of several nodes the first bad status in the order a, b, outside")


def command_lines(t):
    for arguments, word in [(["run", "--nat", "cone", "--", "true"], "'cone'"),
                            (["run", "--nat", "home,upnp", "--", "true"], "'upnp'"),
                            (["run", "--b", "home", "--", "true"], "'true'"),
                            (["run", "--a", "home", "--", "b: true"], "'b'"),
                            (["run", "--", "true"], "--nat"), (["run", "--a", "home"], "command"),
                            (["run", "--nat", "home", "--a", "home", "--", "true"], "either"),
                            (["exec", "a", "--", "true"], "not inside a lab"),
                            (["jump"], "jump"), ([], "subcommand")]:
        done = lab.run(*arguments)
        t.equal((done.returncode, done.stdout), (64, ""), f"nat-lab {' '.join(arguments)}: 64")
        t.check(word in done.stderr, f"... and names {word}", done.stderr)
    done = lab.run("run", "--nat", "none", "--no-servers", "--", "printf", "%s|", "--", "[ x ]",
                   "", "-v", "a b")
    t.equal(done.stdout, "--|[ x ]||-v|a b|", "arguments of the command are left as they are")


def streams(t):
    done = lab.run("run", "--nat", "none", "--no-servers", "--", "sh", "-c", "cat; echo bad >&2",
                   stdin=None, input="good\n")
    t.equal((done.stdout, done.stderr), ("good\n", "bad\n"), "one command keeps its three streams")
    done = lab.run("run", "--a", "none", "--no-servers", "--", "a: printf 'one\\ntwo'; cat",
                   "outside: echo three >&2")
    t.equal(done.stdout, "a: one\na: two\n", "several commands have their lines labelled")
    t.equal(done.stderr, "outside: three\n", "... also those of standard error")


def nodes(t):
    done = lab.run("run", "--a", "home", "--b", "none", "--", "a: env", "outside: env")
    for node, name, value in [("a", "NODE", "a"), ("a", "HOST", "192.168.1.10"),
                              ("a", "GATEWAY", "192.168.1.1"), ("a", "WAN", "25.0.113.2"),
                              ("a", "STUN", "25.0.1.1:3478"), ("a", "STUN2", "25.0.2.1:3478"),
                              ("a", "OUTSIDE", "25.0.3.2"), ("a", "OUTSIDE2", "25.0.4.2"),
                              ("a", "TURN", "turn:natlab:natlab@25.0.1.1:3478?transport=udp"),
                              ("a", "TURN_TCP", "turn:natlab:natlab@25.0.1.1:3478?transport=tcp"),
                              ("outside", "NODE", "outside"), ("outside", "A_WAN", "25.0.113.2"),
                              ("outside", "B_HOST", "25.0.114.2"),
                              ("outside", "B_WAN", "25.0.114.2")]:
        t.check(f"{node}: NATLAB_{name}={value}\n" in done.stdout, f"{node} has NATLAB_{name}",
                done.stdout)
    for node in ["a", "host", "b", "router-a", "internet", "outside"]:
        done = lab.run("run", "--a", "home", "--b", "none", "--no-servers", "--",
                       f'a: "$NATLAB" exec {node} -- sh -c \'echo $NATLAB_NODE; exit 9\'')
        t.equal((done.stdout, done.returncode), (f"a: {'a' if node == 'host' else node}\n", 9),
                f"exec {node}: the node's environment and the command's status")
    done = lab.run("run", "--nat", "home", "--no-servers", "--", lab.NAT_LAB, "exec", "router-b",
                   "--", "true")
    t.equal(done.returncode, 64, "exec on a node that is not there: 64")
    t.check("a internet outside router-a" in done.stderr, "... and names those that are",
            done.stderr)
    done = lab.run("run", "--nat", "home", "--no-servers", "--", lab.NAT_LAB, "exec", "router-a",
                   "--", "nft", "list", "ruleset")
    t.check("masquerade" in done.stdout, "exec router-a: the router's own rules", done.stdout)


def ends(t, name, stop, expected):
    """Stops a busy lab by `stop(process)`; nothing of it may be left."""
    mark = f"nat-lab-test-{os.getpid()}-{name}"
    process = start(mark, "run", "--nat", "home,delay=1ms,lan-delay=1ms", "--", "sh", "-c",
                    "setsid sleep 600 & trap 'echo asked; exit 5' TERM INT; echo ready; "
                    "while :; do sleep 0.05; done")
    t.equal(process.stdout.readline(), "ready\n", f"{name}: the lab stands")
    t.check(len(processes_with(mark)) >= 6, f"{name}: with servers, relay and background processes")
    stop(process)
    t.equal(process.wait(timeout=lab.PATIENCE), expected, f"{name}: status {expected}")
    t.check(eventually(lambda: not processes_with(mark)), f"{name}: no process is left",
            processes_with(mark))
    return process.stdout.read()


def endings(t):
    networks = network_count()
    mounts = pathlib.Path("/proc/mounts").read_text()
    ends(t, "SIGKILL", lambda process: process.kill(), -signal.SIGKILL)
    for number in [signal.SIGTERM, signal.SIGINT]:
        said = ends(t, number.name, lambda process, n=number: process.send_signal(n), 5)
        t.equal(said, "asked\n", f"{number.name} is passed on, once, and the command may finish")
    t.check(eventually(lambda: network_count() <= networks), "no network is left")
    t.equal(pathlib.Path("/proc/mounts").read_text(), mounts, "no mount is left")

    mark = f"nat-lab-test-{os.getpid()}-background"
    started = time.monotonic()
    process = start(mark, "run", "--nat", "none", "--no-servers", "--", "sh", "-c",
                    "sleep 600 & echo done")
    t.equal(process.wait(timeout=lab.PATIENCE), 0, "a lab ends with its command")
    t.check(time.monotonic() - started < lab.PATIENCE and not processes_with(mark),
            "... and so does what the command left in the background")


def privacy(t):
    done = lab.run("run", "--nat", "home", "--no-servers", "--", "sh", "-c",
                   "cat /etc/resolv.conf /etc/hosts; ls /run; "
                   "touch /run/nat-lab-test; cat /proc/1/comm")
    t.check("has no name server" in done.stdout and "a.natlab.test" in done.stdout,
            "a lab has its own names", done.stdout)
    t.check(not os.path.exists("/run/nat-lab-test") and "nat-lab" in done.stdout,
            "... its own /run and its own processes", done.stdout)
    t.check("a.natlab.test" not in pathlib.Path("/etc/hosts").read_text(),
            "the machine's own files are untouched")


def side_by_side(t):
    def one(number):
        return lab.run("run", "--nat", "home", "--", "sh", "-c",
                       f"natpmpc -a {7000 + number} 7000 udp 600 && natpmpc -a 9000 9000 tcp 600 "
                       f"&& turnutils_natdiscovery -m -L $NATLAB_HOST ${{NATLAB_STUN%:*}}")

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for number, done in enumerate(pool.map(one, range(4))):
            t.check(done.returncode == 0 and f"public port {7000 + number} " in done.stdout
                    and "public port 9000 " in done.stdout
                    and "Endpoint Independent Mapping" in done.stdout,
                    f"lab {number} of four at once has the same addresses and ports for itself",
                    done.stdout + done.stderr)


def logs(t):
    with tempfile.TemporaryDirectory() as directory:
        done = lab.run("run", "--nat", "home", "--logs", f"{directory}/logs", "-v", "--", "sh",
                       "-c", 'ls "$NATLAB_LOG_DIR"')
        t.equal(done.stdout.split(), ["coturn.log", "miniupnpd-router-a.log"],
                "--logs: one log for each server")
        text = pathlib.Path(directory, "logs", "miniupnpd-router-a.log").read_text()
        t.check("HTTP listening on port 5000" in text, "... with what it said", text)
        t.check("masquerade" in done.stderr and "address replace 25.0.113.2/24" in done.stderr,
                "--verbose shows the rules and addresses", done.stderr)


def unprivileged(t):
    as_nobody = []
    if os.geteuid() == 0:
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    program = shutil.copy(lab.NAT_LAB, tempfile.mkdtemp(prefix="nat-lab-test-"))
    try:
        shutil.copy(os.path.join(os.path.dirname(lab.NAT_LAB), "nat-lab-gateway"),
                    os.path.dirname(program))
        os.chmod(os.path.dirname(program), 0o755)
        done = subprocess.run([*as_nobody, program, "run", "--nat", "home,delay=1ms>home", "--",
                               "sh", "-c", f"natpmpc && {program} exec outside -- sh -c 'echo at $NATLAB_NODE'"],
                              capture_output=True, text=True, check=False, timeout=60, cwd="/",
                              env={"PATH": "/usr/bin:/bin"})
        t.check(done.returncode == 0 and "at outside" in done.stdout
                and re.search("Public IP address : 192.168.11.2", done.stdout),
                "an ordinary user without /usr/sbin in PATH builds the same lab",
                done.stdout + done.stderr)
        done = subprocess.run([*as_nobody, program, "doctor"], capture_output=True, text=True,
                              check=False, timeout=60, cwd="/", env={"PATH": "/usr/bin:/bin"})
        t.check(done.returncode == 0 and "can build labs" in done.stdout, "doctor says so, too",
                done.stdout + done.stderr)
    finally:
        shutil.rmtree(os.path.dirname(program))


def missing_programs(t):
    """With an empty place for system programs nothing can be built, and it is said how to help."""
    done = lab.run("run", "--nat", "home", "--", "sh", "-c",
                   "mount -t tmpfs none /usr/sbin && mount -t tmpfs none /usr/local/sbin && "
                   'PATH=/bin "$NAT_LAB" run --nat home -- true; echo $?; '
                   'PATH=/bin "$NAT_LAB" doctor; echo $?')
    t.check("apt-get install nftables" in done.stderr, "run names the missing package",
            done.stderr)
    t.check("MISSING  nft" in done.stdout and done.stdout.count("\n69\n") + done.stdout.startswith(
        "69\n") == 2, "doctor as well; both end with 69", done.stdout)


if __name__ == "__main__":
    with tap.Tap() as t:
        for part in [exit_statuses, command_lines, streams, nodes, endings, privacy, side_by_side,
                     logs, unprivileged, missing_programs]:
            part(t)
