// SPDX-License-Identifier: MIT
#include "daemons.hpp"

#include "gateway_ports.hpp"
#include "nft_rules.hpp"

namespace natterjack::lab {

namespace {

void await_port_mapping(Daemon& daemon, const PortMapping& offered, std::string_view gateway) {
    if (offered.igd) {
        daemon.sockets.push_back({false, "", kSsdpPort});
        daemon.sockets.push_back({true, "", kIgdHttpPort});
    }
    if (offered.natpmp || offered.pcp) {
        daemon.sockets.push_back({false, std::string(gateway), kPcpPort});
    }
}

} // namespace

Daemon coturn(const std::string& node, const std::vector<std::string>& addresses) {
    const auto state = std::string(kStateDirectory);
    Daemon daemon;
    daemon.name = "coturn";
    daemon.node = node;
    daemon.command = {
        "turnserver",
        "-n", // no configuration file: nothing of the machine's own leaks in
        "--no-cli",
        "--no-tls",
        "--no-dtls",
        "--listening-port=" + std::to_string(kStunPort),
        "--lt-cred-mech",
        "--user=" + std::string(kTurnUser) + ":" + std::string(kTurnPassword),
        "--realm=natlab.test",
        "--fingerprint",
        "--log-file=stdout",
        "--simple-log",
        "--userdb=" + state + "/coturn.db",
        "--pidfile=" + state + "/coturn.pid",
    };
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        daemon.command.push_back("--listening-ip=" + addresses[i]);
        if (i % 2 == 0) daemon.command.push_back("--relay-ip=" + addresses[i]);
        const bool ipv6 = addresses[i].find(':') != std::string::npos;
        daemon.command.push_back(
            "--aux-server=" + (ipv6 ? "[" + addresses[i] + "]" : addresses[i]) + ":" +
            std::to_string(kWebPort));
        daemon.sockets.push_back({false, addresses[i], kWebPort});
        daemon.sockets.push_back({true, addresses[i], kWebPort});
    }
    // The alternate port (RFC 5780) is the next one.
    for (const auto& address : addresses) {
        for (const auto port : {kStunPort, static_cast<std::uint16_t>(kStunPort + 1)}) {
            daemon.sockets.push_back({false, address, port});
            daemon.sockets.push_back({true, address, port});
        }
    }
    return daemon;
}

Daemon miniupnpd(const std::string& node, const PortMapping& offered, std::string_view gateway,
                 bool ipv6) {
    const auto yes_no = [](bool yes) { return std::string(yes ? "yes\n" : "no\n"); };
    const auto table = std::string(kTable);
    Daemon daemon;
    daemon.name = "miniupnpd-" + node;
    daemon.node = node;
    daemon.command = {"miniupnpd", "-d",
                      "-f",        config_path(daemon.name),
                      "-P",        std::string(kStateDirectory) + "/" + daemon.name + ".pid"};
    daemon.config = "ext_ifname=" + std::string(kWanInterface) +
                    "\n"
                    "listening_ip=" +
                    std::string(kLanInterface) +
                    "\n"
                    "http_port=" +
                    std::to_string(kIgdHttpPort) +
                    "\n"
                    "ipv6_disable=" +
                    yes_no(!ipv6) + "enable_upnp=" + yes_no(offered.igd) +
                    "enable_natpmp=" + yes_no(offered.natpmp || offered.pcp) +
                    "force_igd_desc_v1=" + yes_no(offered.igd_v1) +
                    "secure_mode=yes\n"
                    "min_lifetime=120\n"
                    "max_lifetime=86400\n"
                    "system_uptime=no\n"
                    "lease_file=" +
                    lease_path(daemon.name) +
                    "\n"
                    "notify_interval=60\n"
                    "friendly_name=nat-lab " +
                    node +
                    "\n"
                    "uuid=6e61746c-6162-4000-8000-000000000001\n"
                    "serial=1\n"
                    "model_number=1\n"
                    "upnp_table_name=" +
                    table + "\nupnp_nat_table_name=" + table +
                    "\nupnp_forward_chain=" + std::string(kUpnpForward) +
                    "\nupnp_nat_chain=" + std::string(kUpnpPrerouting) +
                    "\nupnp_nat_postrouting_chain=" + std::string(kUpnpPostrouting) + "\n";
    await_port_mapping(daemon, offered, gateway);
    return daemon;
}

Daemon own_gateway(const std::string& node, const PortMapping& offered, std::string_view gateway) {
    Daemon daemon;
    daemon.name = "gateway-" + node;
    daemon.node = node;
    daemon.command = {"nat-lab-gateway", "--lan=" + std::string(kLanInterface),
                      "--wan=" + std::string(kWanInterface), "--address=" + std::string(gateway),
                      "--table=" + std::string(kTable)};
    if (offered.igd) daemon.command.emplace_back(offered.igd_v1 ? "--igd=1" : "--igd=2");
    if (offered.natpmp) daemon.command.emplace_back("--natpmp");
    if (offered.pcp) daemon.command.emplace_back("--pcp");
    if (offered.server == Server::Liar) daemon.command.emplace_back("--liar");
    if (!offered.external.empty()) daemon.command.push_back("--external=" + offered.external);
    if (offered.table != 0) daemon.command.push_back("--capacity=" + std::to_string(offered.table));
    await_port_mapping(daemon, offered, gateway);
    return daemon;
}

} // namespace natterjack::lab
