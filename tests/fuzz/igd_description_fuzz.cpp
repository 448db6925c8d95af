// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <string>

#include "proto/ssdp_search.hpp"
#include "strategies/igd/upnp_parse.hpp"

using namespace natterjack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string document(data, data + size);
    const auto description =
        igd::parse_description(document, "http://192.168.1.1:5000/rootDesc.xml");
    if (!description) return 0;
    if (description->services.size() > 8) std::abort();
    // Nothing but the device's own address is ever handed out.
    for (const auto& service : description->services) {
        const auto server = http_server_of(service.control_url);
        if (!server || server->address != IpAddress::v4(0xC0A80101)) std::abort();
        if (!igd::is_wan_service(service.type)) std::abort();
    }
    return 0;
}
