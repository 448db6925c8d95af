// SPDX-License-Identifier: MIT
/// \file
/// \brief Rows of a table of bad fields: one byte changed in a message that is good without it.
#pragma once

#include <cstdint>
#include <ostream>
#include <vector>

#include <gtest/gtest.h>

#include <natterjack/result.hpp>

namespace natterjack::test {

struct BadByte {
    const char* name;
    std::size_t offset;
    std::uint8_t value;
    Errc want;

    friend std::ostream& operator<<(std::ostream& out, const BadByte& row) {
        return out << row.name;
    }
};

/// That \a decode refuses \a message with the row's byte in it, and says why as the row wants it.
template<class Decode>
void expect_refused(std::vector<std::uint8_t> message, const BadByte& row, Decode decode) {
    message.at(row.offset) = row.value;
    const auto result = decode(message);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, row.want);
}

} // namespace natterjack::test
