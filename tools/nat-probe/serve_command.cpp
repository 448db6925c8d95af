// SPDX-License-Identifier: MIT
#include <csignal>
#include <iostream>
#include <optional>

#include <natterjack/natterjack.hpp>

#include "commands.hpp"
#include "options.hpp"

namespace nat_probe {

using natterjack::Endpoint;
using natterjack::IpAddress;
using natterjack::ProofServer;

namespace {

constexpr std::uint16_t kStunPort = 3478;

/// "ADDRESS" or "ADDRESS:PORT".
std::optional<Endpoint> read_endpoint(const std::string& word) {
    if (const auto address = IpAddress::parse(word)) return Endpoint{*address, kStunPort};
    const auto endpoint = Endpoint::parse(word);
    if (!endpoint) return std::nullopt;
    return *endpoint;
}

int usage(const std::string& message) {
    std::cerr << "nat-probe: " << message << '\n';
    return tool_support::kUsage;
}

} // namespace

int serve(const Options& options, Runner& runner) {
    const auto& words = options.words;
    const auto listen = read_endpoint(words.front());
    if (!listen) return usage("\"" + words.front() + "\" is not ADDRESS or ADDRESS:PORT");
    std::optional<IpAddress> second;
    if (words.size() > 2) return usage("serve takes one address, or two");
    if (words.size() == 2) {
        const auto address = IpAddress::parse(words[1]);
        if (!address) return usage("\"" + words[1] + "\" is no address");
        second = *address;
    }
    auto server = ProofServer::create(runner.loop(), {.listen = *listen, .second = second});
    if (!server) {
        std::cerr << "nat-probe: " << server.error().message << '\n';
        return tool_support::exit_code_of(server.error());
    }
    std::cout << "listening at " << server->local().to_string() << std::endl;
    runner.on_interrupt([&] { runner.quit(tool_support::kDone); });
    return runner.run();
}

} // namespace nat_probe
