// SPDX-License-Identifier: MIT
/// \file
/// \brief main() of the test programs that run in a private network (see netns.hpp).
#include <glib.h>
#include <gtest/gtest.h>

#include "tests/support/netns.hpp"

int main(int argc, char** argv) {
    natterjack::test::enter_private_network();
    // What GLib and libsoup complain about is our mistake.
    g_log_set_always_fatal(
        static_cast<GLogLevelFlags>(G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK));
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
