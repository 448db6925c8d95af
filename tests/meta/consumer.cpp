// SPDX-License-Identifier: MIT
// A program as somebody else would write it: it has the public headers and a way to link, nothing else.
#include <cstdio>

#include <natterjack/natterjack.hpp>

int main() {
    const auto endpoint = natterjack::Endpoint::parse("192.0.2.1:6667");
    if (!endpoint) return 1;
    std::puts(endpoint->to_string().c_str());
    return 0;
}
