#include "engine/text/sentence_piece.h"

#include "engine/text/unicode.h"

#include <algorithm>

namespace engine {

namespace {

// Longer spellings take no part in merging: a rule is looked for at every cut of a token, which
// would cost the square of its length. Real vocabularies stay below 100 bytes.
constexpr std::size_t kLongestMergedToken = 256;

/// The code point when the text is exactly one character.
bool isOneCharacter(std::string_view text, char32_t& character) {
    return !text.empty() && utf8Decode(text, 0, character) == text.size();
}

} // namespace

void CharacterSymbols::set(char32_t character, TokenId symbol) {
    if (character < m_ascii.size())
        m_ascii[character] = symbol;
    else
        m_others[character] = symbol;
}

TokenId CharacterSymbols::find(char32_t character) const {
    if (character < m_ascii.size())
        return m_ascii[character];
    const auto found = m_others.find(character);
    return found != m_others.end() ? found->second : kNoToken;
}

CharacterSymbols characterSymbols(const TextIndex& mergeable) {
    CharacterSymbols symbols;
    for (const auto& [text, id] : mergeable) {
        char32_t character = 0;
        if (isOneCharacter(text, character))
            symbols.set(character, id);
    }
    return symbols;
}

SentencePieceRules rulesFromScores(const Vocabulary& vocabulary, const TextIndex& mergeable) {
    // Equal scores must tie, so that the leftmost wins: ranks number the distinct scores.
    std::vector<float> scores;
    for (const auto& [text, id] : mergeable)
        scores.push_back(vocabulary.tokens[static_cast<std::size_t>(id)].score);
    std::sort(scores.begin(), scores.end(), std::greater<>());
    scores.erase(std::unique(scores.begin(), scores.end()), scores.end());

    SentencePieceRules made{BpeRules(mergeable.size() * 4), characterSymbols(mergeable)};
    auto nextSymbol = static_cast<TokenId>(vocabulary.tokens.size());
    const auto symbolOf = [&](std::string_view part) -> TokenId {
        if (const auto found = mergeable.find(part); found != mergeable.end())
            return found->second;
        char32_t character = 0;
        if (!isOneCharacter(part, character))
            return kNoToken;
        if (made.characters.find(character) == kNoToken)
            made.characters.set(character, nextSymbol++);
        return made.characters.find(character);
    };
    for (const auto& [text, id] : mergeable) {
        if (text.size() > kLongestMergedToken || utf8ValidUntil(text, 0) != text.size())
            continue;
        const float score = vocabulary.tokens[static_cast<std::size_t>(id)].score;
        const auto rank = static_cast<std::uint32_t>(
            std::lower_bound(scores.begin(), scores.end(), score, std::greater<>()) -
            scores.begin());
        for (std::size_t cut = utf8Length(text, 0); cut < text.size();
             cut += utf8Length(text, cut)) {
            const TokenId left = symbolOf(text.substr(0, cut));
            const TokenId right = left < 0 ? kNoToken : symbolOf(text.substr(cut));
            if (left >= 0 && right >= 0)
                made.rules.insert(left, right, {rank, id});
        }
    }
    return made;
}

bool spacesOnlyLead(const TextIndex& mergeable) {
    for (const auto& [text, id] : mergeable) {
        std::size_t lead = 0;
        while (text.substr(lead).starts_with(kSpaceSymbol))
            lead += kSpaceSymbol.size();
        if (text.find(kSpaceSymbol, lead) != std::string_view::npos)
            return false;
    }
    return true;
}

std::string prepareSentencePiece(std::string_view text, bool prefix, bool removeExtraWhitespace) {
    std::string prepared;
    prepared.reserve(text.size() + text.size() / 2 + kSpaceSymbol.size());
    if (prefix)
        prepared += kSpaceSymbol;
    bool afterSpace = true; // removes leading spaces too
    for (const char character : text) {
        const bool space = character == ' ';
        if (space && removeExtraWhitespace && afterSpace)
            continue;
        afterSpace = space;
        if (space)
            prepared += kSpaceSymbol;
        else
            prepared += character;
    }
    if (removeExtraWhitespace && prepared.ends_with(kSpaceSymbol))
        prepared.resize(prepared.size() - kSpaceSymbol.size());
    return prepared;
}

} // namespace engine
