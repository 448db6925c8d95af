// SPDX-License-Identifier: MIT
#include "traversal/servers.hpp"

#include <fstream>
#include <iterator>

#include <glib.h>

#include "base/host_port.hpp"
#include "base/text.hpp"

namespace natterjack {

namespace {

constexpr std::uint16_t kStunPort = 3478; // RFC 8489 section 8.1
constexpr std::size_t kMaxFile = std::size_t{64} * 1024;

std::vector<std::string> candidates() {
    std::vector<std::string> out;
    const auto add = [&](const char* directory) {
        out.push_back(std::string(directory) + "/natterjack/servers.conf");
    };
    add(g_get_user_config_dir());
    for (const auto* const* directory = g_get_system_config_dirs(); *directory != nullptr;
         ++directory) {
        add(*directory);
    }
    return out;
}

} // namespace

Result<Servers> parse_servers(std::string_view text) {
    Servers out;
    for (int number = 1; !text.empty(); ++number) {
        const auto end = text.find('\n');
        auto line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        line = trim(line.substr(0, line.find('#')));
        if (line.empty()) continue;
        const auto space = line.find_first_of(" \t");
        const auto kind = line.substr(0, space);
        const auto server = space == std::string_view::npos ? "" : trim(line.substr(space));
        const auto where = "line " + std::to_string(number) + ": ";
        if (kind == "stun") {
            const auto parsed = parse_host_port(server, kStunPort);
            if (!parsed) return Error{Errc::Malformed, where + parsed.error().message, number};
            out.stun.emplace_back(server);
        } else if (kind == "turn" && !server.empty()) {
            out.turn.emplace_back(server);
        } else if (kind == "check" && !out.check) {
            const auto parsed = parse_check_url(server);
            if (!parsed) return Error{Errc::Malformed, where + parsed.error().message, number};
            out.check = *parsed;
        } else {
            return Error{Errc::Malformed,
                         where + R"(not "stun HOST:PORT", "turn URL" or one "check URL")", number};
        }
        if (out.stun.size() > kMaxServers || out.turn.size() > kMaxServers) {
            return Error{Errc::TooLarge, where + "more than 32 servers", number};
        }
    }
    return out;
}

Result<Servers> read_servers() {
    for (const auto& path : candidates()) {
        std::ifstream file(path, std::ios::binary);
        if (!file) continue;
        std::string text(kMaxFile + 1, '\0');
        file.read(text.data(), static_cast<std::streamsize>(text.size()));
        text.resize(static_cast<std::size_t>(file.gcount()));
        if (text.size() > kMaxFile) return Error{Errc::TooLarge, path + ": more than 64 KiB"};
        auto servers = parse_servers(text);
        if (servers) return servers;
        auto error = servers.error();
        error.message = path + ", " + error.message;
        return error;
    }
    return Servers{};
}

} // namespace natterjack
