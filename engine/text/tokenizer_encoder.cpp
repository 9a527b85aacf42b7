#include "engine/text/tokenizer_encoder.h"

#include "engine/text/unicode.h"

#include <algorithm>
#include <functional>

namespace engine {

namespace {

constexpr std::size_t kCachePieces = 4096;     // a power of two; 256 KiB
constexpr std::size_t kCacheFromBytes = 16384; // below it, filling the cache costs more

} // namespace

TokenEncoder::TokenEncoder(const Vocabulary& vocabulary, const EncoderTables& tables,
                           std::size_t textSize, std::vector<TokenId>& ids)
    : m_vocabulary(vocabulary),
      m_tables(tables),
      m_ids(ids),
      m_session(*tables.splitter),
      m_merger(tables.rules) {
    if (textSize >= kCacheFromBytes)
        m_cache.resize(kCachePieces);
}

void TokenEncoder::encode(std::string_view text, bool first) {
    std::string composed;
    if (m_vocabulary.normalizeNfc && composeNfc(text, composed))
        text = composed;
    const bool optional =
        m_vocabulary.spacePrefixIfNone || m_vocabulary.kind == TokenizerKind::ByteLevelBpe;
    const bool prefix = m_vocabulary.addSpacePrefix &&
                        (first || !m_vocabulary.spacePrefixOnlyFirst) &&
                        !(optional && (text.starts_with(' ') || text.starts_with(kSpaceSymbol)));
    if (m_vocabulary.kind == TokenizerKind::SentencePiece) {
        m_prepared = prepareSentencePiece(text, prefix, m_vocabulary.removeExtraWhitespace);
        encodeSentence(m_prepared);
    } else if (prefix) {
        m_prepared.assign(" ").append(text);
        encodeBytes(m_prepared);
    } else {
        encodeBytes(text);
    }
}

void TokenEncoder::encodeBytes(std::string_view text) {
    split(text);
}

void TokenEncoder::encodeSentence(std::string_view text) {
    if (!m_tables.cutBeforeSpaces) {
        split(text);
        return;
    }
    std::size_t begin = 0;
    bool afterSpace = true;
    for (std::size_t at = 0; at < text.size();) {
        const bool space = text.substr(at, kSpaceSymbol.size()) == kSpaceSymbol;
        if (space && !afterSpace) {
            split(text.substr(begin, at - begin));
            begin = at;
        }
        afterSpace = space;
        at += space ? kSpaceSymbol.size() : 1;
    }
    split(text.substr(begin));
}

void TokenEncoder::split(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t valid = utf8ValidUntil(text, at);
        if (valid > at)
            m_session.split(text.substr(at, valid - at),
                            [this](std::string_view part) { piece(part); });
        at = valid;
        while (at < text.size() && utf8Length(text, at) == 0)
            ++at;
        if (at > valid) // bytes that are no characters are pieces of their own
            piece(text.substr(valid, at - valid));
    }
}

void TokenEncoder::piece(std::string_view text) {
    CachedPiece* slot = nullptr;
    if (!m_cache.empty() && text.size() <= CachedPiece{}.text.size()) {
        slot = &m_cache[std::hash<std::string_view>{}(text) & (kCachePieces - 1)];
        if (std::string_view(slot->text.data(), slot->bytes) == text) {
            m_ids.insert(m_ids.end(), slot->ids.begin(), slot->ids.begin() + slot->count);
            return;
        }
    }
    const std::size_t before = m_ids.size();
    mergedPiece(text);
    const std::size_t made = m_ids.size() - before;
    if (slot == nullptr || made > slot->ids.size())
        return;
    slot->bytes = static_cast<std::uint8_t>(text.size());
    slot->count = static_cast<std::uint8_t>(made);
    std::copy(text.begin(), text.end(), slot->text.begin());
    std::copy(m_ids.begin() + static_cast<std::ptrdiff_t>(before), m_ids.end(), slot->ids.begin());
}

void TokenEncoder::mergedPiece(std::string_view text) {
    if (!m_tables.wholePieces.empty()) {
        const auto whole = m_tables.wholePieces.find(text);
        if (whole != m_tables.wholePieces.end()) {
            m_ids.push_back(whole->second);
            return;
        }
    }
    symbolsOf(text);
    m_merger.merge(m_symbols);
    for (std::size_t i = 0; i < m_symbols.size(); ++i) {
        const BpeSymbol& symbol = m_symbols[i];
        if (symbol.id >= 0 && static_cast<std::size_t>(symbol.id) < m_vocabulary.tokens.size()) {
            m_ids.push_back(symbol.id);
            continue;
        }
        const std::size_t end = i + 1 < m_symbols.size() ? m_symbols[i + 1].begin : text.size();
        spellOut(text.substr(symbol.begin, end - symbol.begin));
    }
}

void TokenEncoder::symbolsOf(std::string_view text) {
    m_symbols.clear();
    if (m_vocabulary.kind == TokenizerKind::ByteLevelBpe) {
        for (std::size_t at = 0; at < text.size(); ++at)
            m_symbols.push_back({m_tables.bytes[static_cast<unsigned char>(text[at])], at});
        return;
    }
    for (std::size_t at = 0; at < text.size();) {
        char32_t character = 0;
        const std::size_t length = utf8Decode(text, at, character);
        m_symbols.push_back({length > 0 ? m_tables.characters.find(character) : kNoToken, at});
        at += length > 0 ? length : 1;
    }
}

void TokenEncoder::spellOut(std::string_view bytes) {
    const auto spell = [this](std::string_view text) {
        const bool known = std::all_of(text.begin(), text.end(), [this](char byte) {
            return m_tables.bytes[static_cast<unsigned char>(byte)] != kNoToken;
        });
        for (std::size_t i = 0; known && i < text.size(); ++i)
            m_ids.push_back(m_tables.bytes[static_cast<unsigned char>(text[i])]);
        return known;
    };
    if (spell(bytes))
        return;
    if (m_vocabulary.unknown != kNoToken)
        m_ids.push_back(m_vocabulary.unknown);
    else // some byte-level vocabularies lack the bytes that no UTF-8 holds
        spell("\xEF\xBF\xBD");
}

} // namespace engine
