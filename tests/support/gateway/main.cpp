// SPDX-License-Identifier: MIT
// nat-lab-gateway: a router's port mapping for labs. Started by nat-lab in a router's network.
//
// It does what miniupnpd will not: it maps where its WAN address is private, as many home routers
// do, names an external address that is not its own, or says yes and does nothing.
#include <CLI/CLI.hpp>
#include <iostream>

#include <net/if.h>

#include <glib.h>

#include "tests/support/gateway/igd.hpp"
#include "tests/support/gateway/port_5351.hpp"

namespace {

using namespace natterjack::gateway; // NOLINT(google-build-using-namespace): this is the program

int fail(const natterjack::Error& error) {
    std::cerr << "nat-lab-gateway: " << error.message << std::endl;
    return 1;
}

int serve(const Settings& settings) {
    const auto lan = ::if_nametoindex(settings.lan.c_str());
    Gateway gateway(natterjack::Loop::on(nullptr), settings);
    std::unique_ptr<Igd> igd;
    std::unique_ptr<Port5351> port_5351;
    if (settings.igd != 0) {
        auto opened = Igd::open(gateway, lan);
        if (!opened) return fail(opened.error());
        igd = *std::move(opened);
    }
    if (settings.natpmp || settings.pcp) {
        auto opened = Port5351::open(gateway, lan);
        if (!opened) return fail(opened.error());
        port_5351 = *std::move(opened);
    }
    g_main_loop_run(g_main_loop_new(nullptr, FALSE));
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    Settings settings;
    std::string address;
    CLI::App app("The port mapping of a lab's router. Started by nat-lab.", "nat-lab-gateway");
    app.add_option("--lan", settings.lan, "The LAN's interface")->required();
    app.add_option("--wan", settings.wan, "The WAN's interface")->required();
    app.add_option("--address", address, "The address on the LAN")->required();
    app.add_option("--table", settings.table, "The nftables table of family inet")->required();
    app.add_option("--igd", settings.igd, "Offer UPnP IGD of this version")
        ->check(CLI::Range(1, 2));
    app.add_flag("--natpmp", settings.natpmp, "Offer NAT-PMP");
    app.add_flag("--pcp", settings.pcp, "Offer PCP");
    app.add_flag("--liar", settings.liar, "Say yes, and open nothing");
    app.add_option("--external", settings.external, "Call this the external address");
    app.add_option("--capacity", settings.capacity, "Have room for so many mappings");
    CLI11_PARSE(app, argc, argv);
    const auto parsed = natterjack::IpAddress::parse(address);
    if (!parsed) return fail(parsed.error());
    settings.address = *parsed;
    return serve(settings);
}
