// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "wire/xml.hpp"

namespace natterjack::xml {
namespace {

Element parsed(std::string_view document) {
    const auto root = parse(document);
    EXPECT_TRUE(root) << document << ": " << (root ? "" : root.error().message);
    return root.value_or(Element{});
}

Errc refusal(std::string_view document, const Limits& limits = {}) {
    const auto root = parse(document, limits);
    EXPECT_FALSE(root) << document.substr(0, 80);
    return root ? Errc::Cancelled : root.error().code;
}

TEST(Xml, ReadsNestedElementsAndText) {
    const auto root =
        parsed("<?xml version=\"1.0\"?>\r\n<root>\r\n <a> one </a><b/><a>two</a></root>");
    EXPECT_EQ(root.name, "root");
    ASSERT_EQ(root.children.size(), 3U);
    EXPECT_EQ(root.children[0].text, "one");
    EXPECT_EQ(root.children[1].name, "b");
    EXPECT_EQ(root.children[2].text, "two");
    EXPECT_EQ(root.child("A"), root.children.data());
    EXPECT_EQ(root.child("c"), nullptr);
}

TEST(Xml, DropsPrefixesAttributesCommentsAndInstructions) {
    const auto root =
        parsed("\xEF\xBB\xBF <?xml?><!-- <x> --><s:E xmlns:s='a>b' t=\"</s:E>\"><!-- -->"
               "<?pi <y> ?><u:v  a = \"1\" />t<!--c-->u</s:E  >");
    EXPECT_EQ(root.name, "E");
    EXPECT_EQ(root.text, "tu");
    ASSERT_EQ(root.children.size(), 1U);
    EXPECT_EQ(root.children[0].name, "v");
}

TEST(Xml, DecodesEntitiesAndKeepsBareAmpersands) {
    EXPECT_EQ(parsed("<a>&lt;b&gt; &amp;amp; &quot;&apos; &#65;&#x42; &#x20AC;</a>").text,
              "<b> &amp; \"' AB \xE2\x82\xAC");
    EXPECT_EQ(parsed("<a>AT&T &nosuch; &; &#xD800; &#99999999; & &amp</a>").text,
              "AT&T &nosuch; &; &#xD800; &#99999999; & &amp");
    EXPECT_EQ(parsed("<a><![CDATA[<p>&amp;</p>]]></a>").text, "<p>&amp;</p>");
}

TEST(Xml, ToleratesTagsThatDifferInCaseOnly) {
    EXPECT_EQ(parsed("<Root><a>x</A></ROOT>").child("a")->text, "x");
}

TEST(Xml, IgnoresWhatFollowsTheRoot) {
    EXPECT_EQ(parsed("<a>x</a> trailing <garbage").text, "x");
}

TEST(Xml, RefusesEveryTruncation) {
    constexpr std::string_view kDocument =
        "<?xml version=\"1.0\"?><!-- c --><s:a x=\"1\"><b>&amp;t</b><![CDATA[<d>]]><e/></s:a>";
    ASSERT_TRUE(parse(kDocument));
    for (std::size_t length = 0; length < kDocument.size(); ++length) {
        EXPECT_EQ(refusal(kDocument.substr(0, length)), Errc::Truncated) << length;
    }
}

TEST(Xml, RefusesWhatIsNoXml) {
    for (const char* document :
         {"hello", "{\"a\":1}", "<a></b>", "<a><b></a></b>", "</a>", "<>x</>", "< a></ a>",
          "\xFF\xFE<\0a\0", "<![CDATA[x]]>", "<s:></s:>"}) {
        EXPECT_EQ(refusal(document), Errc::Malformed) << document;
    }
}

TEST(Xml, RefusesDocumentTypesAndSoEntityBombs) {
    EXPECT_EQ(refusal("<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]>"
                      "<root>&lol2;</root>"),
              Errc::Malformed);
    EXPECT_EQ(refusal("<root><!ENTITY x 'y'></root>"), Errc::Malformed);
}

TEST(Xml, BoundsSizeDepthAndCount) {
    const Limits limits{.bytes = 2000, .depth = 3, .elements = 10};
    EXPECT_TRUE(parse("<a><b><c/></b></a>", limits));
    EXPECT_EQ(refusal("<a><b><c><d/></c></b></a>", limits), Errc::TooLarge);
    std::string many = "<a>";
    for (int i = 0; i < 10; ++i) many += "<b/>";
    EXPECT_EQ(refusal(many + "</a>", limits), Errc::TooLarge);
    EXPECT_EQ(refusal("<a>" + std::string(2000, ' ') + "</a>", limits), Errc::TooLarge);
    EXPECT_EQ(refusal("<" + std::string(129, 'a') + "/>", limits), Errc::Malformed);
    std::string deep;
    for (int i = 0; i < 30000; ++i) deep += "<a>";
    EXPECT_EQ(refusal(deep), Errc::TooLarge);
}

TEST(XmlEscape, LeavesNothingThatBreaksOut) {
    EXPECT_EQ(escape("a</NewPortMappingDescription>&\"'"),
              "a&lt;/NewPortMappingDescription&gt;&amp;&quot;&apos;");
    EXPECT_EQ(escape(std::string_view("a\0\x01\x1b\r\nb", 7)), "ab");
    EXPECT_EQ(escape("\xFF"), "\xEF\xBF\xBD");
    const std::string nasty = "<&>\"' x";
    EXPECT_EQ(parsed("<a>" + escape(nasty) + "</a>").text, nasty);
}

} // namespace
} // namespace natterjack::xml
