#include "engine/text/tokenizer_added_tokens.h"

#include <algorithm>

namespace engine {

namespace {

bool isSpace(char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

} // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : m_tokens(std::move(tokens)) {
    std::erase_if(m_tokens, [](const AddedToken& token) { return token.text.empty(); });
    std::stable_sort(m_tokens.begin(), m_tokens.end(),
                     [](const AddedToken& a, const AddedToken& b) { return a.text < b.text; });
    const auto same = [](const AddedToken& a, const AddedToken& b) { return a.text == b.text; };
    m_tokens.erase(std::unique(m_tokens.begin(), m_tokens.end(), same), m_tokens.end());
    for (const AddedToken& token : m_tokens)
        m_firstBytes[static_cast<unsigned char>(token.text[0])] = true;
}

const AddedToken* AddedTokens::longestAt(std::string_view text, std::size_t at,
                                         bool allowControl) const {
    const AddedToken* longest = nullptr;
    auto low = m_tokens.begin();
    auto high = m_tokens.end();
    // [low, high) are the tokens that begin with the `depth` bytes read so far.
    for (std::size_t depth = 0; at + depth < text.size() && low != high; ++depth) {
        const auto wanted = static_cast<unsigned char>(text[at + depth]);
        const auto byteOf = [depth](const AddedToken& token) {
            return depth < token.text.size() ? static_cast<unsigned char>(token.text[depth]) : -1;
        };
        low = std::partition_point(low, high,
                                   [&](const AddedToken& t) { return byteOf(t) < wanted; });
        high = std::partition_point(low, high,
                                    [&](const AddedToken& t) { return byteOf(t) <= wanted; });
        if (low != high && low->text.size() == depth + 1 && (allowControl || !low->control))
            longest = &*low;
    }
    return longest;
}

AddedTokens::Match AddedTokens::find(std::string_view text, std::size_t from,
                                     bool allowControl) const {
    for (std::size_t at = from; at < text.size(); ++at) {
        if (!m_firstBytes[static_cast<unsigned char>(text[at])])
            continue;
        const AddedToken* found = longestAt(text, at, allowControl);
        if (found == nullptr)
            continue;
        Match match{found->id, at, at + found->text.size()};
        while (found->lstrip && match.begin > from && isSpace(text[match.begin - 1]))
            --match.begin;
        while (found->rstrip && match.end < text.size() && isSpace(text[match.end]))
            ++match.end;
        return match;
    }
    return {};
}

} // namespace engine
