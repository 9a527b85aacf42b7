#include "engine/text/tokenizer_tables.h"

#include "engine/text/sentence_piece.h"
#include "engine/text/unicode.h"

#include <cmath>

namespace engine {

namespace {

constexpr std::array<std::string_view, 9> kEndOfTurn = {
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<end_of_turn>",
    "<\xEF\xBD\x9C"
    "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
    "<|EOT|>"};

Status inconsistent(std::string detail) {
    return Status(Code::TokenizerInconsistent, {{"detail", std::move(detail)}});
}

/// Value of "<0xNN>", or -1.
int byteOfSpelling(std::string_view text) {
    if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>')
        return -1;
    int value = 0;
    for (const char digit : text.substr(3, 2)) {
        const int nibble = digit >= '0' && digit <= '9'   ? digit - '0'
                           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                                          : -1;
        if (nibble < 0)
            return -1;
        value = value * 16 + nibble;
    }
    return value;
}

bool isVerbatim(TokenAttribute attribute) {
    return attribute == TokenAttribute::Control || attribute == TokenAttribute::UserDefined ||
           attribute == TokenAttribute::Unknown || attribute == TokenAttribute::Unused;
}

/// Appends a token in the printable alphabet as bytes; characters outside it stay as they are.
void appendFromPrintable(std::string& bytes, std::string_view text,
                         const std::array<int, 0x144>& byteOfPrintable) {
    for (std::size_t at = 0; at < text.size();) {
        char32_t character = 0;
        const std::size_t length = utf8Decode(text, at, character);
        if (length > 0 && character < byteOfPrintable.size() && byteOfPrintable[character] >= 0)
            bytes += static_cast<char>(byteOfPrintable[character]);
        else
            bytes += text.substr(at, length > 0 ? length : 1);
        at += length > 0 ? length : 1;
    }
}

void appendWithSpaces(std::string& bytes, std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const bool space = text.substr(at).starts_with(kSpaceSymbol);
        bytes += space ? ' ' : text[at];
        at += space ? kSpaceSymbol.size() : 1;
    }
}

} // namespace

std::array<char32_t, 256> printableAlphabet() {
    std::array<char32_t, 256> alphabet{};
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
        const bool printable =
            (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
        alphabet[byte] = printable ? byte : next++;
    }
    return alphabet;
}

bool isMergeable(TokenAttribute attribute) {
    return attribute == TokenAttribute::Normal || attribute == TokenAttribute::UserDefined;
}

Status checkVocabulary(const Vocabulary& vocabulary) {
    if (vocabulary.kind == TokenizerKind::None || vocabulary.tokens.empty())
        return Status(Code::TokenizerMissing, {{"file", "The model"}});
    const std::size_t count = vocabulary.tokens.size();
    if (count > kMaxTokens)
        return inconsistent("it has " + std::to_string(count) + " tokens, at most " +
                            std::to_string(kMaxTokens) + " are supported");
    const auto inRange = [count](TokenId id) {
        return id == kNoToken || (id >= 0 && static_cast<std::size_t>(id) < count);
    };
    const std::pair<const char*, TokenId> named[] = {{"bos", vocabulary.bos},
                                                     {"eos", vocabulary.eos},
                                                     {"unknown", vocabulary.unknown},
                                                     {"padding", vocabulary.padding}};
    for (const auto& [name, id] : named)
        if (!inRange(id))
            return inconsistent("the " + std::string(name) + " id is " + std::to_string(id) +
                                ", but there are " + std::to_string(count) + " tokens");
    for (const TokenId id : vocabulary.endOfGeneration)
        if (id == kNoToken || !inRange(id))
            return inconsistent("the end-of-generation id " + std::to_string(id) +
                                " is none of the " + std::to_string(count) + " tokens");
    for (std::size_t id = 0; id < count; ++id) {
        const VocabularyToken& token = vocabulary.tokens[id];
        if (vocabulary.kind == TokenizerKind::SentencePiece && std::isnan(token.score))
            return inconsistent("the score of token " + std::to_string(id) + " is not a number");
        if (token.attribute == TokenAttribute::Byte && byteOfSpelling(token.text) < 0)
            return inconsistent("token " + std::to_string(id) + " (" + token.text.substr(0, 40) +
                                ") is a byte token, but is not spelled <0xNN>");
    }
    return {};
}

TokenBytes::TokenBytes(const Vocabulary& vocabulary) {
    std::array<int, 0x144> byteOfPrintable;
    byteOfPrintable.fill(-1);
    const std::array<char32_t, 256> alphabet = printableAlphabet();
    for (int byte = 0; byte < 256; ++byte)
        byteOfPrintable[alphabet[static_cast<std::size_t>(byte)]] = byte;
    m_begins.reserve(vocabulary.tokens.size() + 1);
    for (const VocabularyToken& token : vocabulary.tokens) {
        m_begins.push_back(m_bytes.size());
        if (token.attribute == TokenAttribute::Byte)
            m_bytes += static_cast<char>(byteOfSpelling(token.text));
        else if (vocabulary.kind == TokenizerKind::SentencePiece)
            appendWithSpaces(m_bytes, token.text);
        else if (isVerbatim(token.attribute))
            m_bytes += token.text;
        else
            appendFromPrintable(m_bytes, token.text, byteOfPrintable);
    }
    m_begins.push_back(m_bytes.size());
}

std::string_view TokenBytes::of(TokenId id) const {
    const auto index = static_cast<std::size_t>(id);
    return std::string_view(m_bytes).substr(m_begins[index], m_begins[index + 1] - m_begins[index]);
}

std::array<TokenId, 256> byteTokens(const Vocabulary& vocabulary, const TextIndex& all) {
    std::array<TokenId, 256> tokens;
    tokens.fill(kNoToken);
    if (vocabulary.kind == TokenizerKind::SentencePiece) {
        for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
            if (vocabulary.tokens[id].attribute == TokenAttribute::Byte)
                tokens[static_cast<std::size_t>(byteOfSpelling(vocabulary.tokens[id].text))] =
                    static_cast<TokenId>(id);
        return tokens;
    }
    const std::array<char32_t, 256> alphabet = printableAlphabet();
    for (std::size_t byte = 0; byte < 256; ++byte) {
        std::string spelling;
        utf8Append(spelling, alphabet[byte]);
        const auto found = all.find(spelling);
        if (found != all.end() &&
            vocabulary.tokens[static_cast<std::size_t>(found->second)].attribute ==
                TokenAttribute::Normal)
            tokens[byte] = found->second;
    }
    return tokens;
}

std::vector<bool> endOfGenerationSet(const Vocabulary& vocabulary, const TextIndex& all) {
    std::vector<bool> ends(vocabulary.tokens.size(), false);
    if (vocabulary.eos != kNoToken)
        ends[static_cast<std::size_t>(vocabulary.eos)] = true;
    for (const TokenId id : vocabulary.endOfGeneration)
        ends[static_cast<std::size_t>(id)] = true;
    for (const std::string_view text : kEndOfTurn)
        if (const auto found = all.find(text); found != all.end()) {
            const auto id = static_cast<std::size_t>(found->second);
            if (vocabulary.tokens[id].attribute == TokenAttribute::Control)
                ends[id] = true;
        }
    return ends;
}

} // namespace engine
