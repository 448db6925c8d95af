// SPDX-License-Identifier: MIT
// Prints the strategies that the library was built with, for `tools/dev features`.
#include <iostream>

#include <natterjack/traversal.hpp>

int main() {
    for (const auto strategy : natterjack::available_strategies()) {
        std::cout << natterjack::to_string(strategy) << ' ';
    }
    std::cout << std::endl;
    return 0;
}
