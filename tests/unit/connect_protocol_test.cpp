// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "nat-connect/line_splitter.hpp"
#include "nat-connect/protocol.hpp"
#include "nat-connect/window.hpp"

namespace nat_connect {
namespace {

using natterjack::Endpoint;
using natterjack::Transport;

TEST(LineSplitter, CutsAtLineEndsWhereverTheBytesWereCut) {
    const std::string text = "one\r\n\ntwo\nthree";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        LineSplitter lines;
        std::vector<std::string> seen;
        for (const auto& part : {text.substr(0, cut), text.substr(cut)}) {
            lines.feed(part);
            while (auto line = lines.next()) seen.push_back(*line);
        }
        EXPECT_EQ(seen, (std::vector<std::string>{"one", "", "two"})) << cut;
        EXPECT_EQ(lines.rest(), "three");
        EXPECT_EQ(lines.rest(), std::nullopt);
        EXPECT_FALSE(lines.too_long());
    }
}

TEST(LineSplitter, DropsALineThatIsTooLongAndGoesOn) {
    LineSplitter lines;
    const std::string chunk(1000, 'x');
    for (std::size_t fed = 0; fed <= 10 * LineSplitter::kMaxLine; fed += chunk.size()) {
        lines.feed(chunk);
        EXPECT_EQ(lines.next(), std::nullopt);
    }
    EXPECT_TRUE(lines.too_long());
    lines.feed("tail\nshort\n");
    EXPECT_EQ(lines.next(), "short");
    EXPECT_EQ(lines.next(), std::nullopt);
    EXPECT_EQ(lines.rest(), std::nullopt);
}

TEST(LineSplitter, TakesTheLongestLineButNotOneMore) {
    for (const std::size_t more : {std::size_t{0}, std::size_t{1}}) {
        LineSplitter lines;
        lines.feed(std::string(LineSplitter::kMaxLine + more, 'x') + "\nnext\n");
        if (more == 0) {
            EXPECT_EQ(lines.next()->size(), LineSplitter::kMaxLine);
        }
        EXPECT_EQ(lines.next(), "next");
        EXPECT_EQ(lines.too_long(), more > 0);
    }
}

TEST(LooksLikeSignal, TellsObjectsFromGreetings) {
    EXPECT_TRUE(looks_like_signal(R"( {"type":"offer"})"));
    EXPECT_FALSE(looks_like_signal("Welcome to Debian"));
    EXPECT_FALSE(looks_like_signal(""));
}

TEST(Purpose, GoesThroughItsLabel) {
    const Purpose purposes[] = {
        {Purpose::Kind::Pipe, Transport::Tcp, {}},
        {Purpose::Kind::Ping, Transport::Tcp, {}},
        {Purpose::Kind::Connect, Transport::Tcp, {"web", 80}},
        {Purpose::Kind::Connect, Transport::Udp, {"2001:db8::1", 53}},
        {Purpose::Kind::Listen, Transport::Tcp, {"127.0.0.1", 0}},
        {Purpose::Kind::Accepted, Transport::Udp, {"::1", 8080}},
    };
    for (const auto& purpose : purposes)
        EXPECT_EQ(parse_label(to_label(purpose)), purpose) << to_label(purpose);
    EXPECT_EQ(to_label(purposes[3]), "connect udp [2001:db8::1]:53");
}

TEST(Purpose, IsNothingWhenTheLabelIsNotOurs) {
    for (const char* label :
         {"", "chat", "pipe ", "pipe tcp a:1", "connect", "connect tcp", "connect tcp ",
          "connect sctp a:1", "connect tcp a", "connect tcp a:0", "connect tcp a b:1",
          "listen tcp name:1", "accepted tcp 127.0.0.1", "connecttcp a:1", "Connect tcp a:1"}) {
        EXPECT_EQ(parse_label(label), std::nullopt) << label;
    }
}

TEST(Note, GoesThroughItsText) {
    const std::pair<Note, const char*> notes[] = {
        {Eof{}, R"({"eof":true})"},
        {Grant{kWindow}, R"({"grant":2097152})"},
        {Exit{3}, R"({"exit":3})"},
        {Failure{"no \"way\""}, R"({"error":"no \"way\""})"},
        {Listening{*Endpoint::parse("127.0.0.1:80")}, R"({"listening":"127.0.0.1:80"})"},
    };
    for (const auto& [note, text] : notes) {
        EXPECT_EQ(encode(note), text);
        EXPECT_EQ(decode_note(text), note);
        for (std::size_t length = 0; length < std::string_view(text).size(); ++length)
            EXPECT_EQ(decode_note(std::string_view(text).substr(0, length)), std::nullopt);
    }
}

