#include "engine/text/stream_decoder.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;

namespace {

/// Tokens that stand for the given bytes, cut anywhere.
class ChunkTokenizer final : public Tokenizer {
  public:
    explicit ChunkTokenizer(std::vector<std::string> chunks, bool spacePrefix = false)
        : m_chunks(std::move(chunks)) {
        m_vocabulary.kind =
            spacePrefix ? TokenizerKind::SentencePiece : TokenizerKind::ByteLevelBpe;
        m_vocabulary.addSpacePrefix = spacePrefix;
    }
    std::vector<TokenId> encode(std::string_view, EncodeOptions) const override { return {}; }
    std::string_view tokenBytes(TokenId id, bool) const override {
        return m_chunks[static_cast<std::size_t>(id)];
    }
    std::string decode(std::span<const TokenId>, bool) const override { return {}; }
    const Vocabulary& vocabulary() const override { return m_vocabulary; }
    TokenId find(std::string_view) const override { return kNoToken; }
    bool isEndOfGeneration(TokenId) const override { return false; }
    bool isControl(TokenId) const override { return false; }

  private:
    std::vector<std::string> m_chunks;
    Vocabulary m_vocabulary;
};

struct Streamed {
    std::string text;
    bool stopped = false;
    std::string stop;
    bool wholeCharacters = true;
};

Streamed stream(const std::vector<std::string>& chunks, const std::vector<std::string>& stops,
                bool spacePrefix = false, bool continuesText = false) {
    StreamDecoder decoder(std::make_shared<ChunkTokenizer>(chunks, spacePrefix), stops,
                          continuesText);
    Streamed streamed;
    const auto take = [&](const std::string& part) {
        const QString shown = QString::fromUtf8(part.data(), static_cast<qsizetype>(part.size()));
        streamed.wholeCharacters = streamed.wholeCharacters && shown.toStdString() == part;
        streamed.text += part;
    };
    for (std::size_t i = 0; i < chunks.size(); ++i)
        take(decoder.push(static_cast<TokenId>(i)));
    take(decoder.finish());
    streamed.stopped = decoder.stopped();
    streamed.stop = decoder.stopString();
    return streamed;
}

/// Every way to cut the text into three.
template<typename Check>
void everySplit(const std::string& text, const Check& check) {
    for (std::size_t i = 0; i <= text.size(); ++i)
        for (std::size_t j = i; j <= text.size(); ++j)
            check(
                std::vector<std::string>{text.substr(0, i), text.substr(i, j - i), text.substr(j)});
}

std::vector<std::string> bytesOf(const std::string& text) {
    std::vector<std::string> bytes;
    for (const char byte : text)
        bytes.emplace_back(1, byte);
    return bytes;
}

} // namespace

class TstStreamDecoder : public QObject {
    Q_OBJECT

  private slots:
    void neverSplitsACharacter() {
        const std::string text = "a繁忙é😀🏽‍🚀。\nz";
        const auto check = [&](const std::vector<std::string>& chunks) {
            const Streamed streamed = stream(chunks, {});
            QVERIFY(streamed.wholeCharacters);
            QCOMPARE(streamed.text, text);
        };
        everySplit(text, check);
        check(bytesOf(text));
    }

    void stopsAcrossTokens() {
        const std::string text = "问：好\nUser: 你";
        const auto check = [&](const std::vector<std::string>& chunks) {
            const Streamed streamed = stream(chunks, {"\nUser:", "好x", "忙"});
            QVERIFY(streamed.wholeCharacters);
            QCOMPARE(streamed.text, std::string("问：好"));
            QVERIFY(streamed.stopped);
            QCOMPARE(streamed.stop, std::string("\nUser:"));
        };
        everySplit(text, check);
        check(bytesOf(text));
    }

    void theFirstStopToEndWins() {
        const auto check = [&](const std::vector<std::string>& chunks) {
            const Streamed streamed = stream(chunks, {"bcde", "cd", ""});
            QCOMPARE(streamed.text, std::string("ab"));
            QCOMPARE(streamed.stop, std::string("cd"));
        };
        everySplit("abcdef", check);
    }

    void aPossibleStopIsGivenAtTheEnd() {
        everySplit("ab##", [](const std::vector<std::string>& chunks) {
            const Streamed streamed = stream(chunks, {"###"});
            QCOMPARE(streamed.text, std::string("ab##"));
            QVERIFY(!streamed.stopped);
        });
    }

    void holdsBackOnlyWhatItMust() {
        StreamDecoder decoder(std::make_shared<ChunkTokenizer>(
                                  std::vector<std::string>{"ab#", "#", "c\xE7", "\xB9", "\x81"}),
                              {"###"});
        QCOMPARE(decoder.push(0), std::string("ab"));
        QCOMPARE(decoder.push(1), std::string());
        QCOMPARE(decoder.push(2), std::string("##c"));
        QCOMPARE(decoder.push(3), std::string());
        QCOMPARE(decoder.push(4), std::string("繁"));
        QCOMPARE(decoder.finish(), std::string());
    }

    void impossibleBytesAreReplaced() {
        const std::string bad = "a\xFF\xE7\xB9"
                                "b\xED\xA0\x80\xF0\x9F";
        const std::string expected = "a\uFFFD\uFFFDb\uFFFD\uFFFD\uFFFD\uFFFD";
        everySplit(bad, [&](const std::vector<std::string>& chunks) {
            QCOMPARE(stream(chunks, {}).text, expected);
        });
    }

    void firstSpaceOfSentencePiece() {
        QCOMPARE(stream({" Hello", " you"}, {}, true).text, std::string("Hello you"));
        QCOMPARE(stream({" Hello", " you"}, {}, true, true).text, std::string(" Hello you"));
        QCOMPARE(stream({" Hello", " you"}, {}, false).text, std::string(" Hello you"));
    }
};

INGLENOOK_SUITE(stream_decoder, TstStreamDecoder)
#include "tst_stream_decoder.moc"
