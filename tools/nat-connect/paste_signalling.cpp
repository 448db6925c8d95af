// SPDX-License-Identifier: MIT
#include <array>
#include <cstring>
#include <iostream>
#include <utility>

#include <fcntl.h>
#include <termios.h>

#include "base/text.hpp"
#include "line_splitter.hpp"
#include "signalling.hpp"

namespace nat_connect {

namespace {

/// Reads a terminal byte by byte while it lives: in its usual mode it cuts a pasted line at 4095
/// bytes (termios(3)).
class LongLines {
public:
    explicit LongLines(int terminal) : terminal_(terminal) {
        if (tcgetattr(terminal_, &before_) != 0) return;
        changed_ = true;
        termios mode = before_;
        mode.c_lflag &= ~static_cast<tcflag_t>(ICANON);
        tcsetattr(terminal_, TCSANOW, &mode);
    }
    ~LongLines() {
        if (changed_) tcsetattr(terminal_, TCSANOW, &before_);
    }
    LongLines(const LongLines&) = delete;
    LongLines& operator=(const LongLines&) = delete;

private:
    int terminal_;
    termios before_{};
    bool changed_ = false;
};

class PasteSignalling : public Signalling {
public:
    PasteSignalling(int input, int output, bool we_offer, Handlers handlers)
        : handlers_(std::move(handlers)),
          we_offer_(we_offer),
          terminal_(open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)),
          input_(duplicate(input)),
          output_(duplicate(output)) {
        if (!we_offer_) ask("Paste the line that `nat-connect offer` printed at the peer:");
    }

    void send(const std::string& line) override {
        if (we_offer_) take_long_lines(); // whoever sees our line may answer at once
        if (terminal_ || isatty(STDERR_FILENO) != 0) {
            std::cerr << (we_offer_ ? "Give this line to the peer, who runs `nat-connect answer`:\n"
                                    : "Give this line to the peer:\n")
                      << std::flush;
        }
        const std::string text = line + "\n";
        std::size_t done = 0;
        const int out = terminal_ ? terminal_.get() : output_.get();
        while (done < text.size()) { // one line, before there is anything else to do
            const ssize_t length = write(out, text.data() + done, text.size() - done);
            if (length <= 0) {
                const int why = errno;
                mode_.reset();
                return handlers_.on_end(std::string("cannot print our line: ") +
                                        std::strerror(why));
            }
            done += static_cast<std::size_t>(length);
        }
        output_.reset(); // its end is the pipe's to tell
        if (we_offer_) ask("Paste the line that the peer gets:");
    }

    bool ask_again(const std::string& why) override {
        if (!terminal_) return false;
        std::cerr << "nat-connect: " << why << '\n';
        ask("Paste it again, as one line:");
        return true;
    }

private:
    void take_long_lines() {
        if (terminal_ && !mode_) mode_ = std::make_unique<LongLines>(terminal_.get());
    }

    void ask(const char* text) {
        take_long_lines();
        if (terminal_) std::cerr << text << std::endl;
        lines_ = LineSplitter();
        // One byte at a time: what follows the line belongs to the pipe.
        reader_ = std::make_unique<FdReader>(
            duplicate(terminal_ ? terminal_.get() : input_.get()),
            FdReader::Handlers{.room = [] { return std::size_t{1}; },
                               .on_data = [this](auto data) { read(data); },
                               .on_end =
                                   [this](int) {
                                       mode_.reset();
                                       handlers_.on_end("the input ended");
                                   }});
    }

    void read(std::span<const std::uint8_t> data) {
        // NOLINTNEXTLINE(*reinterpret-cast): text is bytes
        lines_.feed({reinterpret_cast<const char*>(data.data()), data.size()});
        const auto line = lines_.next();
        if (!line || natterjack::trim(*line).empty()) return;
        reader_->stop();
        mode_.reset();
        if (!terminal_) input_.reset();
        handlers_.on_line(*line);
    }

    Handlers handlers_;
    bool we_offer_;
    Fd terminal_;
    Fd input_;
    Fd output_;
    LineSplitter lines_;
    std::unique_ptr<LongLines> mode_;
    std::unique_ptr<FdReader> reader_;
};

} // namespace

std::unique_ptr<Signalling> signal_by_pasting(int input, int output, bool we_offer,
                                              Signalling::Handlers handlers) {
    return std::make_unique<PasteSignalling>(input, output, we_offer, std::move(handlers));
}

} // namespace nat_connect
