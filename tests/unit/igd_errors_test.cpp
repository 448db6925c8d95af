// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "strategies/igd/igd_errors.hpp"

namespace natterjack::igd {
namespace {

struct Code {
    int code;
    Errc errc;
    const char* word; ///< Must occur in the message.

    friend std::ostream& operator<<(std::ostream& out, const Code& row) { return out << row.code; }
};

class UpnpError : public testing::TestWithParam<Code> {};

TEST_P(UpnpError, SaysWhatHappenedAndWhatToDo) {
    const auto error = upnp_error(GetParam().code, "AddPortMapping", "VendorText");
    EXPECT_EQ(error.code, GetParam().errc);
    EXPECT_EQ(error.detail, GetParam().code);
    EXPECT_NE(error.message.find("AddPortMapping"), std::string::npos);
    EXPECT_NE(error.message.find(GetParam().word), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("UPnP error " + std::to_string(GetParam().code)),
              std::string::npos);
    EXPECT_FALSE(error.message.ends_with('.'));
}

INSTANTIATE_TEST_SUITE_P(
    Codes, UpnpError,
    testing::Values(Code{401, Errc::Unsupported, "action"}, Code{402, Errc::Refused, "argument"},
                    Code{403, Errc::Refused, "settings"}, Code{404, Errc::Unsupported, "variable"},
                    Code{501, Errc::Refused, "table"}, Code{600, Errc::Refused, "invalid"},
                    Code{601, Errc::Refused, "range"}, Code{602, Errc::Unsupported, "implement"},
                    Code{603, Errc::Refused, "memory"}, Code{604, Errc::Refused, "person"},
                    Code{605, Errc::Refused, "long"}, Code{606, Errc::Refused, "1024"},
                    Code{713, Errc::NotFound, "entry"}, Code{714, Errc::NotFound, "mapping"},
                    Code{715, Errc::Refused, "remote host"}, Code{716, Errc::Refused, "name one"},
                    Code{718, Errc::Conflict, "another port"}, Code{724, Errc::Refused, "equal"},
                    Code{725, Errc::Refused, "without an end"},
                    Code{726, Errc::Refused, "remote host"}, Code{727, Errc::Refused, "external"},
                    Code{728, Errc::Refused, "full"}, Code{729, Errc::Conflict, "manual"},
                    Code{730, Errc::NotFound, "range"}, Code{731, Errc::Refused, "changed"},
                    Code{732, Errc::Refused, "internal port"},
                    Code{733, Errc::Refused, "inconsistent"},
                    Code{-911, Errc::Refused, "VendorText"}, Code{899, Errc::Refused, "VendorText"},
                    Code{0, Errc::Refused, "VendorText"}),
    [](const auto& test) {
        return test.param.code < 0 ? "Minus" + std::to_string(-test.param.code)
                                   : std::to_string(test.param.code);
    });

TEST(UpnpErrorText, OfVendorsIsBoundedAndPrintable) {
    const auto error = upnp_error(-1, "X", std::string(1000, 'a') + "\x1b[2J");
    EXPECT_LT(error.message.size(), 250U);
    EXPECT_EQ(error.message.find('\x1b'), std::string::npos);
}

} // namespace
} // namespace natterjack::igd
