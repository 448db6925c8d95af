// SPDX-License-Identifier: MIT
/// \file
/// \brief Connection tracking, by netlink: the `conntrack` program may not be installed.
#pragma once

#include <natterjack/result.hpp>

namespace natterjack::lab {

/// Makes the present network forget every flow, and with it every mapping of a NAT's that no rule
/// holds.
/// \retval Errc::Unsupported  the kernel refused; detail: errno
[[nodiscard]] Result<void> forget_flows();

} // namespace natterjack::lab
