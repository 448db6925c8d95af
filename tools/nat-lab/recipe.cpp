// SPDX-License-Identifier: MIT
#include "recipe.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "nft_rules.hpp"
#include "topology.hpp"

namespace natterjack::lab {

namespace {

std::string padded(std::string_view text, std::size_t width) {
    std::string out(text);
    out.resize(std::max(width, out.size()), ' ');
    return out;
}

} // namespace

std::string recipe(std::string_view spec, const SiteSpec& site) {
    const auto plan = plan_lab({{"a", site}}, false);
    auto out = "# " + std::string(spec) + ", as nat-lab builds it.\n";
    std::size_t routers = 0;
    for (const auto& node : plan.nodes) {
        if (node.rules.empty()) continue;
        out += "\n";
        if (node.forwards) {
            ++routers;
            out += "# On the router " + node.name + ", whose LAN side is called " +
                   std::string(kLanInterface) + " and whose WAN side " +
                   std::string(kWanInterface) + ":\n#   sysctl -w net.ipv4.ip_forward=1\n";
            if (node.ipv6) out += "#   sysctl -w net.ipv6.conf.all.forwarding=1\n";
        } else {
            out += "# On the host itself:\n";
        }
        for (const auto& [name, value] : node.switches) {
            auto setting = name;
            std::replace(setting.begin(), setting.end(), '/', '.');
            out.append("#   sysctl -w net.").append(setting).append("=").append(value) += '\n';
        }
        for (const auto& daemon : plan.daemons) {
            if (daemon.node != node.name) continue;
            out += "# " + daemon.command.front() +
                   " fills the parts whose names begin with upnp_ or "
                   "mapped_.\n";
        }
        out += node.rules;
    }
    if (routers == 0) out += "\n# No router translates here.\n";
    return out;
}

std::string presets_table() {
    std::size_t names = 0;
    std::size_t specs = 0;
    for (const auto& preset : presets()) {
        names = std::max(names, preset.name.size());
        specs = std::max(specs, preset.spec.size());
    }
    std::string out;
    for (const auto& preset : presets()) {
        out += padded(preset.name, names) + "  " + padded(preset.spec, specs) + "  " +
               std::string(preset.meaning) + "\n";
    }
    return out;
}

std::string presets_json() {
    nlohmann::ordered_json out{{"schema", "nat-lab-presets/1"}};
    for (const auto& preset : presets()) {
        out["presets"].push_back(
            {{"name", preset.name}, {"spec", preset.spec}, {"meaning", preset.meaning}});
    }
    return out.dump(2) + "\n";
}

} // namespace natterjack::lab
