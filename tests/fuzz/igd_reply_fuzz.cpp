// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <string>

#include "base/text.hpp"
#include "strategies/igd/upnp_parse.hpp"

using namespace natterjack;

namespace {

void check(const igd::PortEntry& entry) {
    if (printable(entry.description) != entry.description || entry.description.size() > 127) {
        std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string body(data, data + size);
    for (const char* action : {"GetSpecificPortMappingEntry", "GetListOfPortMappings", "X"}) {
        const auto answer = igd::parse_reply(action, body);
        if (!answer || !std::holds_alternative<igd::Reply>(*answer)) continue;
        const auto& reply = std::get<igd::Reply>(*answer);
        for (const auto& [name, value] : reply.arguments) {
            const bool cut = value.size() > 127 && name != "NewPortListing";
            if (cut || printable(value) != value) std::abort();
        }
        if (const auto entry = igd::parse_entry(reply, std::nullopt)) check(*entry);
        if (const auto* listing = reply.find("NewPortListing")) {
            static_cast<void>(igd::parse_port_listing(*listing));
        }
    }
    if (const auto entries = igd::parse_port_listing(body)) {
        for (const auto& entry : *entries) check(entry);
    }
    return 0;
}
