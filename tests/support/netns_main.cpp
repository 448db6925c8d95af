// SPDX-License-Identifier: MIT
/// \file
/// \brief main() of the test programs that run in a private network (see netns.hpp).
#include <gtest/gtest.h>

#include "tests/support/netns.hpp"

int main(int argc, char** argv) {
    natterjack::test::enter_private_network();
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