TEST(Note, IsNothingWhenItMakesNoSense) {
    for (const char* text :
         {"", "x", "[]", "{}", "null", R"({"eof":false})", R"({"eof":1})", R"({"grant":-1})",
          R"({"grant":1.5})", R"({"exit":256})", R"({"exit":-1})", R"({"exit":"0"})",
          R"({"error":1})", R"({"listening":"name:80"})", R"({"later":1})",
          R"({"eof":true,"exit":0})"}) {
        EXPECT_EQ(decode_note(text), std::nullopt) << text;
    }
    EXPECT_EQ(decode_note(std::string(2 * kMaxNote, '[')), std::nullopt);
}

TEST(Note, MayBeOneOfALaterVersion) {
    EXPECT_TRUE(may_be_note(R"({"later":1})"));
    EXPECT_TRUE(may_be_note(R"({"eof":1})"));
    for (const char* text : {"", "x", "[1]", "{}", "null", "1", R"({"a":1,"b":2})", "{\"a\":"}) {
        EXPECT_FALSE(may_be_note(text)) << text;
    }
}

TEST(Note, CarriesNothingThatATerminalObeys) {
    const auto note = decode_note(R"({"error":"\u001b[2Jgone\n"})");
    ASSERT_TRUE(note);
    EXPECT_EQ(std::get<Failure>(*note).message.find_first_of("\x1b\n"), std::string::npos);
}

TEST(Window, GrantsWhatWasPassedOnAndNoMore) {
    SendWindow sender;
    ReceiveWindow receiver;
    std::uint64_t under_way = 0;
    for (int round = 0; round < 1000; ++round) {
        const auto sent = std::min<std::uint64_t>(sender.available(), 100'000);
        sender.spend(sent);
        ASSERT_TRUE(receiver.take(sent));
        under_way += sent;
        ASSERT_LE(under_way, kWindow);
        const auto read = std::min<std::uint64_t>(under_way, 70'000);
        under_way -= read;
        sender.grant(receiver.pass_on(read));
    }
    // Nothing is lost on the way: once all is passed on, nearly all may be sent again.
    sender.grant(receiver.pass_on(under_way));
    EXPECT_GT(sender.available(), kWindow / 2);
}

TEST(Window, StopsASenderWhoseReaderHasStopped) {
    SendWindow sender;
    sender.spend(kWindow);
    EXPECT_EQ(sender.available(), 0U);
    ReceiveWindow receiver;
    EXPECT_TRUE(receiver.take(kWindow));
    EXPECT_FALSE(receiver.take(1));
}

TEST(Window, GivesLittleToOneWhoIsNotReady) {
    SendWindow sender;
    sender.hold_back();
    EXPECT_EQ(sender.available(), kFirstWindow);
    sender.spend(kFirstWindow);
    sender.grant(kWindow - kFirstWindow);
    EXPECT_EQ(sender.available() + kFirstWindow, kWindow) << "as if it had been ready at once";
}

TEST(Window, DoesNotBelieveTooMuch) {
    SendWindow sender;
    sender.grant(~std::uint64_t{0});
    EXPECT_EQ(sender.available(), kWindow);
    ReceiveWindow receiver;
    EXPECT_FALSE(receiver.take(~std::uint64_t{0}));
    EXPECT_EQ(receiver.pass_on(5), 0U);
}

} // namespace
} // namespace nat_connect
