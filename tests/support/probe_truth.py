# SPDX-License-Identifier: MIT
"""What nat-probe ought to say behind each preset of nat-lab, by what the preset is made of.

Facts are read from its JSON by read(); a Truth holds the right value of each. None and "unknown" are
what may be said when too little was seen; any other value is wrong.
"""
import os

UNKNOWN = (None, "unknown")
FACTS = ("verdict", "mapping", "filtering", "ports", "tcp_mapping", "layers", "cgn", "vpn", "services")
SERVERS = ("NATLAB_STUN", "NATLAB_STUN2")
WEB_SERVERS = ("NATLAB_STUN_443", "NATLAB_STUN2_443")  # where hotels and companies let packets go
SERVERS6 = ("NATLAB_STUN6", "NATLAB_STUN6_2")
EXIT = {"open": 0, "good": 0, "limited": 1, "hard": 2, "blocked": 3, "unknown": 4}


class Truth:
    """`facts`: the right values. `servers`: the lab's variables that name whom to ask."""

    def __init__(self, verdict, cell, servers=SERVERS, family="v4", **facts):
        mapping, filtering = cell.split("/")
        self.servers = servers
        self.family = family
        self.facts = {"verdict": verdict, "mapping": mapping, "filtering": filtering, "ports": "preserving",
                      "tcp_mapping": mapping, "layers": 1, "cgn": "no", "vpn": "no", "services": "", **facts}

    def exit_code(self):
        return EXIT[self.facts["verdict"]]

    def arguments(self):
        """Inside the lab: the words that name the servers."""
        return [word for name in self.servers for word in ("--stun", os.environ[name])]


_ALL_THREE = "igd nat-pmp pcp"
PRESETS = {
    "home": Truth("good", "eim/apdf", services=_ALL_THREE),
    "full-cone": Truth("good", "eim/eif"),
    "symmetric": Truth("hard", "apdm/apdf", ports="random"),
    # Two servers with one port each cannot tell what of the destination matters, only that it does.
    "hotel": Truth("hard", "unknown/unknown", WEB_SERVERS, ports="random", layers=None, cgn="unknown"),
    "corporate": Truth("blocked", "unknown/unknown", WEB_SERVERS, ports="unknown", layers=None, cgn="unknown"),
    # It drops what is sent to its own address from inside: no hop test finds where that is.
    "cgn": Truth("limited", "eim/apdf", ports="block", layers=None, cgn="yes"),
    "double": Truth("good", "eim/apdf", layers=2, cgn="unknown", services=_ALL_THREE),
    "vpn": Truth("good", "eim/apdf", vpn="yes"),
    "ipv6-only": Truth("good", "none/apdf", SERVERS6, "v6", ports="preserving", layers=None, cgn="unknown"),
}
# Not presets, but what people have.
OTHERS = {
    "none": Truth("open", "none/eif", layers=0),
    "none,firewall": Truth("good", "none/apdf", layers=0),
    "home>cgn": Truth("limited", "eim/apdf", ports="block", layers=2, cgn="yes", services=_ALL_THREE),
    "eim/apdf>apdm/apdf": Truth("hard", "apdm/apdf", ports="random", layers=2, cgn="unknown"),
    "eim/adf": Truth("good", "eim/adf"),
    "adm/eif": Truth("limited", "adm/eif", ports="random"),
    "adm/adf": Truth("hard", "adm/adf", ports="random"),
    "adm/apdf": Truth("hard", "adm/apdf", ports="random"),
    "apdm/eif": Truth("limited", "apdm/eif", ports="random"),
    "apdm/adf": Truth("hard", "apdm/adf", ports="random"),
    "apdm/apdf,ports=sequential": Truth("limited", "apdm/apdf", ports="sequential"),
}
ALL = {**PRESETS, **OTHERS}


def read(report, family="v4"):
    """The facts of one report."""
    seen = report["families"][family]
    return {"verdict": report["verdict"]["class"],
            "mapping": seen["mapping"]["value"],
            "filtering": seen["filtering"]["value"],
            "ports": seen["ports"]["value"],
            "tcp_mapping": seen["tcp"]["mapping"]["value"],
            "layers": report["layers"]["count"]["value"],
            "cgn": report["layers"]["cgn"]["value"],
            "vpn": report["vpn"]["value"],
            "services": " ".join(sorted(each["protocol"] for each in report["gateway"]["services"]
                                        if each["answers"]))}
