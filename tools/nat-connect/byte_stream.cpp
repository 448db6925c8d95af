// SPDX-License-Identifier: MIT
#include "byte_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <glib.h>

namespace nat_connect {

namespace {

/// What may wait in the channel for SCTP before we stop reading, and when we go on.
constexpr std::size_t kHighWater = std::size_t{256} * 1024;
constexpr std::size_t kLowWater = std::size_t{64} * 1024;
/// Read, to be dropped, when there is nobody left to send it to.
constexpr std::size_t kReadAnyway = std::size_t{32} * 1024;

std::string_view as_text(std::span<const std::uint8_t> message) {
    return {reinterpret_cast<const char*>(message.data()), message.size()}; // NOLINT(*reinterpret*)
}

} // namespace

ByteStream::ByteStream(natterjack::Channel channel, Fd input, Fd output, DoneHandler done)
    : channel_(std::move(channel)),
      done_(std::move(done)),
      plain_(channel_.protocol() != kProtocol) {
    writer_ = std::make_unique<FdWriter>(
        std::move(output),
        FdWriter::Handlers{.on_written = [this](std::size_t bytes) { handle_written(bytes); },
                           .on_end = [this](int error) { handle_output_end(error); }});
    reader_ = std::make_unique<FdReader>(
        std::move(input), FdReader::Handlers{.room = [this] { return room(); },
                                             .on_data = [this](auto data) { send_data(data); },
                                             .on_end = [this](int) { handle_input_end(); }});
    channel_.on_low_buffer(kLowWater, [this] {
        if (reader_) reader_->resume();
    });
    channel_.on_closed(
        [this](const std::optional<natterjack::Error>& error) { handle_closed(error); });
    channel_.on_message([this](auto message, bool text) { handle_message(message, text); });
}

bool ByteStream::only_writes() const {
    return channel_gone_ && !closing_ && told_eof_ && heard_eof_ &&
           (!output_ended_ || (awaits_exit_ && !own_exit_));
}

void ByteStream::handle_closed(const std::optional<natterjack::Error>& error) {
    channel_gone_ = true;
    if (plain_ && !error && !closing_ && !end_.error) {
        told_eof_ = heard_eof_ = true;
        if (!output_ended_) writer_->finish();
        if (awaits_exit_) {
            reader_->resume(); // what a command still says goes nowhere, and does not hold it up
        } else {
            reader_->stop();
        }
    }
    if (only_writes()) return; // the peer has said and heard all; our reader has not
    if (!closing_ && !end_.error && !(told_eof_ && heard_eof_)) {
        end_.error = error ? error->message : "the peer closed it before the end";
    }
    finish();
}

void ByteStream::tell(const Note& note) {
    if (!plain_) (void)channel_.send_text(encode(note));
}

// Of what we read, for the peer.
std::size_t ByteStream::room() const {
    if (channel_gone_) return kReadAnyway;
    if (channel_.buffered_amount() > kHighWater) return 0;
    return plain_ ? kHighWater : static_cast<std::size_t>(send_window_.available());
}

void ByteStream::send_data(std::span<const std::uint8_t> data) {
    if (channel_gone_) return; // of a command that goes on for a while
    if (plain_) return send_plain(data);
    send_window_.spend(data.size());
    const auto sent = channel_.send(data);
    if (!sent) fail("cannot send to the peer: " + sent.error().message);
}

void ByteStream::send_plain(std::span<const std::uint8_t> data) {
    auto all = std::exchange(rest_, {});
    all.insert(all.end(), data.begin(), data.end());
    const auto text = as_text(all);
    const char* end = text.data();
    bool is_text = peer_writes_text_;
    if (is_text && g_utf8_validate_len(text.data(), text.size(), &end) == 0) {
        const auto left = text.size() - static_cast<std::size_t>(end - text.data());
        constexpr auto kIncomplete = static_cast<gunichar>(-2);
        is_text = g_utf8_get_char_validated(end, static_cast<gssize>(left)) == kIncomplete;
        if (is_text) rest_.assign(all.end() - static_cast<std::ptrdiff_t>(left), all.end());
    }
    all.resize(all.size() - rest_.size());
    if (all.empty()) return;
    const auto sent = is_text ? channel_.send_text(as_text(all)) : channel_.send(all);
    if (!sent) fail("cannot send to the peer: " + sent.error().message);
}

void ByteStream::handle_message(std::span<const std::uint8_t> message, bool text) {
    if (text && !plain_) {
        if (const auto note = decode_note(as_text(message))) return handle(*note);
        if (may_be_note(as_text(message))) return; // one of a later version
        plain_ = true;
    }
    peer_writes_text_ = text;
    take_data(message);
}

void ByteStream::take_data(std::span<const std::uint8_t> message) {
    if (!plain_ && (heard_eof_ || !receive_window_.take(message.size())))
        return fail("the peer sent more than it may");
    if (plain_ && !output_ended_) {
        unwritten_ += message.size();
        if (unwritten_ >= kWindow && !std::exchange(holding_, true)) channel_.set_receiving(false);
    }
    // Nobody wants it any more? The peer must not wait for that.
    if (output_ended_) return handle_written(message.size());
    writer_->write(message);
}

void ByteStream::handle_written(std::size_t bytes) {
    if (plain_) {
        unwritten_ -= std::min<std::size_t>(unwritten_, bytes);
        if (unwritten_ < kWindow / 2 && std::exchange(holding_, false))
            channel_.set_receiving(true);
        return;
    }
    if (const auto granted = receive_window_.pass_on(bytes); granted > 0) tell(Grant{granted});
}

void ByteStream::handle(const Note& note) {
    if (const auto* grant = std::get_if<Grant>(&note)) {
        send_window_.grant(grant->bytes);
        if (reader_) reader_->resume();
    } else if (std::holds_alternative<Eof>(note)) {
        heard_eof_ = true;
        if (output_ended_) return check_end();
        writer_->finish();
    } else if (const auto* exit = std::get_if<Exit>(&note)) {
        end_.exit_status = exit->status;
        reader_->stop(); // nobody reads there any more
        if (!input_ended_) handle_input_end();
    } else if (const auto* failure = std::get_if<Failure>(&note)) {
        end_.error = failure->message;
        end_.refused = true;
        channel_.close();
        closing_ = true;
    }
}

void ByteStream::handle_input_end() {
    input_ended_ = true;
    if (awaits_exit_) {
        if (!own_exit_) return;
        tell(Exit{*own_exit_});
    }
    if (!rest_.empty()) (void)channel_.send(std::exchange(rest_, {}));
    told_eof_ = true;
    tell(Eof{});
    // A command that has ended takes nothing any more. Our own input's end says nothing of our
    // output.
    if (plain_ && awaits_exit_) heard_eof_ = true;
    check_end();
}

void ByteStream::end_by_exit(int status) {
    own_exit_ = status;
    if (!output_ended_) {
        output_ended_ = true;
        writer_.reset(); // its reader is gone
        handle_written(unwritten_);
    }
    if (channel_gone_) return finish();
    if (input_ended_) handle_input_end();
}

void ByteStream::handle_output_end(int error) {
    output_ended_ = true;
    if (error == 0) return check_end();
    if (awaits_exit_) return; // a command that does not read its input is no failure
    end_.output_closed = error == EPIPE;
    fail(std::string("cannot write what the peer sends: ") + std::strerror(error));
    if (channel_gone_) finish();
}

void ByteStream::fail(const std::string& why) {
    if (closing_) return;
    closing_ = true;
    end_.error = why;
    tell(Failure{why});
    reader_->stop();
    channel_.close();
}

void ByteStream::check_end() {
    if (closing_ || !told_eof_ || !heard_eof_ || !output_ended_) return;
    if (only_writes()) return;
    if (channel_gone_) return finish();
    closing_ = true;
    channel_.close(); // on_closed follows once all has been delivered
}

void ByteStream::finish() {
    reader_.reset();
    writer_.reset();
    const auto done = std::exchange(done_, nullptr);
    const End end = end_;
    if (done) done(end); // may destroy us
}

} // namespace nat_connect
