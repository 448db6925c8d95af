// SPDX-License-Identifier: MIT
/// \file
/// \brief LabelledOutput: passes a node's output on with its name before each line.
#pragma once

#include <string>
#include <string_view>

namespace natterjack::lab {

/// Gathers bytes and hands them on as whole labelled lines.
class LabelledOutput {
public:
    explicit LabelledOutput(std::string_view label) : label_(std::string(label) + ": ") {}

    /// Takes \a bytes and returns the lines that are complete. A line longer than 64 KiB is
    /// returned in pieces.
    [[nodiscard]] std::string add(std::string_view bytes);

    /// What is left when the output has ended, made a whole line.
    [[nodiscard]] std::string finish();

private:
    std::string label_;
    std::string line_;
};

} // namespace natterjack::lab
