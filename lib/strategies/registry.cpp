// SPDX-License-Identifier: MIT
// The list that names the strategies of this build.
#include "strategies/mapper.hpp"

#ifdef NATTERJACK_HAVE_DIRECT
#include "strategies/direct/direct_mapper.hpp"
#endif
#ifdef NATTERJACK_HAVE_IGD
#include "strategies/igd/igd_mapper.hpp"
#endif
#ifdef NATTERJACK_HAVE_NATPMP
#include "strategies/natpmp/natpmp_mapper.hpp"
#endif
#ifdef NATTERJACK_HAVE_PCP
#include "strategies/pcp/pcp_mapper.hpp"
#endif

namespace natterjack {

std::unique_ptr<Mapper> make_mapper(Strategy strategy, [[maybe_unused]] const Loop& loop,
                                    [[maybe_unused]] const Path& path) {
    switch (strategy) {
    case Strategy::Direct:
#ifdef NATTERJACK_HAVE_DIRECT
        return make_direct_mapper(loop, path);
#else
        break;
#endif
    case Strategy::Igd:
#ifdef NATTERJACK_HAVE_IGD
        return make_igd_mapper(loop, path);
#else
        break;
#endif
    case Strategy::Pcp:
#ifdef NATTERJACK_HAVE_PCP
        return make_pcp_mapper(loop, path);
#else
        break;
#endif
    case Strategy::NatPmp:
#ifdef NATTERJACK_HAVE_NATPMP
        return make_natpmp_mapper(loop, path);
#else
        break;
#endif
    case Strategy::Ice: break; // no gateway's; see ChainParts::make_ice
    }
    return nullptr;
}

} // namespace natterjack
