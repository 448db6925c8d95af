// SPDX-License-Identifier: MIT
#include "node_environment.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "namespaces.hpp"

namespace natterjack::lab {

namespace {

std::filesystem::path directory() {
    return std::filesystem::path(kStateDirectory) / "nodes";
}

/// A node is a machine of its own: what programs remember of its routers stays in the lab, and out
/// of the journal of who runs it.
std::filesystem::path memory_of(const Node& node) {
    return std::filesystem::path(kStateDirectory) / "state" / node.name;
}

std::string current(const char* name) {
    const auto* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): one thread
    return value ? value : "";
}

} // namespace

Environment command_environment(const Node& node, const std::string& log_path) {
    auto out = node.environment;
    out["NATLAB_LOG_DIR"] = log_path;
    out["XDG_STATE_HOME"] = memory_of(node);
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    if (!error) out["NATLAB"] = self;
    auto path = current("PATH");
    for (const auto* place : {"/usr/sbin", "/sbin"}) {
        if ((":" + path + ":").find(std::string(":") + place + ":") == std::string::npos) {
            path += (path.empty() ? "" : ":") + std::string(place);
        }
    }
    out["PATH"] = path;
    return out;
}

Result<void> store_environments(const Plan& plan, const std::string& log_path) {
    std::error_code error;
    std::filesystem::create_directory(directory(), error);
    if (const auto runtime = current("XDG_RUNTIME_DIR"); runtime.starts_with("/run/")) {
        std::filesystem::create_directories(runtime, error);
    }
    for (const auto& node : plan.nodes) {
        std::filesystem::create_directories(memory_of(node), error);
        std::string text;
        for (const auto& [name, value] : command_environment(node, log_path)) {
            text.append(name).append("=").append(value).append("\n");
        }
        const auto written = write_file(directory() / node.name, text);
        if (!written) return written.error();
    }
    return {};
}

Result<Environment> load_environment(std::string_view name) {
    if (name == "host") name = "a";
    std::vector<std::string> known;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory(), error)) {
        known.push_back(entry.path().filename());
    }
    if (known.empty()) {
        return Error{Errc::NoNetwork, "this is not inside a lab; commands that 'nat-lab run' "
                                      "starts are"};
    }
    std::sort(known.begin(), known.end());
    if (std::find(known.begin(), known.end(), name) == known.end()) {
        std::string message = "there is no node '" + std::string(name) + "'; nodes are";
        for (const auto& node : known) message += " " + node;
        return Error{Errc::NotFound, std::move(message)};
    }
    Environment out;
    std::ifstream file(directory() / name);
    for (std::string line; std::getline(file, line);) {
        const auto equals = line.find('=');
        if (equals != std::string::npos) out[line.substr(0, equals)] = line.substr(equals + 1);
    }
    return out;
}

} // namespace natterjack::lab
